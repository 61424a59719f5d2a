/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/hook.h"
#include "util/io.h"

/*
 * Every loop here has one shape: ask the hook, else do the call, else take
 * errno; go round only for EINTR. An EINTR that the hook makes is therefore
 * handled like a real one.
 *
 * Except for fsync, which is asked once. When writing a page back fails,
 * Linux reports it to one fsync per descriptor and marks the page clean: a
 * second fsync finds nothing to do and succeeds, over lost bytes. EINTR is no
 * exception: the call picks up, and drops, a pending write error on its way
 * out.
 */

/* How much io_read_file asks for once a file outgrows its stated size. */
#define READ_STEP 65536

int
io_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd;

	do {
		fd = hook_check(HOOK_OPEN);
		if (fd < 0)
			continue;
		fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
		if (fd < 0)
			fd = -errno;
	} while (fd == -EINTR);
	return fd;
}

DIR *
io_opendirat(int dirfd, const char *name, int *ret_err)
{
	int fd = io_openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		return dir;
	*ret_err = fd < 0 ? fd : -errno;
	cleanup_close(&fd);
	return NULL;
}

static ssize_t
read_as(enum hook_op op, int fd, void *p, size_t n)
{
	ssize_t got;

	do {
		size_t len = n;

		got = hook_check_len(op, &len);
		if (got < 0)
			continue;
		got = read(fd, p, len);
		if (got < 0)
			got = -errno;
	} while (got == -EINTR);
	return got;
}

ssize_t
io_read_some(int fd, void *p, size_t n)
{
	return read_as(HOOK_READ, fd, p, n);
}

ssize_t
io_recv_some(int fd, void *p, size_t n)
{
	return read_as(HOOK_RECV, fd, p, n);
}

