/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Values of the index as a damaged or foreign one may hold them: u8 length and
 * bytes of its mark, then the value of an id. What does not read is a miss; what
 * is put is what is found.
 */

#include <fcntl.h>
#include <unistd.h>

#include "format/types.h"
#include "store/index.h"
#include "store/ledger.h"
#include "store/mark.h"
#include "store/rocks.h"
#include "store/room.h"
#include "tests/fuzz/entry.h"

static const struct store_id store = {{1, 2, 3}};
static struct span mark, value; /* in the database */
static uint8_t new_mark[64], new_value[64];
static bool destroyed;

int __wrap_rocks_open(const char *path, const struct rocks_sizes *sizes,
	struct rocks **ret, char *why, size_t n);
void __wrap_rocks_close(struct rocks *r);
int __wrap_rocks_get(struct rocks *r, struct span key, struct buf *out);
void __wrap_rocks_put(struct rocks *r, struct span key, struct span v);
int __wrap_rocks_write(struct rocks *r);
bool __wrap_rocks_plain(int dirfd, const char *name);
int __wrap_rocks_destroy(int dirfd, const char *name);
int __wrap_room_check(int fd, struct fault *f);
int __wrap_io_mkdirat(int dirfd, const char *name, mode_t mode);
int __wrap_io_openat(int dirfd, const char *path, int flags, mode_t mode);
int __wrap_faccessat(int dirfd, const char *name, int mode, int flags);
int __wrap_ledger_hash(
	struct ledger *l, uint64_t n, struct root *ret, struct fault *f);

int
__wrap_rocks_open(const char *path, const struct rocks_sizes *sizes,
	struct rocks **ret, char *why, size_t n)
{
	(void)path;
	(void)sizes;
	(void)why;
	(void)n;
	*ret = (struct rocks *)new_mark;
	return 0;
}

void
__wrap_rocks_close(struct rocks *r)
{
	(void)r;
}

int
__wrap_rocks_get(struct rocks *r, struct span key, struct buf *out)
{
	const struct span *v = key.n == 7 ? &mark : &value;

	(void)r;
	buf_clear(out);
	return v->p ? buf_append(out, v->p, v->n) : -ENOENT;
}

void
__wrap_rocks_put(struct rocks *r, struct span key, struct span v)
{
	uint8_t *to = key.n == 7 ? new_mark : new_value;

	(void)r;
	TRIP_MUST(v.n <= sizeof(new_mark));
	memcpy(to, v.p, v.n);
	*(key.n == 7 ? &mark : &value) = span_of(to, v.n);
}

int
__wrap_rocks_write(struct rocks *r)
{
	(void)r;
	return 0;
}

bool
__wrap_rocks_plain(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	return true;
}

int
__wrap_rocks_destroy(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	destroyed = true;
	return 0;
}

int
__wrap_room_check(int fd, struct fault *f)
{
	(void)fd;
	(void)f;
	return 0;
}

int
__wrap_io_mkdirat(int dirfd, const char *name, mode_t mode)
{
	(void)dirfd;
	(void)name;
	(void)mode;
	return 0;
}

/* The folder of caches. */
int
__wrap_io_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	(void)dirfd;
	(void)path;
	(void)mode;
	return open("/", flags | O_CLOEXEC);
}

int
__wrap_faccessat(int dirfd, const char *name, int mode, int flags)
{
	(void)dirfd;
	(void)name;
	(void)mode;
	(void)flags;
	return 0;
}

/* A ledger of 1,000 leaves. */
int
__wrap_ledger_hash(
	struct ledger *l, uint64_t n, struct root *ret, struct fault *f)
{
	(void)l;
	(void)f;
	memset(ret, 0, sizeof(*ret));
	le64_put(ret->b, n);
	return n < 1000 ? 0 : -EBADMSG;
}

/* Open, look an id up, close. What it reflects. */
static uint64_t
look(const struct id *id, int want, struct addr *at)
{
	struct index *ix = NULL;
	uint64_t reflects;

	destroyed = false;
	TRIP_MUST(index_open("/", -1, &store, NULL, &ix, &reflects, NULL) == 0);
	TRIP_MUST(destroyed == (reflects == 0));
	TRIP_MUST(index_get(ix, id, at) == want);
	index_close(ix);
	return reflects;
}

/* The leaves of a mark of this ledger, or 0. */
static uint64_t
leaves_of(struct span bytes)
{
	struct root last;
	uint64_t n;

	if (bytes.n != 56 || memcmp(bytes.p, store.b, 16) != 0)
		return 0;
	n = le64_get(bytes.p + 16);
	if (n == 0 || __wrap_ledger_hash(NULL, n - 1, &last, NULL) != 0 ||
		memcmp(bytes.p + 24, last.b, sizeof(last.b)) != 0)
		return 0;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct id id = {{7}};
	struct rcur r = rcur_init(span_of(data, size));
	struct mark next = {.store = store, .leaves = 7};
	struct addr at = {0, 0}, same = {0, 0};
	uint64_t reflects;
	struct index *ix;

	mark = rcur_span(&r, rcur_u8(&r));
	value = rcur_span(&r, rcur_left(&r));
	if (!rcur_ok(&r) || !value.p)
		return 0;
	TRIP_MUST(
		look(&id, value.n == 8 ? 0 : -ENOENT, &at) == leaves_of(mark));
	TRIP_MUST(__wrap_ledger_hash(NULL, 6, &next.last, NULL) == 0);
	TRIP_MUST(index_open("/", -1, &store, NULL, &ix, &reflects, NULL) == 0);
	index_put(ix, &id, at);
	index_write(ix, &next);
	index_close(ix);
	TRIP_MUST(look(&id, 0, &same) == 7);
	TRIP_MUST(addr_equal(at, same));
	return 0;
}
