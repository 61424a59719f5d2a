/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_READ_H
#define STORE_STORE_READ_H

#include "format/leaf.h"
#include "format/types.h"
#include "keys/aead.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The read door of a store: its ledger. Packs are behind store/packs.h,
 * manifests behind store/manifests.h, snapshots behind store/snapshots.h.
 * Nothing here opens RocksDB or takes a lock: it works beside a running pull,
 * with the ledger as it was when the door was opened. Not thread-safe, but
 * for store_id_peek and store_dirfd.
 */
struct store;

/*
 * Open DIR: read store.conf, the checkpoint and the first leaf, and check
 * them against one another under the key that store.conf names.
 *
 * Faults: store-missing, store-conf-damaged, store-newer, store-foreign,
 * ledger-damaged, ledger-foreign, checkpoint-damaged, checkpoint-foreign, io.
 */
must_check int store_open(const char *dir, struct store **ret, struct fault *f);
void store_close(struct store *st);

static inline void
store_closep(struct store **st)
{
	store_close(*st);
}
#define _cleanup_store_ _cleanup_(store_closep)

/* Lives as long as st. */
const struct store_id *store_id_peek(const struct store *st);
const uint8_t *store_ledger_pk_peek(const struct store *st);
/* The store's folder; owned by st. */
int store_dirfd(const struct store *st);

/* From here on believe only this ledger key, which a recipient's blob pins:
 * store-foreign when the store shows another. */
must_check int store_pin(
	struct store *st, const uint8_t ledger_pk[32], struct fault *f);

/* Leaves that the checkpoint counts. */
uint64_t store_leaves(const struct store *st);

/*
 * Read leaf number n and prove it against the checkpoint. Its bytes are put
 * into buf (cleared first), which *ret borrows; *hash (may be NULL) is its
 * leaf hash. Faults: ledger-damaged (names the leaf), io.
 */
must_check int store_leaf(struct store *st, uint64_t n, struct buf *buf,
	struct leaf *ret, struct root *hash, struct fault *f);

/* The highest leaf of a type below `before` (UINT64_MAX: of all). 0 and
 * *ret, or -ENOENT when there is none (no fault is set). */
must_check int store_leaf_before(struct store *st, enum leaf_type type,
	uint64_t before, uint64_t *ret, struct fault *f);

#endif
