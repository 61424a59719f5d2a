/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_STAT_H
#define KEYS_STAT_H

#include "keys/aead.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stdint.h>

/* The keys of one source's stat records and link groups. Lives in secmem. */
struct stat_keys {
	struct key stat;
	struct key link;
};

void stat_keys_derive(struct stat_keys *out, const struct key *compartment,
	struct span source);

/* The hashes of docs/format.md section 11. */
void stat_source_hash(uint8_t out[8], const struct stat_keys *keys);
void stat_component_hash(uint8_t out[8], const struct stat_keys *keys,
	const uint8_t parent[8], struct span name);
void stat_name_hash(
	uint8_t out[16], const struct stat_keys *keys, struct span name);
void stat_listing_hash(
	uint8_t out[16], const struct stat_keys *keys, struct span listing);
void stat_deep_hash(
	uint8_t out[32], const struct stat_keys *keys, struct span components);
void stat_link_group(uint8_t out[16], const struct stat_keys *keys,
	uint16_t path, uint64_t device, uint64_t inode);

/* Seal a record under a fresh nonce, bound to its key; appended to out.
 * 0 or -ENOMEM. */
int stat_seal(struct buf *out, const struct stat_keys *keys,
	struct span record_key, struct span plain);

/* Open; out is cleared first. -EBADMSG when it is not what was sealed. */
must_check int stat_open(struct buf *out, const struct stat_keys *keys,
	struct span record_key, struct span sealed);

#endif
