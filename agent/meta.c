/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/dirs.h"
#include "agent/meta.h"
#include "util/hook.h"
#include "util/io.h"
#include "util/limits.h"
#include "util/mem.h"

/*
 * The kernel sets aside as much memory as it is offered, so it is offered
 * little at first, and then the kernel's own limit: with that much room no
 * size can be too small, whatever changes meanwhile.
 */
#define ROOM_FIRST 1024U
#define ROOM_MAX 65536U

#define STAT_MASK                                                              \
	(STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID |       \
		STATX_MTIME | STATX_CTIME | STATX_INO | STATX_SIZE)

#define TAG_NAME "/CACHEDIR.TAG"

static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55";

struct meta_row {
	size_t name, name_n;
	size_t value, value_n;
};

static uint8_t
kind_of(unsigned int mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return FILE_REGULAR;
	case S_IFDIR:
		return FILE_DIRECTORY;
	case S_IFLNK:
		return FILE_SYMLINK;
	case S_IFIFO:
		return FILE_FIFO;
	case S_IFSOCK:
		return FILE_SOCKET;
	case S_IFCHR:
		return FILE_CHAR;
	case S_IFBLK:
		return FILE_BLOCK;
	default:
		return 0;
	}
}

/* A file system in user space can claim any number of nanoseconds. */
static struct when
when_of(const struct statx_timestamp *t)
{
	return (struct when){
		t->tv_sec, t->tv_nsec < 1000000000 ? t->tv_nsec : 999999999};
}

static void
fill(struct listing *l, const struct statx *stx)
{
	l->kind = kind_of(stx->stx_mode);
	l->mode = (uint16_t)(stx->stx_mode & 07777);
	l->user = stx->stx_uid;
	l->group = stx->stx_gid;
	l->size = stx->stx_size < FORMAT_FILE_MAX ? stx->stx_size
						  : FORMAT_FILE_MAX;
	l->mtime = when_of(&stx->stx_mtime);
	l->ctime = when_of(&stx->stx_ctime);
	l->inode = stx->stx_ino;
	l->device = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	l->links = stx->stx_nlink;
	l->major = stx->stx_rdev_major;
	l->minor = stx->stx_rdev_minor;
}

static bool
is_mount(const struct statx *stx)
{
	return (stx->stx_attributes & stx->stx_attributes_mask &
		       (STATX_ATTR_MOUNT_ROOT | STATX_ATTR_AUTOMOUNT)) != 0;
}

int
meta_is_mount(int at, const char *name)
{
	const int flags =
		AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC;
	struct statx stx;

	if (statx(at, name, flags, 0, &stx) < 0)
		return -errno;
	return is_mount(&stx);
}

int
meta_stat(int at, const char *name, enum meta_how how, struct listing *ret,
	bool *ret_mount)
{
	int flags = AT_NO_AUTOMOUNT;
	struct statx stx;
	int err;

	if (how != META_FOLLOW)
		flags |= AT_SYMLINK_NOFOLLOW;
	if (how == META_CACHED)
		flags |= AT_STATX_DONT_SYNC;

	err = hook_check(HOOK_STAT);
	if (err < 0)
		return err;
	if (statx(at, name, flags, STAT_MASK, &stx) < 0)
		return -errno;
	/* Nothing else is known of an inode of no known kind. */
	if (kind_of(stx.stx_mode) == 0)
		return -EOPNOTSUPP;
	fill(ret, &stx);
	*ret_mount = is_mount(&stx);
	return 0;
}

bool
meta_is_cachedir(int at, const char *name, uint32_t owner)
{
	char path[NAME_MAX + sizeof(TAG_NAME)], head[sizeof(tag) - 1];
	_cleanup_close_ int fd = -1;
	size_t n = strlen(name);
	struct stat st;

	if (n > NAME_MAX)
		return false;
	memcpy(path, name, n);
	memcpy(path + n, TAG_NAME, sizeof(TAG_NAME));
	/* Looked at first, so that no device is ever opened. */
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!S_ISREG(st.st_mode) || (st.st_uid != owner && st.st_uid != 0))
		return false;
	fd = dirs_openat(at, path, O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || io_pread_full(fd, head, sizeof(head), 0) < 0)
		return false;
	return memcmp(head, tag, sizeof(head)) == 0;
}

/* The names' list (key NULL) or a value, with room for n bytes at p. */
static ssize_t
ask(int fd, const char *name, const char *key, uint8_t *p, size_t n)
{
	ssize_t got;

	if (!key && fd >= 0)
		got = flistxattr(fd, (char *)p, n);
	else if (!key)
		got = llistxattr(name, (char *)p, n);
	else if (fd >= 0)
		got = fgetxattr(fd, key, p, n);
	else
		got = lgetxattr(name, key, p, n);
	return got < 0 ? -errno : got;
}

