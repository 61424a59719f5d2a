/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_RECIPIENT_H
#define KEYS_RECIPIENT_H

#include "format/types.h"
#include "keys/aead.h"
#include "keys/seal.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stdint.h>

/* Making recipients and epochs: the two acts of a new store. The secrets made
 * here leave this file sealed only. */

/* What a guess of the passphrase costs: Argon2id, RFC 9106. */
struct recipient_cost {
	uint64_t memory; /* bytes */
	uint32_t passes;
};

/* For people: 128 MiB and 3 passes, about a third of a second. A thief's guess
 * costs the same, and a small vault host can spare it. */
extern const struct recipient_cost recipient_cost_default;

/*
 * Make a passphrase recipient: a fresh secret, sealed under the passphrase at
 * that cost. Its blob (docs/format.md 5.2) is appended to blob and its X25519
 * key left in pk. 0 or -ENOMEM.
 */
must_check int recipient_make(struct buf *blob, struct public_key *pk,
	uint32_t number, const struct store_id *store,
	const uint8_t ledger_pk[32], struct span passphrase,
	const struct recipient_cost *cost);

struct epoch_recipient {
	uint32_t number;
	struct public_key pk;
};

/* Make an epoch: a fresh pair whose secret half, with the compartment secret
 * and the log key, is wrapped to n recipients, ascending by number, and then
 * wiped. The record (5.3) is appended. 0, -ENOMEM, -EINVAL. */
must_check int epoch_make(struct buf *record, uint32_t compartment,
	uint32_t number, const struct store_id *store,
	const struct key *compartment_secret, const struct key *log_key,
	const struct epoch_recipient *to, size_t n);

#endif
