/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_MARK_H
#define STORE_MARK_H

/*
 * Which ledger a cache reflects: its size, and the hash of its last leaf. The
 * size alone does not do: an older ledger that was put back and has grown
 * again gave the same ordinals to other packs. Internal to store/.
 */

#include "format/types.h"
#include "store/ledger.h"
#include "store/rocks.h"

#include <stdint.h>

struct mark {
	struct store_id store;
	uint64_t leaves;
	struct root last; /* hash of leaf leaves - 1 */
};

/* Collect it with what else is written. */
void mark_put(struct rocks *r, const struct mark *mark);

/* The ledger size that a database reflects; 0 when it says nothing usable, or
 * is of another ledger than the first leaves of l. */
uint64_t mark_get(
	struct rocks *r, const struct store_id *store, struct ledger *l);

#endif
