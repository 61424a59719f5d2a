/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

/*
 * Reading the ledger as its checkpoint signs it. Internal to store/; the
 * others come through store/store_read.h.
 */

#include "format/leaf.h"
#include "format/types.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/*
 * Read and check the checkpoint under a public key, and tie the hash tiles to
 * it. Damaged tiles are no fault: leaves and checkpoint suffice, and the
 * tiles are computed again in memory (O(leaves)).
 */
must_check int ledger_open(int storefd, const struct store_id *store,
	const uint8_t pk[32], struct ledger **ret, struct fault *f);
void ledger_close(struct ledger *l);

static inline void
ledger_closep(struct ledger **l)
{
	ledger_close(*l);
}

uint64_t ledger_size(const struct ledger *l);

/* The proven hash of leaf n, below the size. */
must_check int ledger_hash(
	struct ledger *l, uint64_t n, struct root *ret, struct fault *f);

/* As store_leaf. */
must_check int ledger_leaf(struct ledger *l, uint64_t n, struct buf *buf,
	struct leaf *ret, struct root *hash, struct fault *f);

/* Type of leaf n and the number of the one before of its type plus 1, both
 * proven; -EBADMSG (no fault is set) when the leaf is damaged. */
must_check int ledger_kind(struct ledger *l, uint64_t n, enum leaf_type *type,
	uint64_t *prev, struct fault *f);

#endif
