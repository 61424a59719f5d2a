/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_VAULT_KEYS_H
#define STORE_VAULT_KEYS_H

#include "format/types.h"
#include "keys/aead.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdint.h>

/* What the running vault holds at rest (keys/vault). Lives in secmem. */
#define VAULT_COMPARTMENTS 64

struct vault_keys {
	struct store_id store;
	struct key log_key;
	struct key ledger_seed;
	uint32_t n;
	uint32_t compartment[VAULT_COMPARTMENTS];
	struct key secret[VAULT_COMPARTMENTS];
};

/* Read keys/vault into secmem (*ret: free with secmem_free). Faults:
 * key-missing, key-damaged, key-exposed (others may read it), store-foreign,
 * io. */
must_check int vault_keys_load(int storefd, const struct store_id *store,
	struct vault_keys **ret, struct fault *f);

/* Write keys/vault, mode 0600. Only for a new store. */
must_check int vault_keys_save(
	int storefd, const struct vault_keys *keys, struct fault *f);

/* The secret of a compartment; NULL when it is not held. */
const struct key *vault_keys_secret(
	const struct vault_keys *keys, uint32_t compartment);

#endif
