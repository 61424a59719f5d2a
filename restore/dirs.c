/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "restore/making.h"
#include "util/hook.h"
#include "util/io.h"

/* Until owner and mode are set nobody else may look. */
#define MODE_NEW_DIR 0700U

void
make_plain(int fd)
{
	/* Without ACLs there is none to take away. */
	(void)fremovexattr(fd, "system.posix_acl_default");
}

static int
open_dir(const struct dir *dir, const char *name)
{
	return io_openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* A directory of this name that is there and may be filled. */
static bool
may_fill(struct run *run, const struct dir *dir, const struct item *item)
{
	/* Each new ext file system brings one along. */
	return run->opts->overwrite ||
	       (!dir->parent && strcmp(item->name, "lost+found") == 0);
}

static int
exchange(int dirfd, const char *a, const char *b)
{
	int err = hook_check(HOOK_RENAME);

	if (err == 0 && renameat2(dirfd, a, dirfd, b, RENAME_EXCHANGE) != 0)
		err = -errno;
	return err;
}

/*
 * A directory in the place of what is no directory. They change names in one
 * step: before it nothing has happened to the old one, after it the new one
 * is there. A file system that cannot do that keeps the old one.
 */
static int
replace_by_dir(struct run *run, const struct dir *dir, const struct item *item,
	struct fault *f)
{
	_cleanup_close_ int fd = -1;
	char temp[MAKING_TEMP_NAME];
	int err;

	making_temp_name(run, temp);
	err = io_mkdirat(dir->fd, temp, MODE_NEW_DIR);
	if (err == 0) {
		fd = open_dir(dir, temp);
		err = fd < 0 ? fd : exchange(dir->fd, temp, item->name);
		/* The new one if that failed, else the old one. */
		(void)io_unlinkat(dir->fd, temp, err < 0 ? AT_REMOVEDIR : 0);
	}
	if (err < 0)
		return fault_errno(f, FAULT_TARGET_EXISTS, err, NULL,
			"what is in the way of the directory cannot be "
			"replaced");
	return take_fd(&fd);
}

/*
 * A directory that was there. What was restored before may be closed to its
 * owner by now; its mode comes once more at the end. What cannot be opened to
 * him says so at the next step. -EEXIST: invariant 4, it is of the store, which
 * may lie below the target, or be mounted there.
 */
static int
open_found(const struct run *run, const struct dir *dir, const char *name)
{
	_cleanup_close_ int at = -1;
	char path[sizeof("/proc/self/fd/") + 10];
	struct stat st;

	at = io_openat(dir->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (at < 0)
		return at;
	if (fstat(at, &st) != 0)
		return -errno;
	if (folders_know(&run->store, st.st_dev, st.st_ino))
		return -EEXIST;
	if (!run->root && (st.st_mode & S_IRWXU) != S_IRWXU) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
		(void)chmod(path, (st.st_mode & 07777) | S_IRWXU);
	}
	return io_openat(at, ".", O_RDONLY | O_DIRECTORY, 0);
}

/* After -EEXIST. */
static int
take_dir(struct run *run, const struct dir *dir, const struct item *item,
	bool *created, struct fault *f)
{
	int fd;

	if (!may_fill(run, dir, item))
		return making_exists(f);
	fd = open_found(run, dir, item->name);
	if (fd >= 0) {
		make_plain(fd);
		return fd;
	}
	if (fd == -EEXIST)
		return fault_set(f, FAULT_TARGET_EXISTS, NULL,
			"it is the store itself, or of it");
	if (fd != -ENOTDIR && fd != -ELOOP)
		return fault_errno(f, FAULT_IO, fd, NULL,
			"the directory cannot be opened");
	if (!run->opts->overwrite)
		return making_exists(f);
	fd = replace_by_dir(run, dir, item, f);
	*created = fd >= 0;
	return fd;
}

int
make_dir(struct run *run, const struct dir *dir, const struct item *item,
	bool *created, struct fault *f)
{
	int err, fd;

	err = io_mkdirat(dir->fd, item->name, MODE_NEW_DIR);
	*created = err == 0;
	if (err == -EEXIST)
		return take_dir(run, dir, item, created, f);
	if (err < 0)
		return making_cannot(err, "directory", f);
	fd = open_dir(dir, item->name);
	if (fd < 0)
		return fault_errno(f, FAULT_IO, fd, NULL,
			"the new directory cannot be opened");
	return fd;
}
