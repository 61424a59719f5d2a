/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/stat.h"

#include "keys/derive.h"
#include "keys/log.h"
#include "util/le.h"

#define LABEL(s)                                                               \
	{                                                                      \
		(const uint8_t *)(s), sizeof(s) - 1                            \
	}

void
stat_keys_derive(struct stat_keys *out, const struct key *compartment,
	struct span source)
{
	derive_key(&out->stat, compartment, "stat", source);
	derive_key(&out->link, compartment, "link", source);
}

void
stat_source_hash(uint8_t out[8], const struct stat_keys *keys)
{
	const struct span parts[] = {LABEL("source")};

	derive_mac(out, 8, &keys->stat, parts, 1);
}

void
stat_component_hash(uint8_t out[8], const struct stat_keys *keys,
	const uint8_t parent[8], struct span name)
{
	const struct span parts[] = {LABEL("n"), {parent, 8}, name};

	derive_mac(out, 8, &keys->stat, parts, 3);
}

void
stat_name_hash(uint8_t out[16], const struct stat_keys *keys, struct span name)
{
	const struct span parts[] = {LABEL("e"), name};

	derive_mac(out, 16, &keys->stat, parts, 2);
}

void
stat_listing_hash(
	uint8_t out[16], const struct stat_keys *keys, struct span listing)
{
	const struct span parts[] = {LABEL("l"), listing};

	derive_mac(out, 16, &keys->stat, parts, 2);
}

void
stat_deep_hash(
	uint8_t out[32], const struct stat_keys *keys, struct span components)
{
	const struct span parts[] = {LABEL("deep"), components};

	derive_mac(out, 32, &keys->stat, parts, 2);
}

void
stat_link_group(uint8_t out[16], const struct stat_keys *keys, uint16_t path,
	uint64_t device, uint64_t inode)
{
	uint8_t place[18];
	const struct span parts[] = {{place, sizeof(place)}};

	le16_put(place, path);
	le64_put(place + 2, device);
	le64_put(place + 10, inode);
	derive_mac(out, 16, &keys->link, parts, 1);
}

int
stat_seal(struct buf *out, const struct stat_keys *keys, struct span record_key,
	struct span plain)
{
	return log_seal(out, &keys->stat, record_key, plain);
}

int
stat_open(struct buf *out, const struct stat_keys *keys, struct span record_key,
	struct span sealed)
{
	return log_open(out, &keys->stat, record_key, sealed);
}
