/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BELOW_H
#define CLI_BELOW_H

/* Everything below a directory of a snapshot, in pre-order. */

#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/place.h"
#include "view/view.h"

struct below_opts {
	struct view_snap *snap;
	/*
	 * Told of each entry by its path from the directory on; borrowed
	 * during the call. Another value than 0 ends the walk and is
	 * returned.
	 */
	int (*entry)(void *ctx, struct span path, const struct place *p);
	/*
	 * Told of each directory that could not be listed to its end (path
	 * empty: the first); the walk goes on behind it. NULL: the first
	 * damage ends the walk.
	 */
	void (*damaged)(void *ctx, struct span path, const struct fault *f);
	void *ctx;
};

/* Faults: those of view_object, no-memory. */
must_check int below_each(
	const struct below_opts *o, const struct place *dir, struct fault *f);

#endif
