/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_CHECKPOINT_H
#define FORMAT_CHECKPOINT_H

/* The signed head of the ledger, docs/format.md 9.3. */

#include "format/types.h"
#include "util/buf.h"

/* Bytes of the key name "muniment.invalid/STOREID". */
#define CHECKPOINT_NAME_SIZE 49U
/* Bytes whose SHA-256 begins with the key hash. */
#define CHECKPOINT_KEY_INPUT (CHECKPOINT_NAME_SIZE + 2U + 32U)
/* No checkpoint is longer. */
#define CHECKPOINT_SIZE_MAX 512U

struct checkpoint {
	struct store_id store;
	uint64_t size;	  /* leaves */
	uint8_t root[32]; /* top of the tree over them */
	uint8_t key_hash[4];
	uint8_t signature[64];
	struct span text; /* borrowed: the bytes that the signature covers */
};

/* The key's name, no NUL. */
void checkpoint_name(
	const struct store_id *store, uint8_t dst[CHECKPOINT_NAME_SIZE]);

/* What to hash for the key hash of an Ed25519 public key. */
void checkpoint_key_input(const struct store_id *store,
	const uint8_t public_key[32], uint8_t dst[CHECKPOINT_KEY_INPUT]);

/*
 * Append the text to be signed: store, size and root are used. Then the blank
 * line and the signature line: store, key_hash and signature are used.
 */
must_check int checkpoint_encode_text(
	struct buf *b, const struct checkpoint *checkpoint);
must_check int checkpoint_encode_signature(
	struct buf *b, const struct checkpoint *checkpoint);

/* The signature is not judged here. */
must_check int checkpoint_decode(struct span note, struct checkpoint *ret);

#endif
