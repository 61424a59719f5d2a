/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_KEYBLOB_H
#define FORMAT_KEYBLOB_H

/* Wraps and key structures, docs/format.md sections 2.1 and 5. */

#include "format/types.h"
#include "util/buf.h"

/* Bytes of a wrap of n payload bytes. */
#define KEYBLOB_WRAP_SIZE(n) (32U + 32U + (n) + SEAL_TAG)

/* A wrap, borrowed: 32, 32 and payload + 16 bytes. */
struct keyblob_wrap {
	struct span ephemeral;
	struct span commitment;
	struct span sealed;
};

/* bytes is a wrap of payload bytes, else -EBADMSG. */
must_check int keyblob_wrap_decode(
	struct span bytes, size_t payload, struct keyblob_wrap *ret);

/*
 * Vault key file, 5.1. It holds secrets: it is written to memory that the
 * caller provides, and what is decoded borrows.
 */
#define KEYBLOB_COMPARTMENTS_MAX 64U
#define KEYBLOB_VAULT_SIZE(n) (96U + 40U * (n) + 32U)

struct keyblob_compartment {
	uint32_t compartment;
	const uint8_t *secret; /* 32 bytes */
};

struct keyblob_vault {
	struct store_id store;
	const uint8_t *log_key;	    /* 32 bytes */
	const uint8_t *ledger_seed; /* 32 bytes */
	uint32_t n;
	struct keyblob_compartment compartment[KEYBLOB_COMPARTMENTS_MAX];
};

/* *ret_check is the stored BLAKE2b-256. */
must_check int keyblob_vault_decode(struct span bytes,
	struct keyblob_vault *ret, struct covered *ret_check);

/*
 * Write all but the last 32 bytes (the hash over them) to w. -EINVAL also
 * when w has no room; nothing secret is left half-written then.
 */
must_check int keyblob_vault_encode(
	struct wcur *w, const struct keyblob_vault *vault);

/* Recipient blob, 5.2. */
#define KEYBLOB_RECIPIENT_SIZE 264U
#define KEYBLOB_RECIPIENT_AD 128U
#define KEYBLOB_RECIPIENT_SEALED 80U
#define KEYBLOB_PASSPHRASE 1U
#define KEYBLOB_ARGON_MEMORY_MIN (8U * 1024U)
#define KEYBLOB_ARGON_MEMORY_MAX (1U << 30)
#define KEYBLOB_ARGON_PASSES_MAX 16U

struct keyblob_recipient {
	uint32_t recipient; /* from 1 */
	uint32_t kind;	    /* KEYBLOB_PASSPHRASE */
	struct store_id store;
	uint8_t x25519[32];
	uint8_t ed25519[32];
	uint8_t salt[16];
	uint64_t memory; /* bytes */
	uint32_t passes;
	uint8_t nonce[SEAL_NONCE];
	uint8_t commitment[32];
	/* recipient secret (32), ledger public key (32), tag */
	uint8_t sealed[KEYBLOB_RECIPIENT_SEALED];
};

/*
 * The associated data under which the blob is sealed: its first 128 bytes.
 * Uses no field after passes.
 */
void keyblob_recipient_ad(const struct keyblob_recipient *recipient,
	uint8_t ad[KEYBLOB_RECIPIENT_AD]);

must_check int keyblob_recipient_encode(
	struct buf *b, const struct keyblob_recipient *recipient);

/* Costs are within the limits of 1.1 when this succeeds. */
must_check int keyblob_recipient_decode(
	struct span bytes, struct keyblob_recipient *ret);

/* Epoch record, 5.3. */
#define KEYBLOB_EPOCH_WRAPS_MAX 64U
#define KEYBLOB_EPOCH_HEAD 64U
#define KEYBLOB_EPOCH_PAYLOAD 128U
#define KEYBLOB_EPOCH_WRAP KEYBLOB_WRAP_SIZE(KEYBLOB_EPOCH_PAYLOAD)

/* wraps borrows the rows; keyblob_epoch_wrap reads them. */
struct keyblob_epoch {
	uint32_t compartment; /* from 1 */
	uint32_t epoch;	      /* from 1 */
	uint32_t n;	      /* wraps */
	uint8_t x25519[32];
	struct store_id store;
	struct span wraps;
};

/* wrap: KEYBLOB_EPOCH_WRAP bytes. */
struct keyblob_epoch_wrap {
	uint32_t recipient;
	struct span wrap;
};

/* What the wrap of one recipient covers; uses neither n nor wraps. */
void keyblob_epoch_context(const struct keyblob_epoch *epoch,
	uint32_t recipient, uint8_t context[KEYBLOB_EPOCH_HEAD]);

/* wrap[n] ascends by recipient; epoch->n and epoch->wraps are not used. */
must_check int keyblob_epoch_encode(struct buf *b,
	const struct keyblob_epoch *epoch,
	const struct keyblob_epoch_wrap *wrap, size_t n);

must_check int keyblob_epoch_decode(
	struct span bytes, struct keyblob_epoch *ret);

/* Row i < n of a decoded record. */
struct keyblob_epoch_wrap keyblob_epoch_wrap(
	const struct keyblob_epoch *epoch, size_t i);

/* The wrap for a recipient, borrowed; -ENOENT when there is none. */
must_check int keyblob_epoch_find(const struct keyblob_epoch *epoch,
	uint32_t recipient, struct span *ret);

/* The payload of a wrap in an epoch record: 32 bytes each. */
struct keyblob_payload {
	const uint8_t *epoch_secret;
	const uint8_t *compartment_secret;
	const uint8_t *log_key;
};

void keyblob_payload_encode(const struct keyblob_payload *payload,
	uint8_t dst[KEYBLOB_EPOCH_PAYLOAD]);
must_check int keyblob_payload_decode(
	struct span bytes, struct keyblob_payload *ret);

#endif
