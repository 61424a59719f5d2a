/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of a database that is closed. */
#include "store/rocks.h"

#include "store/rocks_log.h"
#include "util/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* A database that RocksDB cannot read it may not be able to remove either; its
 * folder is flat, but for folders of its own making that are flat as well. */
static int
remove_folder(int at, const char *name, unsigned int depth)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int err = 0;

	dir = io_opendirat(at, name, &err);
	while (err == 0 && (e = readdir(dir))) {
		if (is_dots(e->d_name))
			continue;
		err = io_unlinkat(dirfd(dir), e->d_name, 0);
		if (err == -EISDIR && depth > 0)
			err = remove_folder(dirfd(dir), e->d_name, depth - 1);
	}
	return err < 0 ? err : io_unlinkat(at, name, AT_REMOVEDIR);
}

/* A block (ROCKS_LOG_BLOCK), or what there is of it: its size, or -errno. */
static ssize_t
read_block(int fd, uint8_t *block)
{
	size_t n = 0;
	ssize_t got = 1;

	while (got > 0 && n < ROCKS_LOG_BLOCK) {
		got = io_read_some(fd, block + n, ROCKS_LOG_BLOCK - n);
		if (got > 0)
			n += (size_t)got;
	}
	return got < 0 ? got : (ssize_t)n;
}

static bool
manifest_plain(int dirfd, const char *name)
{
	_cleanup_buf_ struct buf block = BUF_INIT;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	fd = io_open_regular(dirfd, name, O_RDONLY, 0);
	if (fd < 0 || buf_reserve(&block, ROCKS_LOG_BLOCK) < 0)
		return false;
	do {
		n = read_block(fd, block.p);
		if (n < 0 || !rocks_log_plain(span_of(block.p, (size_t)n)))
			return false;
	} while (n == ROCKS_LOG_BLOCK);
	return true;
}

static bool
file_plain(int dirfd, const char *name)
{
	static const char manifest[] = "MANIFEST-";
	struct stat sb;

	if (fstatat(dirfd, name, &sb, AT_SYMLINK_NOFOLLOW) < 0 ||
		!S_ISREG(sb.st_mode))
		return false;
	return strncmp(name, manifest, strlen(manifest)) != 0 ||
	       manifest_plain(dirfd, name);
}

bool
rocks_plain(int at, const char *name)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int err = 0;

	dir = io_opendirat(at, name, &err);
	if (!dir)
		return err == -ENOENT;
	while ((e = readdir(dir))) {
		if (!is_dots(e->d_name) && !file_plain(dirfd(dir), e->d_name))
			return false;
	}
	return true;
}

int
rocks_destroy(int dirfd, const char *name)
{
	int err = remove_folder(dirfd, name, 1);

	/* Not a folder at all. */
	if (err == -ENOTDIR || err == -ELOOP)
		err = io_unlinkat(dirfd, name, 0);
	return err == -ENOENT ? 0 : err;
}
