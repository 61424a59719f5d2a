/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_LINKS_H
#define RESTORE_LINKS_H

/* Inodes of several names: which is made, and which are links to it. For any
 * number of threads. */

#include <stdint.h>
#include <sys/types.h>

#include "restore/ways.h"
#include "util/limits.h"

struct links;

/* ways must live as long. */
must_check int links_create(struct ways *ways, struct links **ret);
void links_free(struct links *links);

/* What a name must lead to, be it that its directory is somebody else's by now.
 */
struct links_inode {
	dev_t dev;
	ino_t ino;
};

/* Where the first name of a group is. */
struct links_at {
	struct way *way; /* held */
	struct links_inode inode;
	char name[LIMIT_NAME + 1];
};

enum links_role {
	LINKS_FIRST, /* make the inode, then call links_done */
	LINKS_NEXT,  /* link to the first, which was handed out */
	LINKS_FAILED /* the first could not be made */
};

/*
 * Ask what to do for a member of a group, of this name. LINKS_FIRST once per
 * group; all others wait until it is done. LINKS_NEXT sets *ret. -ENOMEM.
 */
must_check int links_ask(struct links *links, const uint8_t group[16],
	uint32_t count, const char *name, struct links_at *ret);
/* The first was made, or not (NULL), in this directory: its way is taken over. */
void links_done(struct links *links, const uint8_t group[16],
	const struct links_inode *made, struct way *way);
/* No more names can be given to the first: those that come are to be links to
 * this one. Its way is taken over. */
void links_move(struct links *links, const uint8_t group[16],
	const struct links_at *to);

#endif
