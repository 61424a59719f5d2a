/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_PLACE_H
#define VIEW_PLACE_H

/*
 * Finding things in a snapshot: by path, by name, by pre-order number, and
 * page by page. Nothing is loaded that is not needed for the answer, and no
 * table is kept.
 *
 * The top of a snapshot of one path is that path's root. Of several paths it
 * is a directory made up here, with the paths below it, each component a
 * directory.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "format/attrs.h"
#include "format/directory.h"
#include "format/types.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/view.h"

/* More paths than a pull's START can name. */
#define PLACE_PATHS_MAX 1024U
/* path of a directory made up above the roots; number counts them. */
#define PLACE_ABOVE 0xFFFFU

/*
 * An entry and where it stands. Borrows nothing: entry.name and entry.tags
 * are empty. entry.content and entry.flags tell which references count.
 */
struct place {
	uint16_t path;	 /* of the snapshot, or PLACE_ABOVE */
	uint64_t number; /* in pre-order; 0 is the path's root */
	struct dirent_rec entry;
	struct ref content;
	struct ref attrs;
};

static inline bool
place_is_dir(const struct place *p)
{
	return p->entry.kind == FILE_DIRECTORY;
}

/*
 * The rights of an entry whose ACL is not known. Where there was one, the
 * group's bits are the most that it allowed, to anyone: the group then gets no
 * more than all others.
 */
static inline uint16_t
place_narrow_mode(uint16_t mode)
{
	return (uint16_t)(mode & (~070U | (mode & 07U) << 3));
}

/* The top directory, or whatever else a snapshot's single root is. */
void place_top(struct view_snap *s, struct place *ret);

/*
 * The entry of a name. -ENOENT (no fault is set) when the directory has none
 * and when dir is no directory. Faults: those of view_object.
 */
must_check int place_find(struct view_snap *s, const struct place *dir,
	struct span name, struct place *ret, struct fault *f);

/*
 * Walk a path from the top; empty components and "." are passed over, links
 * are not followed. ret_name (may be NULL) is set to the last component, a
 * part of path, empty at the top. Faults: path-unknown, those of view_object.
 */
must_check int place_resolve(struct view_snap *s, struct span path,
	struct place *ret, struct span *ret_name, struct fault *f);

/*
 * The entry with a number, and in *ret_parent (may be NULL) the directory it
 * lies in; its own at a root. -ESTALE (no fault is set) when there is none.
 */
must_check int place_number(struct view_snap *s, uint16_t path, uint64_t number,
	struct place *ret, struct place *ret_parent, struct fault *f);

/* ---- directories ---- */

/* Levels of directory nodes: 32^8 pages at the least. */
#define PLACE_LEVELS 8U

struct place_level {
	struct view_object object;
	struct directory_node node;
	struct directory_at at;
};

/*
 * A place in a directory's listing. Lives on the stack; holds blocks of the
 * cache until place_dir_close.
 */
struct place_dir {
	struct view_snap *snap;
	uint16_t path;
	uint64_t number; /* of the next entry */
	uint64_t index;	 /* of the next entry, in this directory */
	bool in_page;
	bool whole;	/* false: the source did not list it, or not all */
	uint32_t above; /* next candidate, of a directory made up here */
	uint32_t parent;
	unsigned int depth;
	struct place_level level[PLACE_LEVELS];
	struct view_object page_object;
	struct directory_page page;
	struct directory_at at;
};
#define _cleanup_place_dir_ _cleanup_(place_dir_close)

/*
 * Begin at entry `index` of the directory (0: the first), without reading
 * the pages before it. *d may be uninitialised; after a failure it needs no
 * close. -ENOTDIR; faults: those of view_object.
 */
must_check int place_dir_open(struct view_snap *s, const struct place *dir,
	uint64_t index, struct place_dir *d, struct fault *f);

/*
 * The next entry: 1 and *name (borrowed until the next call) and *ret; 0 at
 * the end.
 */
must_check int place_dir_next(struct place_dir *d, struct span *name,
	struct place *ret, struct fault *f);
void place_dir_close(struct place_dir *d);

/* ---- what an entry refers to ---- */

/*
 * Target of a symbolic link, borrowed from *o, which the caller puts; empty
 * when the source did not tell it. -EINVAL for another kind. Faults: those of
 * view_object.
 */
must_check int place_link(struct view_snap *s, const struct place *p,
	struct view_object *o, struct span *ret, struct fault *f);

/*
 * The name that the source had for an entry's user or group, appended to
 * *name; nothing when it told none, and at a path's root. Searches the
 * directory: for callers that ask once for each number. Faults: those of
 * view_object.
 */
must_check int place_owner(struct view_snap *s, const struct place *p,
	enum owner_kind kind, struct buf *name, struct fault *f);

/* The type bits of st_mode for a kind. */
mode_t place_type(enum file_kind kind);

/*
 * What the names of one inode have in common: the source's word for it, as
 * far as all that an inode has, its time of change left out, bears it out
 * (docs/format.md 7.2). Of two files that had one inode number, one after the
 * other, none is lost so. For entries with DIRENT_LINK_GROUP.
 */
void place_link_group(const struct place *p, uint8_t group[16]);

/* Extended attributes, borrowed from *o, which the caller puts. */
must_check int place_attrs(struct view_snap *s, const struct place *p,
	struct view_object *o, struct attrs *ret, struct fault *f);

#endif
