/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/ref.h"

#include "keys/derive.h"

#include <string.h>

void
ref_keys_derive(struct ref_keys *out, const struct key *compartment)
{
	const struct span none = {NULL, 0};

	derive_key(&out->ref, compartment, "ref", none);
	derive_key(&out->digest, &out->ref, "digest", none);
}

void
ref_pack_key(struct key *out, const struct ref_keys *keys,
	const struct store_id *store, const struct pack_id *pack)
{
	uint8_t context[32];

	memcpy(context, store->b, 16);
	memcpy(context + 16, pack->b, 16);
	derive_key(out, &keys->ref, "pack",
		(struct span){context, sizeof(context)});
}

void
ref_digest(uint8_t out[16], const struct ref_keys *keys, struct span rows)
{
	if (rows.n == 0)
		memset(out, 0, 16);
	else
		derive_mac(out, 16, &keys->digest, &rows, 1);
}
