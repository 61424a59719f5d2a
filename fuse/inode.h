/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUSE_INODE_H
#define FUSE_INODE_H

/*
 * Inodes of the mount without a table of them:
 *
 *	/                 sources
 *	/NAME/            snapshots, and "latest", a link to the newest
 *	/NAME/TIME/...    what the snapshot holds
 *
 * A node id is slot << 46 | path << 36 | pre-order number. Slot 0 is for what
 * lies above the snapshots: 1 the root, 2 + 2i source i, 3 + 2i its "latest".
 * Path 1023 is for directories above the roots of a snapshot of several
 * paths. A small memo saves the walk from number to entry; it may forget.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/place.h"
#include "view/session.h"

#define INODE_ROOT 1U
#define INODE_NUMBER_BITS 36U
#define INODE_PATH_BITS 10U
#define INODE_SLOT_BITS 17U
#define INODE_LATEST "latest"

struct inodes;

enum inode_kind {
	INODE_TOP,
	INODE_SOURCE,
	INODE_LINK, /* "latest" */
	INODE_PLACE,
};

struct inode {
	uint64_t id;
	enum inode_kind kind;
	uint32_t index; /* of the source; of the slot, from 1 */
	struct view_snap *snap;
	struct place place;
};

/*
 * s lives as long as the inodes; its snapshots are taken as they are now.
 * -ENOMEM; -E2BIG for more snapshots than fit a slot number.
 */
must_check int inodes_create(struct session *s, struct inodes **ret);
/* NULL is fine. */
void inodes_free(struct inodes *in);

/*
 * Any thread may call these. They return 0 or a negative errno that a mount
 * may answer with; where damage is behind it f tells.
 */

/* -ESTALE for an id that was never handed out. */
must_check int inode_get(
	struct inodes *in, uint64_t id, struct inode *ret, struct fault *f);
/* -ENOENT. */
must_check int inode_lookup(struct inodes *in, const struct inode *dir,
	struct span name, struct inode *ret, struct fault *f);
/* Id of the directory that holds dir. */
must_check int inode_parent(struct inodes *in, const struct inode *dir,
	uint64_t *ret, struct fault *f);

/* The inode of an entry that a listing gave. */
void inode_of_place(struct inodes *in, const struct inode *dir,
	const struct place *place, struct inode *ret);

/*
 * A file of which the source could read a part. How long it was is not known:
 * it has one byte more than was read, and reading that byte fails, so that
 * nobody comes to its end and takes it for whole.
 */
bool inode_is_cut(const struct place *place);

/* All fields; exact but for the size of directories and of what is cut. */
void inode_attr(struct inodes *in, const struct inode *inode, struct stat *st);
/* Of what lies above the snapshots and is not open yet: id and type only. */
void inode_attr_brief(uint64_t id, mode_t type, struct stat *st);

/*
 * Entry i of the root or of a source's directory: its id, its type in *type,
 * and its name (lives as long as in). -ENOENT behind the last.
 */
must_check int inode_static_entry(struct inodes *in, const struct inode *dir,
	uint64_t i, uint64_t *ret, mode_t *type, const char **name);

/* Where "latest" leads; lives as long as in. */
const char *inode_latest(struct inodes *in, const struct inode *inode);

/* Sums over all snapshots, for statfs. */
void inode_sums(struct inodes *in, uint64_t *bytes, uint64_t *entries);

#endif
