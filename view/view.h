/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_VIEW_H
#define VIEW_VIEW_H

/*
 * Reading snapshots: from a reference to a verified object (docs/format.md
 * section 12, steps 7 to 11). Mount, restore, ls and verify --read-data all
 * come through here, so that they cannot disagree.
 *
 * One view serves all snapshots of a store; all calls may come from any
 * number of threads. It reads packs and manifests only: no database, no
 * lock, beside a running pull.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "format/problem.h"
#include "format/types.h"
#include "store/snapshots.h"
#include "store/store_read.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/cache.h"
#include "view/unlock.h"

struct view;

/* Bytes of opened blocks that a mount and a restore keep. */
#define VIEW_CACHE_MOUNT (64U * 1024U * 1024U)
#define VIEW_CACHE_RESTORE (32U * 1024U * 1024U)

/*
 * st and access live as long as the view; of st only the calls that are
 * thread-safe are used. Faults: no-memory.
 */
must_check int view_open(const struct store *st, const struct access *access,
	size_t cache, struct view **ret, struct fault *f);

/* All snapshots must be closed. Wipes. NULL is fine. */
void view_close(struct view *v);

static inline void
view_closep(struct view **v)
{
	view_close(*v);
}
#define _cleanup_view_ _cleanup_(view_closep)

/* An open snapshot: constant once open. */
struct view_snap;

/*
 * Load a snapshot's manifest and root. snapshot must have its body. Faults:
 * those of manifests_load and view_object, limit-exceeded (paths).
 */
must_check int view_snap_open(struct view *v, const struct snapshot *snapshot,
	struct view_snap **ret, struct fault *f);

/* NULL is fine. */
void view_snap_close(struct view_snap *s);

static inline void
view_snap_closep(struct view_snap **s)
{
	view_snap_close(*s);
}
#define _cleanup_view_snap_ _cleanup_(view_snap_closep)

/* Packs of the snapshot, and the ordinal of one of them (i below that). */
uint32_t view_packs(const struct view_snap *s);
uint32_t view_pack_ordinal(const struct view_snap *s, uint32_t i);

/* Paths of the source in it, and one of them as the pull named it; borrowed. */
uint32_t view_paths(const struct view_snap *s);
struct span view_path(const struct view_snap *s, uint32_t i);

/* A held object: content and rows stay where they are until it is put. */
struct view_object {
	enum object_type type;
	uint32_t refs;
	struct span content;
	struct span rows; /* refs * 40 bytes */
	struct cache_block *block;
	struct view *view;
};
#define VIEW_OBJECT_NONE                                                       \
	((struct view_object){                                                 \
		OBJECT_CHUNK, 0, {NULL, 0}, {NULL, 0}, NULL, NULL})
#define _cleanup_view_object_ _cleanup_(view_object_put)

/* A set of object types. */
#define VIEW_TYPE(type) (1U << (type))
#define VIEW_ANY_TYPE 0xFFFFFFFFU

/*
 * Hold the object that ref names: one of the given types, its id recomputed
 * over type, referenced ids and content. Faults: those of packset_get,
 * pack-damaged, object-damaged, object-missing; *ret is then unchanged.
 */
must_check int view_object(struct view_snap *s, const struct ref *ref,
	unsigned int types, struct view_object *ret, struct fault *f);

/* The same for whatever lies at an address; its id goes to *ret_id. */
must_check int view_object_at(struct view_snap *s, struct addr addr,
	struct view_object *ret, struct id *ret_id, struct fault *f);

/*
 * Does ref lead to its object? Its pack's table says so; the object itself is
 * not read. *leaf is set when it has no references of its own. Faults: those
 * of packset_get, pack-damaged, object-damaged, object-missing.
 */
must_check int view_ref_stands(struct view_snap *s, const struct ref *ref,
	bool *leaf, struct fault *f);

/* Rows of a pack of the snapshot: addresses of its objects are below that. */
must_check int view_pack_rows(
	struct view_snap *s, uint32_t ordinal, uint32_t *ret, struct fault *f);

/* End a hold. An object that holds nothing is fine. */
void view_object_put(struct view_object *o);

/* Reference i < refs of an object. */
struct ref view_object_ref(const struct view_object *o, uint32_t i);

/*
 * Tell fn each of them until it returns another value than 0, which is then
 * returned. Faults: those of view_object.
 */
typedef int view_problem_fn(void *ctx, const struct problem *problem);
must_check int view_problems_each(
	struct view_snap *s, view_problem_fn *fn, void *ctx, struct fault *f);

/* Note that what an object says makes no sense; returns the errno. */
int view_object_bad(const struct ref *ref, struct fault *f, const char *what);

#endif
