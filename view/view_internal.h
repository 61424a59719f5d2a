/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_VIEW_INTERNAL_H
#define VIEW_VIEW_INTERNAL_H

/* What view.c and place.c share of an open snapshot. */

#include "store/manifests.h"
#include "view/place.h"
#include "view/view.h"

/*
 * A directory above the roots of a snapshot of several paths. Number 0 is
 * the top. At a root's own place stands the root's entry.
 */
struct view_above {
	uint32_t parent;
	struct span name; /* borrows the paths' text */
	bool is_root;
	uint16_t path;
};

/* A root that lies below another one, and takes the place of its entry. */
struct view_graft {
	uint16_t outer;
	uint64_t number;
	uint16_t path;
};

struct view_snap {
	struct view *view;
	struct manifest_file manifest;
	uint32_t compartment;
	struct when clock; /* of the pull */
	struct ref root;

	uint32_t paths;
	struct place *top; /* entry of each path's root */
	struct span *path; /* borrows text */
	uint8_t *text;
	/* Of several paths only. */
	uint32_t aboves;
	struct view_above *above;
	uint32_t grafts;
	struct view_graft *graft;

	uint64_t problems;
	struct ref problem_list;
};

/* Lay out the directories above the roots: place.c. */
must_check int place_arrange(struct view_snap *s, struct fault *f);

#endif
