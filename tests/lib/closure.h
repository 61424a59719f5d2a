/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CLOSURE_H
#define TESTS_LIB_CLOSURE_H

/* All that can be reached from a reference of a snapshot: each object opened
 * once, its id computed anew. */

#include "format/types.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "view/view.h"

#include <stddef.h>
#include <stdint.h>

struct closure {
	struct ref *v; /* in the order in which they were met */
	size_t n, cap;
	size_t *slot; /* a hash table: index in v plus 1, or 0 */
	size_t slots;
	/* Packs that were met, ascending. */
	uint32_t *pack;
	size_t packs;
};

#define CLOSURE_NONE ((struct closure){.v = NULL})
#define _cleanup_closure_ _cleanup_(closure_free)

/* Told of each object that cannot be read. */
typedef void closure_bad_fn(
	void *ctx, const struct ref *ref, const struct fault *why);

/* *ret is CLOSURE_NONE. Ends the process when memory is short. */
void closure_walk(struct view_snap *snap, const struct ref *root,
	closure_bad_fn *bad, void *ctx, struct closure *ret);
void closure_free(struct closure *c);

#endif
