/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_LIST_H
#define RESTORE_LIST_H

/* The engine of ls. */

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/place.h"
#include "view/view.h"

/* An entry; spans are borrowed during the call. */
struct list_entry {
	struct span name;
	const struct place *place;
	struct span target;	    /* of a symbolic link; empty: not known */
	const struct fault *damage; /* why it is not; NULL */
};

/* Another value than 0 ends the listing and is returned. */
typedef int list_fn(void *ctx, const struct list_entry *entry);

/*
 * Tell fn of one entry, under this name. A target that cannot be read is no
 * fault here, but no-memory is.
 */
must_check int list_one(struct view_snap *s, struct span name,
	const struct place *p, list_fn *fn, void *ctx, struct fault *f);

/*
 * The same of what lies at path: the entries of a directory in order of their
 * names' bytes, or the one entry that is none.
 * Faults: path-unknown, those of view_object.
 */
must_check int list_path(struct view_snap *s, struct span path, list_fn *fn,
	void *ctx, struct fault *f);

#endif
