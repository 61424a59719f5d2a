/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/census.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "store/immut.h"
#include "store/layout.h"
#include "util/io.h"

/* Told of each regular file, and its open folder. */
typedef void file_fn(
	struct census *c, int dirfd, const char *name, const struct stat *st);

static void
count_pack(struct census *c, int dirfd, const char *name, const struct stat *st)
{
	_cleanup_close_ int fd = -1;
	bool immutable = false;

	c->packs++;
	c->pack_bytes += (uint64_t)st->st_size;
	fd = io_openat(dirfd, name, O_RDONLY | O_NOFOLLOW, 0);
	if (fd >= 0 && immut_get(fd, &immutable) == 0 && immutable)
		c->immutable++;
	else if (st->st_mode & 0222)
		c->writable++;
	else
		c->read_only++;
}

static void
count_manifest(
	struct census *c, int dirfd, const char *name, const struct stat *st)
{
	(void)dirfd;
	(void)name;
	(void)st;
	c->manifests++;
}

static void
count_incoming(
	struct census *c, int dirfd, const char *name, const struct stat *st)
{
	(void)dirfd;
	(void)name;
	c->incoming++;
	c->incoming_bytes += (uint64_t)st->st_size;
}

static void
count_cache(
	struct census *c, int dirfd, const char *name, const struct stat *st)
{
	(void)dirfd;
	(void)name;
	c->cache_bytes += (uint64_t)st->st_size;
}

/*
 * Files of a folder and, with deep, of the folders in it. A file that goes
 * meanwhile is not counted; a folder that is not there, or is none, has none.
 */
static int
count(struct census *c, int at, const char *folder, bool deep, file_fn *fn)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *d;
	struct stat st;
	int fd, err;

	dir = io_opendirat(at, folder, &err);
	if (!dir)
		return err == -ENOENT || err == -ENOTDIR ? 0 : err;
	fd = dirfd(dir);
	while (errno = 0, (d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 ||
			strcmp(d->d_name, "..") == 0 ||
			fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(st.st_mode))
			fn(c, fd, d->d_name, &st);
		err = deep && S_ISDIR(st.st_mode)
			      ? count(c, fd, d->d_name, false, fn)
			      : 0;
		if (err < 0)
			return err;
	}
	return -errno;
}

int
census_take(int storefd, struct census *ret, struct fault *f)
{
	static const struct {
		const char *folder;
		file_fn *fn;
	} part[] = {
		{LAYOUT_PACKS, count_pack},
		{LAYOUT_MANIFESTS, count_manifest},
		{LAYOUT_INCOMING, count_incoming},
		{LAYOUT_CACHE, count_cache},
	};
	struct census c = {0};
	struct statvfs vfs;
	int err;

	for (size_t i = 0; i < array_len(part); i++) {
		err = count(&c, storefd, part[i].folder, true, part[i].fn);
		if (err < 0)
			return fault_errno(f, FAULT_IO, err, part[i].folder,
				"it cannot be listed");
	}
	if (fstatvfs(storefd, &vfs) == 0)
		c.free_bytes = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	*ret = c;
	return 0;
}
