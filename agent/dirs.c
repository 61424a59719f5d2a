/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/dirs.h"
#include "util/io.h"
#include "util/mem.h"

/*
 * Of a long way down, the descriptors of so many last levels are kept: on
 * its way up again a walk then starts anew from above only once in so many
 * levels.
 */
#define KEEP_ON_WAY 128U

void
dirs_init(struct dirs *dirs, unsigned int max)
{
	assert(max >= 4);
	*dirs = (struct dirs){.max = max};
}

struct dir *
dir_new(struct dir *parent, const char *name, uint64_t dev, uint64_t ino)
{
	size_t n = strlen(name) + 1;
	struct dir *d = mem_zalloc(sizeof(*d) + n);

	if (!d)
		return NULL;
	d->dev = dev;
	d->ino = ino;
	d->refs = 1;
	d->fd = -1;
	memcpy(d->name, name, n);
	if (parent) {
		d->parent = dir_ref(parent);
		d->depth = parent->depth + 1;
	}
	return d;
}

struct dir *
dir_ref(struct dir *d)
{
	d->refs++;
	return d;
}

static void
unlink_dir(struct dirs *dirs, struct dir *d)
{
	if (d->newer)
		d->newer->older = d->older;
	else
		dirs->newest = d->older;
	if (d->older)
		d->older->newer = d->newer;
	else
		dirs->oldest = d->newer;
	d->newer = d->older = NULL;
}

static void
link_newest(struct dirs *dirs, struct dir *d)
{
	d->newer = NULL;
	d->older = dirs->newest;
	if (dirs->newest)
		dirs->newest->newer = d;
	else
		dirs->oldest = d;
	dirs->newest = d;
}

static void
close_dir(struct dirs *dirs, struct dir *d)
{
	unlink_dir(dirs, d);
	cleanup_close(&d->fd);
	dirs->open--;
}

/* Not by recursion: a chain of handles is as long as the tree is deep. */
void
dirs_unref(struct dirs *dirs, struct dir *d)
{
	while (d && --d->refs == 0) {
		struct dir *parent = d->parent;

		if (d->fd >= 0)
			close_dir(dirs, d);
		if (dirs->cwd == d)
			dirs->cwd = NULL;
		mem_free(d);
		d = parent;
	}
}

int
dirs_openat(int at, const char *name, int flags)
{
	int fd = io_openat(at, name, flags | O_RDONLY | O_NOATIME, 0);

	/* Only owner and privileged may leave the access time alone. */
	if (fd == -EPERM)
		fd = io_openat(at, name, flags | O_RDONLY, 0);
	return fd;
}

/* The inode that was listed, and no other. */
static int
open_listed(int at, const struct dir *d)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = dirs_openat(at, d->name, O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != d->dev || st.st_ino != d->ino)
		return -ESTALE;
	return take_fd(&fd);
}

/*
 * Descriptors may be short although the cache is not full; then it makes do
 * with half of what it has.
 */
static int
open_below(struct dirs *dirs, int at, const struct dir *d, struct dir *keep)
{
	int fd = open_listed(at, d);

	if (fd != -EMFILE && fd != -ENFILE)
		return fd;
	for (unsigned int n = dirs->open / 2; n > 0; n--) {
		if (dirs->oldest != keep)
			close_dir(dirs, dirs->oldest);
	}
	return open_listed(at, d);
}

static void
keep_open(struct dirs *dirs, struct dir *d, int fd)
{
	while (dirs->open >= dirs->max)
		close_dir(dirs, dirs->oldest);
	d->fd = fd;
	link_newest(dirs, d);
	dirs->open++;
}

/* From top (open or above all roots) down along below, n levels. */
static int
walk_down(struct dirs *dirs, struct dir *top, struct dir *d, size_t n)
{
	size_t keep = dirs->max / 2 < KEEP_ON_WAY ? dirs->max / 2 : KEEP_ON_WAY;
	_cleanup_close_ int passing = -1;
	int at = top ? top->fd : AT_FDCWD;

	for (; n > 0; n--, d = d->below) {
		int fd = open_below(dirs, at, d, top);

		if (fd < 0)
			return fd;
		cleanup_close(&passing);
		if (n <= keep)
			keep_open(dirs, d, fd);
		else
			passing = fd;
		top = d;
		at = fd;
	}
	return at;
}

int
dirs_open(struct dirs *dirs, struct dir *d)
{
	struct dir *p = d, *first = NULL;
	size_t n = 0;

	for (; p && p->fd < 0; p = p->parent) {
		p->below = first;
		first = p;
		n++;
	}
	if (p && dirs->newest != p) {
		unlink_dir(dirs, p);
		link_newest(dirs, p);
	}
	if (n == 0)
		return d->fd;
	return walk_down(dirs, p, first, n);
}

int
dirs_enter(struct dirs *dirs, struct dir *d)
{
	int fd;

	if (dirs->cwd == d)
		return 0;
	fd = dirs_open(dirs, d);
	if (fd < 0)
		return fd;
	if (fchdir(fd) < 0)
		return -errno;
	dirs->cwd = d;
	return 0;
}
