/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_WALK_H
#define AGENT_WALK_H

/*
 * The tree, listed in batches, depth first, as docs/format.md 10.1 says.
 *
 * 1. No symbolic link is followed, but for those in the paths that were
 *    asked for.
 * 2. A directory is entered only when the inode there is the one that was
 *    listed, and, unless asked for, only on the file system it began on.
 * 3. Memory grows with the depth of the tree, not with its size or that of
 *    a directory, and no further than WALK_HELD_MAX.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/dirs.h"
#include "agent/exclude.h"
#include "agent/names.h"
#include "agent/out.h"
#include "agent/owners.h"
#include "format/wire.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

/*
 * Bytes of names that wait on the way down. A tree made for it could ask for
 * more; then directories are not read, and a problem says so.
 */
#define WALK_HELD_MAX (256U * 1024U * 1024U)

/*
 * Entries whose directories wait for what is below them; the vault keeps them
 * all, and refuses more than it can. From here on batches are small: then
 * LIMIT_PATH_DEPTH of them, and those on their way to the vault, still fit
 * (TREE_LIVE_MAX in pull/tree.h).
 */
#define WALK_LIVE_MAX 65536U
#define WALK_BATCH_SMALL 4U

/* What has to be remembered of an entry until its batch is done. */
struct item {
	uint64_t dev, ino;
	uint32_t name; /* offset in text; ends in a NUL */
	int err;       /* while listing: why it could not be examined */
	uint8_t kind;  /* enum file_kind; 0 unknown */
	uint8_t want;  /* enum wire_want_bit, once answered */
};

struct batch {
	uint32_t number;
	uint16_t n;
	bool answered;
	struct dir *dir; /* NULL: the roots; their names are absolute */
	char *text;
	struct item item[];
};

struct walk;

/* The spans and patterns must live as long as the walk. */
struct walk_opts {
	const struct span *path; /* absolute, no NUL */
	uint32_t paths;
	const struct excludes *excludes;
	uint16_t options; /* enum wire_option */
};

#define _cleanup_walk_ _cleanup_(walk_freep)

/* 0 or -ENOMEM. dirs and out must live as long. */
must_check int walk_new(const struct walk_opts *opts, struct dirs *dirs,
	struct out *out, struct walk **ret);

/* True when all has been listed. */
bool walk_ended(const struct walk *w);

/*
 * List the next batch: its frames go to out, which is not written. 0 and a
 * batch that the caller frees, or a negative errno that ends the program.
 */
must_check int walk_next(struct walk *w, struct batch **ret);

void batch_free(struct dirs *dirs, struct batch *b);

void walk_free(struct walk *w);

static inline void
walk_freep(struct walk **w)
{
	walk_free(*w);
}

#endif
