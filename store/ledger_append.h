/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LEDGER_APPEND_H
#define STORE_LEDGER_APPEND_H

/* Growing the ledger. Internal to store/. */

#include "format/leaf.h"
#include "format/types.h"
#include "keys/aead.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

#include <stdbool.h>
#include <stdint.h>

struct append;
struct store;

/* What the caller gives; the keys live as long as the handle. */
struct append_keys {
	struct store_id store;
	const struct key *log_key;
	const struct key *ledger_seed;
};

/* The ledger of a new store, in a ledger/ folder without files. */
must_check int append_create(int storefd, const struct append_keys *keys,
	struct append **ret, struct fault *f);

/*
 * Called for each leaf of the store, signed and taken over, in order; leaf
 * lives until it returns. A result other than 0 ends the opening.
 */
typedef int append_leaf_fn(void *ctx, const struct leaf *leaf,
	const struct root *hash, struct fault *f);

/*
 * Continue the ledger that st has open: prove every leaf, take over or pass
 * over what a crash left behind the checkpoint, bring the tiles up to the
 * leaves and sign. Faults: ledger-damaged (nothing was changed), store-full,
 * io.
 */
must_check int append_open(struct store *st, const struct append_keys *keys,
	append_leaf_fn *fn, void *ctx, struct append **ret, struct fault *f);
void append_close(struct append *a);

static inline void
append_closep(struct append **a)
{
	append_close(*a);
}
#define _cleanup_append_ _cleanup_(append_closep)

/* Leaves, signed or not. */
uint64_t append_size(const struct append *a);

/* Leaves that are signed, and the hash of the last of them. */
uint64_t append_signed(const struct append *a, struct root *last);

/*
 * Write a leaf; *number and *hash (each may be NULL) are its. It counts only
 * after append_sign. After a failure of either call nothing can be appended any
 * more.
 */
must_check int append_put(struct append *a, enum leaf_type type,
	struct span clear, struct span body, uint64_t *number,
	struct root *hash, struct fault *f);

/* Make the leaves durable, then the checkpoint that counts them. */
must_check int append_sign(struct append *a, struct fault *f);

#endif
