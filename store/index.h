/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

/*
 * cache/index: where an id was last stored. A hint: what it answers counts
 * only after the pack's own table showed the id. Internal to store/.
 */

#include "format/types.h"
#include "store/mark.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdint.h>

struct index;

/*
 * Open DIR/cache/index. *reflects is the ledger size that it reflects: packs
 * whose leaf has that number or a higher one are to be added. An index that is
 * lost or damaged, or of another ledger than l, is replaced by an empty one
 * (0). Faults: index-damaged, store-full, no-memory, io.
 */
must_check int index_open(const char *dir, int storefd,
	const struct store_id *store, struct ledger *l, struct index **ret,
	uint64_t *reflects, struct fault *f);

/* A damaged index is removed, so that the next opening makes a new one. */
void index_close(struct index *ix);

static inline void
index_closep(struct index **ix)
{
	index_close(*ix);
}

/* -ENOENT when it does not know the id or cannot be read. */
must_check int index_get(
	struct index *ix, const struct id *id, struct addr *ret);

/* Collect; an id stored twice is found at its newest place. */
void index_put(struct index *ix, const struct id *id, struct addr at);

/* Write what was collected: all tables of packs up to the mark, or with NULL
 * only a part of them. A failure costs time at the next opening only. */
void index_write(struct index *ix, const struct mark *mark);

#endif
