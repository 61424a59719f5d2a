/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_REF_H
#define KEYS_REF_H

#include "format/types.h"
#include "keys/aead.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stdint.h>

/*
 * The reference keys of a compartment: with them tables and references of
 * packs open (ids, places, lengths), but no content and no name.
 * Lives in secmem.
 */
struct ref_keys {
	struct key ref;
	struct key digest;
};

void ref_keys_derive(struct ref_keys *out, const struct key *compartment);

/* The reference key of one pack. */
void ref_pack_key(struct key *out, const struct ref_keys *keys,
	const struct store_id *store, const struct pack_id *pack);

/* Digest of an object's references as they are stored (rows of 40 bytes):
 * zero for none. */
void ref_digest(uint8_t out[16], const struct ref_keys *keys, struct span rows);

#endif
