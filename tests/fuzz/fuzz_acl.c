/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A snapshot's attribute set meets a target that takes no attribute: u16 mode,
 * then the set. Every attribute is tried once, capabilities after the mode; and
 * where the ACL is lost no one gets a right that it did not give.
 */

#include <errno.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "restore/restore_internal.h"
#include "tests/fuzz/entry.h"

static struct attrs set;
static unsigned int mode;
static uint32_t tried;
static bool mode_is_set;

int __wrap_place_attrs(struct view_snap *s, const struct place *p,
	struct view_object *o, struct attrs *ret, struct fault *f);
int __wrap_fchown(int fd, uid_t user, gid_t group);
int __wrap_fchmod(int fd, mode_t to);
int __wrap_futimens(int fd, const struct timespec ts[2]);
int __wrap_fsetxattr(
	int fd, const char *name, const void *value, size_t n, int flags);

int
__wrap_place_attrs(struct view_snap *s, const struct place *p,
	struct view_object *o, struct attrs *ret, struct fault *f)
{
	(void)s;
	(void)p;
	(void)f;
	*o = VIEW_OBJECT_NONE;
	*ret = set;
	return 0;
}

int
__wrap_fchown(int fd, uid_t user, gid_t group)
{
	(void)fd;
	(void)user;
	(void)group;
	return 0;
}

int
__wrap_fchmod(int fd, mode_t to)
{
	(void)fd;
	mode = to;
	mode_is_set = true;
	return 0;
}

int
__wrap_futimens(int fd, const struct timespec ts[2])
{
	(void)fd;
	(void)ts;
	return 0;
}

int
__wrap_fsetxattr(
	int fd, const char *name, const void *value, size_t n, int flags)
{
	struct span want;

	(void)fd;
	(void)flags;
	TRIP_MUST(attrs_find(&set, span_str(name), &want) == 0);
	TRIP_MUST(span_eq(want, span_of(value, n)));
	TRIP_MUST(mode_is_set == (strcmp(name, "security.capability") == 0));
	tried++;
	errno = EOPNOTSUPP;
	return -1;
}

/* What the ACL gives the owning group, if it says so. */
static unsigned int
group_rights(struct span acl)
{
	unsigned int rights = 7;

	for (size_t at = 4; at + 8 <= acl.n; at += 8) {
		if (le16_get(acl.p + at) == 4)
			rights = le16_get(acl.p + at + 2);
	}
	return rights & 7;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct meta_at at = {.fd = 1000000};
	struct restore_report did = {0};
	struct place place = {.entry = {.kind = FILE_REGULAR}};
	struct run run = {.snap = NULL};
	struct span acl;

	if (size < 2 || attrs_open(span_of(data + 2, size - 2), &set) != 0)
		return 0;
	place.entry.mode = le16_get(data) & 07777;
	tried = 0;
	mode_is_set = false;
	meta_apply(&run, &at, &place, &did);
	TRIP_MUST(tried == set.n && mode_is_set);
	TRIP_MUST((mode & ~(unsigned int)place.entry.mode) == 0);
	TRIP_MUST((mode | 070) == (place.entry.mode | 070U));
	if (attrs_find(&set, span_str("system.posix_acl_access"), &acl) == 0)
		TRIP_MUST((mode >> 3 & 7 & ~group_rights(acl)) == 0);
	return 0;
}
