/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Extended attributes as a kernel lists and hands them out: u16 length of the
 * list, the list; then for each value u16 length and a byte that fills it,
 * where lengths above the kernel's limit are errors. The agent makes a set
 * that the vault takes, of what could be read, or says why it could not.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/xattr.h>

#include "agent/meta.h"
#include "tests/fuzz/entry.h"

#define VALUE_MAX 65536U
#define LIST_MAX 2048U

static struct span list;
static struct rcur values;
static struct {
	char name[256];
	uint32_t length; /* above VALUE_MAX: an error */
	uint8_t fill;
} given[LIST_MAX];
static size_t n_given;

ssize_t __wrap_flistxattr(int fd, char *p, size_t n);
ssize_t __wrap_fgetxattr(int fd, const char *name, void *p, size_t n);

static ssize_t
fail(int err)
{
	errno = err;
	return -1;
}

/* The kernel takes no other list from a file system than this. */
static bool
list_is_whole(void)
{
	bool named = false;

	for (size_t i = 0; i < list.n; i++) {
		if (list.p[i] == '\0' && !named)
			return false;
		named = list.p[i] != '\0';
	}
	return !named;
}

ssize_t
__wrap_flistxattr(int fd, char *p, size_t n)
{
	(void)fd;
	if (!list_is_whole())
		return fail(EIO);
	if (n < list.n)
		return fail(ERANGE);
	if (list.n > 0)
		memcpy(p, list.p, list.n);
	return (ssize_t)list.n;
}

/* Asked for a name again, it answers the same. */
static size_t
give(const char *name)
{
	size_t i = 0;

	while (i < n_given && strcmp(given[i].name, name) != 0)
		i++;
	if (i < n_given)
		return i;
	strcpy(given[i].name, name);
	given[i].length = rcur_u16(&values);
	given[i].fill = rcur_u8(&values);
	if (given[i].length >= 65000)
		given[i].length += VALUE_MAX;
	return n_given++;
}

ssize_t
__wrap_fgetxattr(int fd, const char *name, void *p, size_t n)
{
	size_t i;

	(void)fd;
	if (strlen(name) > 255)
		return fail(ERANGE);
	i = give(name);
	if (given[i].length > VALUE_MAX)
		return fail(given[i].fill & 1 ? ENODATA : EIO);
	if (given[i].length > n)
		return fail(ERANGE);
	memset(p, given[i].fill, given[i].length);
	return (ssize_t)given[i].length;
}

static void
check(const struct meta_attrs *m, enum problem_reason reason)
{
	_cleanup_buf_ struct buf frame = BUF_INIT;
	struct wire_attrs wire = {.set = buf_span(&m->set)};
	struct attrs set;
	struct span value;
	uint32_t found = 0;

	TRIP_MUST(attrs_open(buf_span(&m->set), &set) == 0);
	TRIP_MUST(wire_attrs_encode(&frame, &wire) == 0);
	TRIP_MUST(meta_attrs_any(m) == (set.n > 0));
	for (size_t i = 0; i < n_given; i++) {
		if (attrs_find(&set, span_str(given[i].name), &value) != 0) {
			TRIP_MUST(reason != 0 || (given[i].length > VALUE_MAX &&
							 given[i].fill & 1));
			continue;
		}
		found++;
		TRIP_MUST(value.n == given[i].length);
		if (value.n > 0)
			TRIP_MUST(value.p[value.n - 1] == given[i].fill);
	}
	TRIP_MUST(found == set.n);
	TRIP_MUST(list_is_whole() || reason == PROBLEM_ATTRS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct meta_attrs m = {.cap = 0};
	struct rcur r = rcur_init(span_of(data, size));
	enum problem_reason reason;
	uint16_t n = rcur_u16(&r);
	int err;

	list = rcur_span(&r, n);
	if (!rcur_ok(&r) || n > LIST_MAX)
		return 0;
	values = r;
	n_given = 0;
	TRIP_MUST(meta_attrs_read(&m, 0, NULL, &reason, &err) == 0);
	TRIP_MUST((reason == 0) == (err == 0));
	check(&m, reason);
	meta_attrs_free(&m);
	return 0;
}
