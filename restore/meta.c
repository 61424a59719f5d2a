/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order matters: a change of owner takes set-id bits and capabilities
 * away, so mode and capability come after it; an ACL is set while the mode is
 * still closed to others, and one that was there is taken away before; times
 * come last. What the target cannot hold is counted and the rest goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "restore/restore_internal.h"

#define SET_ID (S_ISUID | S_ISGID)
#define NOBODY_AT_ALL UINT32_MAX
#define ACL_ACCESS "system.posix_acl_access"

/* Entries of an ACL: u32 version 2, then u16 tag, u16 rights, u32 number. */
#define ACL_HEAD 4U
#define ACL_ENTRY 8U
#define ACL_GROUP_OBJ 4U

/* What is known of one inode on the way. */
struct state {
	struct run *run;
	const struct meta_at *at;
	const struct place *place;
	struct restore_report *did;
	unsigned int mode;
};

static void
lost(struct state *s, enum restore_kind kind, int err)
{
	if (s->did->lost[kind]++ == 0)
		s->did->why[kind] = err;
}

static void
set_owner(struct state *s)
{
	const struct dirent_rec *e = &s->place->entry;
	const struct meta_at *at = s->at;
	int r;

	if (at->created && e->user == s->run->uid && e->group == at->group)
		return;
	/* To chown(2) it means "as it is", and it would pass for done. */
	if (e->user == NOBODY_AT_ALL || e->group == NOBODY_AT_ALL) {
		errno = EINVAL;
		r = -1;
	} else if (at->fd >= 0)
		r = fchown(at->fd, e->user, e->group);
	else
		r = fchownat(at->dirfd, at->name, e->user, e->group,
			AT_SYMLINK_NOFOLLOW);
	if (r == 0)
		return;
	lost(s, RESTORE_OWNER, -errno);
	/* Set-id for someone else than the one who owned it. */
	if (s->mode & SET_ID) {
		s->mode &= ~(unsigned int)SET_ID;
		lost(s, RESTORE_MODE, -EPERM);
	}
}

static void
set_mode(struct state *s)
{
	const struct meta_at *at = s->at;
	int r;

	if (s->place->entry.kind == FILE_SYMLINK)
		return;
	if (at->fd >= 0)
		r = fchmod(at->fd, s->mode);
	else
		r = fchmodat(at->dirfd, at->name, s->mode, AT_SYMLINK_NOFOLLOW);
	if (r != 0)
		lost(s, RESTORE_MODE, -errno);
}

/* ---- extended attributes ---- */

static bool
has_prefix(struct span name, const char *prefix)
{
	size_t n = strlen(prefix);

	return name.n >= n && memcmp(name.p, prefix, n) == 0;
}

static enum restore_kind
kind_of(struct span name)
{
	if (has_prefix(name, "system.posix_acl_"))
		return RESTORE_ACL;
	if (span_eq(name, span_str("security.capability")))
		return RESTORE_CAPABILITY;
	return RESTORE_XATTR;
}

/*
 * Where an ACL cannot be set its mask must not become the group's rights:
 * the group bits are narrowed to what the ACL gives the owning group.
 */
static void
narrow_mode(struct state *s, const struct attr *attr)
{
	struct rcur r = rcur_init(attr->value);

	if (!span_eq(attr->name, span_str(ACL_ACCESS)))
		return;
	(void)rcur_u32(&r);
	while (rcur_left(&r) >= ACL_ENTRY) {
		unsigned int tag = rcur_u16(&r);
		unsigned int rights = rcur_u16(&r) & 7U;

		(void)rcur_u32(&r);
		if (tag == ACL_GROUP_OBJ)
			s->mode &= ~070U | rights << 3;
	}
}

/* The last component is not followed; there is no call that takes a
 * directory. */
#define PATH_SIZE (64U + LIMIT_NAME)

static void
path_of(const struct meta_at *at, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "/proc/self/fd/%d/%s", at->dirfd, at->name);
}

static int
set_attr(struct state *s, const struct attr *attr)
{
	char name[LIMIT_NAME + 1], path[PATH_SIZE];
	int r;

	memcpy(name, attr->name.p, attr->name.n);
	name[attr->name.n] = '\0';
	if (s->at->fd >= 0) {
		r = fsetxattr(s->at->fd, name, attr->value.p, attr->value.n, 0);
	} else {
		path_of(s->at, path);
		r = lsetxattr(path, name, attr->value.p, attr->value.n, 0);
	}
	return r == 0 ? 0 : -errno;
}

