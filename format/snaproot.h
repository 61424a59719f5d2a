/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_SNAPROOT_H
#define FORMAT_SNAPROOT_H

/*
 * Snapshot roots, docs/format.md 7.5. Parts stand in ascending order of
 * their kinds, so the problem list's slot comes before those of the tree.
 */

#include "format/directory.h"
#include "format/types.h"
#include "util/buf.h"

/* path: absolute, as the pull named it; entry.name is empty. */
struct snaproot_path {
	struct span path;
	struct dirent_rec entry;
};

struct snaproot {
	uint32_t paths;
	struct directory_owners owners;
	struct span rows;
	uint32_t slots;	    /* of all parts, unknown ones included */
	uint32_t tree_slot; /* the first of the tree */
	uint64_t problems;  /* 0: none, and no slot */
	uint32_t problems_slot;
};

struct snaproot_parts {
	const struct owner *owner;
	size_t owners;
	const struct snaproot_path *path;
	size_t paths; /* at least 1 */
	/* 0: none. Else slot 0 is the list, those of the tree follow. */
	uint64_t problems;
};

must_check int snaproot_encode(
	struct buf *b, const struct snaproot_parts *parts);

/* Check a whole root. Unknown parts are passed over unless critical. */
must_check int snaproot_open(struct span bytes, struct snaproot *ret);

/* From the first path on; slots are set; false at the end. */
struct directory_at snaproot_start(const struct snaproot *root);
bool snaproot_next(struct directory_at *at, struct snaproot_path *ret);

#endif
