/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/wrap_internal.h"

#include "keys/derive.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

static void
split(struct key *sealing, struct key *commitment, struct key *from)
{
	const struct span none = {NULL, 0};

	derive_key(sealing, from, "seal", none);
	derive_key(commitment, from, "commit", none);
	sodium_memzero(from, sizeof(*from));
}

void
wrap_keys(struct key *sealing, struct key *commitment, const uint8_t shared[32],
	const struct public_key *ephemeral, const struct public_key *to,
	const char *label, struct span context)
{
	const struct span parts[] = {
		{(const uint8_t *)"muniment/1/wrap/", 16},
		{(const uint8_t *)label, strlen(label) + 1},
		{ephemeral->b, 32},
		{to->b, 32},
		context,
	};
	struct key k, s;

	memcpy(s.b, shared, 32);
	derive_mac(k.b, 32, &s, parts, 5);
	sodium_memzero(&s, sizeof(s));
	split(sealing, commitment, &k);
}

int
wrap_passphrase_keys(struct key *sealing, struct key *commitment,
	struct span passphrase, const uint8_t salt[16], uint64_t memory,
	uint32_t passes)
{
	struct key k;

	if (crypto_pwhash(k.b, sizeof(k.b), (const char *)passphrase.p,
		    passphrase.n, salt, passes, (size_t)memory,
		    crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -ENOMEM;
	split(sealing, commitment, &k);
	return 0;
}
