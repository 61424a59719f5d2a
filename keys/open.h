/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_OPEN_H
#define KEYS_OPEN_H

#include "format/keyblob.h"
#include "format/types.h"
#include "keys/aead.h"
#include "keys/seal.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

#include <stdint.h>

/* Opening what was sealed to a public key. Linked into readers alone. */

/* A secret and what goes with it, in secmem. */
struct secret_key {
	struct key secret;
	struct public_key pk;
};

/* The X25519 pair of a secret. */
void open_pair(struct secret_key *out, const struct key *secret);

/* Open a wrap; out has room for wrap.n - SEAL_WRAP_EXTRA bytes. -EBADMSG when it
 * is not addressed to sk, was changed, or context differs: out is zeroed. */
must_check int open_wrap(uint8_t *out, const struct secret_key *sk,
	const char *label, struct span context, struct span wrap);

/* What an unlocked recipient holds. Lives in secmem. */
struct recipient {
	uint32_t number;
	struct secret_key x25519;
	uint8_t ledger_pk[32]; /* the pinned key: only this one is believed */
};

/*
 * Open a recipient blob by passphrase. -EKEYREJECTED (wrong-passphrase),
 * -EBADMSG (key-damaged), -EOVERFLOW (costs above the limit: limit-exceeded),
 * -ENOMEM.
 */
must_check int recipient_open(struct recipient *out, struct span blob,
	struct span passphrase, struct fault *f);

/* What an opened epoch gives. Lives in secmem. */
struct epoch {
	uint32_t compartment;
	uint32_t number;
	struct secret_key pair;
	struct key compartment_secret;
	struct key log_key;
};

/* Open the wrap of an epoch record that is addressed to r. -ENOKEY when there
 * is none, -EBADMSG when the record is damaged or foreign (key-damaged). */
must_check int epoch_open(struct epoch *out, struct span record,
	const struct store_id *store, const struct recipient *r,
	struct fault *f);

/* The pack key in a pack's header (its first 4,096 bytes); epoch is the one that
 * the header names. The wrap covers compartment and epoch. -EBADMSG. */
must_check int pack_key_open(
	struct key *out, struct span header, const struct epoch *epoch);

#endif
