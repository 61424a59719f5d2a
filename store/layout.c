/* SPDX-License-Identifier: Apache-2.0 */
#include "store/layout.h"

#include "format/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
layout_pack(char dst[LAYOUT_NAME], const struct root *root)
{
	char hex[HEX_SIZE(sizeof(root->b))];

	hex_encode(hex, span_of(root->b, sizeof(root->b)));
	snprintf(dst, LAYOUT_NAME, LAYOUT_PACKS "/%.2s/%s", hex, hex);
}

void
layout_pack_folder(char dst[LAYOUT_NAME], const struct root *root)
{
	snprintf(dst, LAYOUT_NAME, LAYOUT_PACKS "/%02x", root->b[0]);
}

void
layout_manifest(char dst[LAYOUT_NAME], const struct root *hash)
{
	char hex[HEX_SIZE(sizeof(hash->b))];

	hex_encode(hex, span_of(hash->b, sizeof(hash->b)));
	snprintf(dst, LAYOUT_NAME, LAYOUT_MANIFESTS "/%s", hex);
}

void
layout_incoming(char dst[LAYOUT_NAME], const struct pack_id *pack)
{
	char hex[HEX_SIZE(sizeof(pack->b))];

	hex_encode(hex, span_of(pack->b, sizeof(pack->b)));
	snprintf(dst, LAYOUT_NAME, LAYOUT_INCOMING "/%s", hex);
}

void
layout_leaves(char dst[LAYOUT_NAME], uint64_t file)
{
	snprintf(dst, LAYOUT_NAME, "leaves-%08" PRIu64, file);
}

void
layout_hashes(char dst[LAYOUT_NAME], unsigned int level)
{
	snprintf(dst, LAYOUT_NAME, "hash-%u", level);
}

void
layout_recipient(char dst[LAYOUT_NAME], uint32_t number)
{
	snprintf(dst, LAYOUT_NAME, "recipient-%" PRIu32, number);
}

void
layout_epoch(char dst[LAYOUT_NAME], uint32_t compartment, uint32_t epoch)
{
	snprintf(dst, LAYOUT_NAME, "epoch-%" PRIu32 "-%" PRIu32, compartment,
		epoch);
}

const char *
layout_base(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}
