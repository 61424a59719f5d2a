/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_PLACE_INTERNAL_H
#define VIEW_PLACE_INTERNAL_H

/* What place.c, place_dir.c and place_above.c share. */

#include "view/place.h"
#include "view/view_internal.h"

/*
 * Hold and open a page or node. level: that of the node which referred to
 * it, 0 when a directory's entry did. After a failure nothing is held.
 */
must_check int place_open_page(struct view_snap *s, const struct ref *ref,
	struct view_object *o, struct directory_page *page, struct fault *f);
must_check int place_open_node(struct view_snap *s, const struct ref *ref,
	unsigned int level, struct view_object *o, struct directory_node *node,
	struct fault *f);

/* The place of an entry of a held page; entry is what was decoded. */
void place_fill(struct view_snap *s, struct place *ret, uint16_t path,
	uint64_t number, const struct dirent_rec *entry,
	const struct view_object *o);

/* Directories made up above the roots. */
void place_above_get(struct view_snap *s, uint32_t i, struct place *ret);
must_check int place_above_find(struct view_snap *s, uint32_t parent,
	struct span name, struct place *ret);
/* The first child of parent from *at on; false at the end. */
bool place_above_next(struct view_snap *s, uint32_t parent, uint32_t *at,
	struct span *name, struct place *ret);

#endif
