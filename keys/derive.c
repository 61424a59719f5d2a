/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/derive.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

void
derive_mac(uint8_t *out, size_t outlen, const struct key *key,
	const struct span *parts, size_t n)
{
	crypto_generichash_state st;
	uint8_t full[32];
	size_t i, len = outlen < 16 ? 16 : outlen;

	assert(outlen == 8 || outlen == 16 || outlen == 32);
	crypto_generichash_init(&st, key->b, sizeof(key->b), len);
	for (i = 0; i < n; i++)
		crypto_generichash_update(&st, parts[i].p, parts[i].n);
	crypto_generichash_final(&st, full, len);
	memcpy(out, full, outlen);
	sodium_memzero(full, sizeof(full));
	sodium_memzero(&st, sizeof(st));
}

void
derive_key(struct key *out, const struct key *from, const char *label,
	struct span context)
{
	const struct span parts[] = {
		{(const uint8_t *)"muniment/1/", 11},
		{(const uint8_t *)label, strlen(label) + 1},
		context,
	};

	derive_mac(out->b, sizeof(out->b), from, parts, 3);
}