int
io_read_full(int fd, void *p, size_t n)
{
	uint8_t *at = p;

	while (n > 0) {
		ssize_t got = io_read_some(fd, at, n);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return -ENODATA;
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

/* The kernel's offsets are signed. */
static bool
range_ok(size_t n, uint64_t off)
{
	uint64_t end;

	return add64_ok(off, n, &end) && end <= INT64_MAX;
}

static ssize_t
pread_some(int fd, void *p, size_t n, uint64_t off)
{
	ssize_t got;

	do {
		size_t len = n;

		got = hook_check_len(HOOK_PREAD, &len);
		if (got < 0)
			continue;
		got = pread(fd, p, len, (off_t)off);
		if (got < 0)
			got = -errno;
	} while (got == -EINTR);
	return got;
}

int
io_pread_full(int fd, void *p, size_t n, uint64_t off)
{
	uint8_t *at = p;

	if (!range_ok(n, off))
		return -EOVERFLOW;
	while (n > 0) {
		ssize_t got = pread_some(fd, at, n, off);

		if (got < 0)
			return (int)got;
		if (got == 0)
			return -ENODATA;
		at += got;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static ssize_t
write_as(enum hook_op op, int fd, const void *p, size_t n)
{
	ssize_t put;

	do {
		size_t len = n;

		put = hook_check_len(op, &len);
		if (put < 0)
			continue;
		put = write(fd, p, len);
		if (put < 0)
			put = -errno;
	} while (put == -EINTR);
	/* Nothing written and no reason given would loop for ever. */
	return put == 0 ? -EIO : put;
}

ssize_t
io_send_some(int fd, const void *p, size_t n)
{
	return write_as(HOOK_SEND, fd, p, n);
}

int
io_write_full(int fd, const void *p, size_t n)
{
	const uint8_t *at = p;

	while (n > 0) {
		ssize_t put = write_as(HOOK_WRITE, fd, at, n);

		if (put < 0)
			return (int)put;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

static ssize_t
pwrite_some(int fd, const void *p, size_t n, uint64_t off)
{
	ssize_t put;

	do {
		size_t len = n;

		put = hook_check_len(HOOK_PWRITE, &len);
		if (put < 0)
			continue;
		put = pwrite(fd, p, len, (off_t)off);
		if (put < 0)
			put = -errno;
	} while (put == -EINTR);
	return put == 0 ? -EIO : put;
}

int
io_pwrite_full(int fd, const void *p, size_t n, uint64_t off)
{
	const uint8_t *at = p;

	if (!range_ok(n, off))
		return -EOVERFLOW;
	while (n > 0) {
		ssize_t put = pwrite_some(fd, at, n, off);

		if (put < 0)
			return (int)put;
		at += put;
		off += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

int
io_fsync(int fd)
{
	int err = hook_check(HOOK_FSYNC);

	if (err < 0)
		return err;
	return fsync(fd) < 0 ? -errno : 0;
}

int
io_fsync_dirfd(int fd)
{
	return io_fsync(fd);
}

int
io_renameat(int olddir, const char *old, int newdir, const char *new,
	bool noreplace)
{
	unsigned int flags = noreplace ? RENAME_NOREPLACE : 0;
	int err;

	do {
		err = hook_check(HOOK_RENAME);
		if (err < 0)
			continue;
		if (renameat2(olddir, old, newdir, new, flags) < 0)
			err = -errno;
	} while (err == -EINTR);
	return err;
}

int
io_unlinkat(int dirfd, const char *name, int flags)
{
	int err;

	do {
		err = hook_check(HOOK_UNLINK);
		if (err < 0)
			continue;
		if (unlinkat(dirfd, name, flags) < 0)
			err = -errno;
	} while (err == -EINTR);
	return err;
}

int
io_mkdirat(int dirfd, const char *name, mode_t mode)
{
	int err;

	do {
		err = hook_check(HOOK_MKDIR);
		if (err < 0)
			continue;
		if (mkdirat(dirfd, name, mode) < 0)
			err = -errno;
	} while (err == -EINTR);
	return err;
}

int
io_file_size(int fd, uint64_t *ret_size)
{
	struct stat st;
	int err = hook_check(HOOK_STAT);

	if (err < 0)
		return err;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

int
io_open_regular(int dirfd, const char *path, int flags, mode_t mode)
{
	struct stat st;
	int err = 0;
	int fd = io_openat(
		dirfd, path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode);

	/* A socket, a device without a driver, or a FIFO that nobody reads. */
	if (fd == -ENXIO)
		return -EINVAL;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (S_ISDIR(st.st_mode))
		err = -EISDIR;
	else if (!S_ISREG(st.st_mode))
		err = -EINVAL;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

/* Append everything up to the end of fd; expect is only a first guess. */
static int
read_to_end(int fd, size_t expect, size_t max, struct buf *b)
{
	size_t have = 0, ask = expect;

	for (;;) {
		ssize_t got;
		int err;

		/* One byte more than allowed shows that there is more. */
		if (ask >= max - have)
			ask = max - have;
		if (ask < SIZE_MAX)
			ask++;
		err = buf_reserve(b, ask);
		if (err < 0)
			return err;
		got = io_read_some(fd, b->p + b->n, ask);
		if (got <= 0)
			return (int)got;
		have += (size_t)got;
		if (have > max)
			return -EFBIG;
		b->n += (size_t)got;
		/* A read of a whole file usually leaves only its end. */
		ask = have < expect ? expect - have : READ_STEP;
	}
}

int
io_read_file(int dirfd, const char *name, size_t max, struct buf *b)
{
	_cleanup_close_ int fd = -1;
	size_t start = b->n;
	uint64_t size;
	int err;

	fd = io_open_regular(dirfd, name, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	err = io_file_size(fd, &size);
	if (err < 0)
		return err;
	if (size > max)
		return -EFBIG;
	err = read_to_end(fd, (size_t)size, max, b);
	if (err < 0)
		b->n = start;
	return err;
}

/* Create the file, whole and durable, under a name that is not there. */
static int
write_new(int dirfd, const char *name, struct span data, mode_t mode)
{
	_cleanup_close_ int fd = -1;
	int err;

	fd = io_openat(
		dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	if (fd < 0)
		return fd;
	err = io_write_full(fd, data.p, data.n);
	if (err < 0)
		return err;
	return io_fsync(fd);
}

int
io_replace(int dirfd, const char *name, struct span data, mode_t mode)
{
	char tmp[NAME_MAX + 1];
	int err, n;

	/* AT_FDCWD could not be fsynced at the end. */
	if (dirfd < 0)
		return -EBADF;
	if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 ||
		strcmp(name, "..") == 0)
		return -EINVAL;
	n = snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
	if (n < 0 || (size_t)n >= sizeof(tmp))
		return -ENAMETOOLONG;
	/* What a crash left behind. */
	err = io_unlinkat(dirfd, tmp, 0);
	if (err < 0 && err != -ENOENT)
		return err;
	err = write_new(dirfd, tmp, data, mode);
	if (err == 0)
		err = io_renameat(dirfd, tmp, dirfd, name, false);
	if (err < 0) {
		/* Left over at worst; the next call removes it. */
		io_unlinkat(dirfd, tmp, 0);
		return err;
	}
	return io_fsync_dirfd(dirfd);
}
