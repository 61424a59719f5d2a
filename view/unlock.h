/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_UNLOCK_H
#define VIEW_UNLOCK_H

/*
 * From a passphrase to everything that a reader needs, without keys/vault:
 * steps 2 and 5 of docs/format.md section 12.
 */

#include <stdint.h>

#include "keys/id.h"
#include "keys/open.h"
#include "keys/ref.h"
#include "store/store_read.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

/* What an unlocked reader holds, all of it in secmem. */
struct access;

/*
 * Try the passphrase on the recipient leaves of the ledger, then on the
 * copies keys/recipient-* that are none of these; pin the ledger key that the
 * opened blob names (from then on st believes no other); open all epochs that
 * this recipient can. Each blob tried costs one Argon2id; what copies may cost
 * is bounded. *ret is the caller's; it does not need st any more. secmem_init
 * was called.
 *
 * Faults: wrong-passphrase, key-missing, key-damaged, store-foreign,
 * limit-exceeded, those of store_leaf.
 */
must_check int unlock_store(struct store *st, struct span passphrase,
	struct access **ret, struct fault *f);

/* Wipes. NULL is fine. */
void unlock_free(struct access *a);

static inline void
unlock_freep(struct access **a)
{
	unlock_free(*a);
	*a = NULL;
}
#define _cleanup_access_ _cleanup_(unlock_freep)

/* Each of these lives as long as a. NULL: no epoch of it was opened. */
const struct key *unlock_log_key(const struct access *a);
const struct id_keys *unlock_id_keys(
	const struct access *a, uint32_t compartment);
const struct ref_keys *unlock_ref_keys(
	const struct access *a, uint32_t compartment);
const struct epoch *unlock_epoch(
	const struct access *a, uint32_t compartment, uint32_t epoch);

#endif
