/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_DIRS_H
#define AGENT_DIRS_H

/*
 * Directories of the source as handles that can be opened at any time: by a
 * name relative to the parent's handle, so that no path is ever as long as
 * PATH_MAX, no symbolic link is followed, and what is opened is the inode
 * that was listed. Descriptors are a cache in front of that.
 */

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"

/* Most descriptors that the cache holds. */
#define DIRS_OPEN_MAX 256U

/*
 * refs counts the holders of the pointer, handles of subdirectories among
 * them. name is absolute when there is no parent.
 */
struct dir {
	struct dir *parent;
	struct dir *below; /* scratch of dirs_open */
	struct dir *newer, *older;
	uint64_t dev, ino;
	uint32_t refs;
	uint32_t depth; /* 0 without a parent */
	int fd;		/* -1: not open */
	char name[];
};

struct dirs {
	struct dir *newest, *oldest;
	unsigned int open, max;
	const struct dir *cwd; /* NULL: none of them */
};

/* max is at least 4. */
void dirs_init(struct dirs *dirs, unsigned int max);

/* A handle with one reference; takes one on the parent. NULL: no memory. */
must_check struct dir *dir_new(
	struct dir *parent, const char *name, uint64_t dev, uint64_t ino);

struct dir *dir_ref(struct dir *d);

/* Give a reference back. NULL is fine. */
void dirs_unref(struct dirs *dirs, struct dir *d);

/*
 * A descriptor for reading, or a negative errno: -ESTALE when another
 * directory has taken a place on the way. The cache owns it, and the next
 * call may close it.
 */
must_check int dirs_open(struct dirs *dirs, struct dir *d);

/* Make it the current directory. */
must_check int dirs_enter(struct dirs *dirs, struct dir *d);

/*
 * Open for reading something of the source, not changing its access time
 * where the kernel allows that; flags as of open(2), without access mode.
 */
must_check int dirs_openat(int at, const char *name, int flags);

#endif
