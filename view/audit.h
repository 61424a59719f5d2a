/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_AUDIT_H
#define VIEW_AUDIT_H

/* verify --read-data: every object of a pack, opened and named anew. */

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

#endif
