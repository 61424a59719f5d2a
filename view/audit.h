/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_AUDIT_H
#define VIEW_AUDIT_H

/* verify --read-data: every object of a pack, opened and named anew, and every
 * reference of a snapshot, followed. */

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/fault.h"
#include "view/view.h"

struct audit {
	uint64_t objects; /* that were read and gave their ids */
	uint64_t bytes;
	uint64_t damaged; /* that were not */
};

/*
 * Add what a pack of the snapshot gives to *sum. Damaged objects are counted
 * and the pack is read to its end; the first of them is the fault then. 0
 * when all are well.
 */
must_check int audit_pack(struct view_snap *s, uint32_t ordinal,
	struct audit *sum, struct fault *f);

/* Objects with references that were met, of all snapshots: a bit each. */
struct audit_met {
	struct audit_rows *pack; /* by ordinal */
	size_t n;
};
void audit_met_free(struct audit_met *met);

/* Told of a reference that does not lead to its object. */
typedef void audit_bad_fn(
	void *ctx, const struct ref *ref, const struct fault *why);

/*
 * Follow all references from the snapshot's root, but not below objects that
 * were met before. Reads what has references; of the rest, file contents above
 * all, it sees that it is there. 0, also where references are bad; -ENOMEM.
 */
must_check int audit_references(struct view_snap *s, struct audit_met *met,
	audit_bad_fn *bad, void *ctx, struct fault *f);

#endif
