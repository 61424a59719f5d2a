/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_ID_H
#define KEYS_ID_H

#include "format/types.h"
#include "keys/aead.h"
#include "util/span.h"

#include <stdint.h>

/* What ingest and readers of one compartment need to name, cut and page:
 * nothing here opens a pack. Lives in secmem. */
struct id_keys {
	struct key id;
	struct key cut;
	uint8_t page[16];
};

/* Derive from a compartment secret. */
void id_keys_derive(struct id_keys *out, const struct key *compartment);

/*
 * The id of an object (docs/format.md section 7): over its type, the ids it
 * refers to in the order of its slots, and its content. Addresses do not
 * count. The bytes must be in the caller's hands: a source never names an id.
 */
void id_compute(struct id *out, const struct id_keys *keys,
	enum object_type type, const struct ref *refs, size_t nrefs,
	struct span content);

/* SipHash-2-4 of a name under the page key: it ends pages and ranges. */
uint64_t id_page_hash(const struct id_keys *keys, struct span name);

/* The gear table of the cutter: 256 words from the cutting key. */
void id_gear_table(uint64_t table[256], const struct id_keys *keys);

#endif
