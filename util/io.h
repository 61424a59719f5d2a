/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_IO_H
#define UTIL_IO_H

/*
 * Files, with EINTR handled, short transfers continued, and the fault hook in
 * front of each system call. Every call returns 0 (or what is said) or a
 * negative errno.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

/* A descriptor, always close-on-exec, that the caller owns. */
must_check int io_openat(int dirfd, const char *path, int flags, mode_t mode);

/*
 * The same for what must be a regular file: -ELOOP for a last symbolic link,
 * -EISDIR for a directory, -EINVAL for anything else. Never blocks, whatever
 * was put in the file's place; mode counts only with O_CREAT.
 */
must_check int io_open_regular(
	int dirfd, const char *path, int flags, mode_t mode);

/* A directory's stream, that the caller owns (_cleanup_closedir_), or NULL and
 * *ret_err. A last symbolic link is not followed. */
must_check DIR *io_opendirat(int dirfd, const char *name, int *ret_err);

/* One read: the bytes read, from 1 to n, or 0 at the end of the file. */
must_check ssize_t io_read_some(int fd, void *p, size_t n);

/*
 * The same of the line between vault and agent, and one write to it: bytes,
 * perhaps fewer than n, or -EAGAIN when it takes none now. To the fault hook
 * they are no files, so that a test can tell whose error must come of it.
 */
must_check ssize_t io_recv_some(int fd, void *p, size_t n);
must_check ssize_t io_send_some(int fd, const void *p, size_t n);

/*
 * Exactly n bytes. -ENODATA when the file or stream ends before; then, as
 * after any failure, the contents of p are undefined.
 */
must_check int io_read_full(int fd, void *p, size_t n);
must_check int io_pread_full(int fd, void *p, size_t n, uint64_t off);

/* All n bytes; after a failure an unknown part of them is written. */
must_check int io_write_full(int fd, const void *p, size_t n);
must_check int io_pwrite_full(int fd, const void *p, size_t n, uint64_t off);

/*
 * Make what was written durable. A failure is final: the caller must treat
 * what it wrote since the last success as lost, and must not try again (see
 * io.c for why).
 */
must_check int io_fsync(int fd);

/* The same for the names in a directory; fd must not be O_PATH. */
must_check int io_fsync_dirfd(int fd);

/*
 * Rename in one step. With noreplace an existing new name gives -EEXIST; a
 * filesystem that cannot promise that gives -EINVAL, and nothing changed.
 */
must_check int io_renameat(int olddir, const char *old, int newdir,
	const char *new, bool noreplace);

/* flags as of unlinkat(2). */
int io_unlinkat(int dirfd, const char *name, int flags);

must_check int io_mkdirat(int dirfd, const char *name, mode_t mode);

/*
 * Append a whole regular file of at most max bytes to b; a last symbolic link
 * is not followed. -EFBIG when it is larger, -ELOOP for a link, -EISDIR for a
 * directory, -EINVAL for anything else that is not a regular file. Never
 * blocks on a FIFO. On failure b has its old contents.
 */
must_check int io_read_file(
	int dirfd, const char *name, size_t max, struct buf *b);

/*
 * Give a file new contents in one step: readers, also after a crash, see the
 * old file or the new one, whole. name is a single component; mode is cut by
 * the umask. Goes through ".NAME.tmp" in the same directory (an older one is
 * removed first), so two writers of one name need a lock of their own.
 *
 * On failure the old file stands and no temporary file is left, with one
 * exception: when only the last step, the directory's fsync, fails, the new
 * file stands but may not survive a power cut.
 */
must_check int io_replace(
	int dirfd, const char *name, struct span data, mode_t mode);

/* Size of a regular file; -EINVAL for anything else. */
must_check int io_file_size(int fd, uint64_t *ret_size);

#endif