/* The same, appended to b. */
static int
append(struct buf *b, int fd, const char *name, const char *key)
{
	static const size_t rooms[] = {ROOM_FIRST, ROOM_MAX};
	ssize_t got = -ERANGE;
	int err;

	for (size_t i = 0; got == -ERANGE && i < array_len(rooms); i++) {
		err = buf_reserve(b, rooms[i]);
		if (err < 0)
			return err;
		got = ask(fd, name, key, b->p + b->n, rooms[i]);
	}
	if (got < 0)
		return (int)got;
	b->n += (size_t)got;
	return 0;
}

static int
add_row(struct meta_attrs *m, size_t n, struct meta_row row)
{
	size_t cap = m->cap > 0 ? 2 * m->cap : 16;
	struct meta_row *rows;
	struct attr *attrs;

	if (n == m->cap) {
		rows = mem_realloc_array(m->row, cap, sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		m->row = rows;
		attrs = mem_realloc_array(m->attr, cap, sizeof(*attrs));
		if (!attrs)
			return -ENOMEM;
		m->attr = attrs;
		m->cap = cap;
	}
	m->row[n] = row;
	return 0;
}

struct reading {
	size_t rows;
	size_t bytes; /* of the set as it will be encoded */
	int err;      /* of the first value that could not be read */
	bool beyond;  /* the limit */
};

/* One that has gone since the names were listed is simply not there. */
static int
read_one(struct meta_attrs *m, int fd, const char *name, size_t at,
	struct reading *r)
{
	const char *key = (const char *)m->names.p + at;
	struct meta_row row = {.name = at, .name_n = strlen(key)};
	int err;

	row.value = m->values.n;
	err = append(&m->values, fd, name, key);
	if (err == -ENODATA)
		return 0;
	if (err == -ENOMEM)
		return err;
	if (err < 0) {
		if (r->err == 0)
			r->err = -err;
		return 0;
	}
	row.value_n = m->values.n - row.value;
	r->bytes += 6 + row.name_n + row.value_n;
	r->beyond = r->bytes > WIRE_PAYLOAD_MAX - 8;
	if (r->beyond)
		return 0;
	return add_row(m, r->rows++, row);
}

static int
by_name(const void *ap, const void *bp)
{
	const struct attr *a = ap, *b = bp;
	size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
	int c = memcmp(a->name.p, b->name.p, n);

	if (c != 0)
		return c;
	return (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

/* Sorted, and a name that the kernel told twice only once. */
static int
encode(struct meta_attrs *m, size_t rows)
{
	size_t n = 0;

	for (size_t i = 0; i < rows; i++) {
		const struct meta_row *r = &m->row[i];

		m->attr[i].name = span_of(m->names.p + r->name, r->name_n);
		m->attr[i].value = span_of(m->values.p + r->value, r->value_n);
	}
	if (rows > 1)
		qsort(m->attr, rows, sizeof(*m->attr), by_name);
	for (size_t i = 0; i < rows; i++) {
		if (n == 0 || by_name(&m->attr[n - 1], &m->attr[i]) != 0)
			m->attr[n++] = m->attr[i];
	}
	return attrs_encode(&m->set, m->attr, n);
}

int
meta_attrs_read(struct meta_attrs *m, int fd, const char *name,
	enum problem_reason *ret_reason, int *ret_err)
{
	struct reading r = {.bytes = 4};
	int err;

	buf_clear(&m->set);
	buf_clear(&m->names);
	buf_clear(&m->values);
	*ret_reason = 0;
	*ret_err = 0;
	err = append(&m->names, fd, name, NULL);
	if (err == -ENOMEM)
		return err;
	r.err = err == -EOPNOTSUPP ? 0 : -err;
	for (size_t at = 0; at < m->names.n && !r.beyond;) {
		err = read_one(m, fd, name, at, &r);
		if (err < 0)
			return err;
		at += strlen((const char *)m->names.p + at) + 1;
	}
	if (r.err != 0) {
		*ret_reason = PROBLEM_ATTRS;
		*ret_err = r.err;
	}
	/* Part of a set would be taken for all of it: better none. */
	if (r.beyond) {
		*ret_reason = PROBLEM_ATTRS_LIMIT;
		*ret_err = E2BIG;
		r.rows = 0;
	}
	return encode(m, r.rows);
}

bool
meta_attrs_any(const struct meta_attrs *m)
{
	return m->set.n > 4;
}

void
meta_attrs_free(struct meta_attrs *m)
{
	buf_free(&m->names);
	buf_free(&m->values);
	buf_free(&m->set);
	mem_free(m->row);
	mem_free(m->attr);
	*m = (struct meta_attrs){0};
}