/*
 * What an inode has inherited, or had before: whom it names would get rights
 * by the mode that is set next. Without ACLs there is none to take away.
 */
static void
drop_acl(const struct meta_at *at)
{
	char path[PATH_SIZE];

	if (!at->strange)
		return;
	if (at->fd >= 0) {
		/* Its mask stays behind as the group's rights. */
		(void)fchmod(at->fd, S_IRWXU);
		(void)fremovexattr(at->fd, ACL_ACCESS);
	} else {
		path_of(at, path);
		(void)lremovexattr(path, ACL_ACCESS);
	}
}

static void
set_attrs(struct state *s, const struct attrs *set, bool capability)
{
	struct rcur at = rcur_init(set->rows);
	bool counted[RESTORE_KINDS] = {false};
	struct attr attr;
	int err;

	while (attrs_next(&at, &attr)) {
		enum restore_kind kind = kind_of(attr.name);

		if ((kind == RESTORE_CAPABILITY) != capability)
			continue;
		err = set_attr(s, &attr);
		if (err == 0)
			continue;
		if (kind == RESTORE_ACL)
			narrow_mode(s, &attr);
		if (!counted[kind])
			lost(s, kind, err);
		counted[kind] = true;
	}
}

/* ---- times ---- */

static bool
times_differ(const struct state *s, const struct timespec *want)
{
	struct stat st;
	int r;

	if (s->at->fd >= 0)
		r = fstat(s->at->fd, &st);
	else
		r = fstatat(
			s->at->dirfd, s->at->name, &st, AT_SYMLINK_NOFOLLOW);
	return r != 0 || st.st_mtim.tv_sec != want->tv_sec ||
	       st.st_mtim.tv_nsec != want->tv_nsec;
}

/*
 * A file system that cannot hold a time clamps it and says nothing. Times
 * outside of 32 bits are looked at, and the first few: those tell whether it
 * has nanoseconds.
 */
static void
set_times(struct state *s)
{
	const struct when *w = &s->place->entry.mtime;
	const struct timespec ts[2] = {
		{(time_t)w->s, (long)w->ns}, {(time_t)w->s, (long)w->ns}};
	bool wide = w->s < 0 || w->s > INT32_MAX;
	struct run *run = s->run;
	int r;

	/* Its own atime was not kept: the mount shows the same. */
	if (s->at->fd >= 0)
		r = futimens(s->at->fd, ts);
	else
		r = utimensat(
			s->at->dirfd, s->at->name, ts, AT_SYMLINK_NOFOLLOW);
	if (r != 0) {
		lost(s, RESTORE_TIME, -errno);
		return;
	}
	if (!wide && !atomic_load(&run->coarse) &&
		atomic_fetch_sub(&run->probes, 1) <= 0)
		return;
	if (times_differ(s, &ts[1])) {
		lost(s, RESTORE_TIME, -ERANGE);
		if (!wide)
			atomic_store(&run->coarse, true);
	}
}

/* The set, as far as it is known; what is not is counted. */
static void
get_attrs(struct state *s, struct view_object *o, struct attrs *ret)
{
	const struct place *place = s->place;
	bool damaged = place_attrs(s->run->snap, place, o, ret, NULL) != 0;
	bool unread = place->entry.flags & DIRENT_ATTRS_UNREAD;
	struct span acl;

	s->did->attrs_damaged += damaged;
	s->did->attrs_unread += unread;
	if ((damaged || unread) &&
		attrs_find(ret, span_str(ACL_ACCESS), &acl) != 0)
		s->mode = place_narrow_mode(place->entry.mode);
}

void
meta_apply(struct run *run, const struct meta_at *at, const struct place *place,
	struct restore_report *did)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct state s = {run, at, place, did, place->entry.mode};
	struct attrs set = {0, {NULL, 0}};

	get_attrs(&s, &o, &set);
	set_owner(&s);
	drop_acl(at);
	set_attrs(&s, &set, false);
	set_mode(&s);
	set_attrs(&s, &set, true);
	set_times(&s);
}
