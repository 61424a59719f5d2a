/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/seal.h"

#include "keys/digest.h"
#include "keys/wrap_internal.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int
seal_wrap(uint8_t *out, const struct public_key *pk, const char *label,
	struct span context, struct span payload)
{
	static const uint8_t nonce[AEAD_NONCE];
	struct key secret, sealing, commitment;
	struct public_key ephemeral;
	uint8_t shared[32];
	int r = 0;

	random_bytes(secret.b, sizeof(secret.b));
	crypto_scalarmult_base(ephemeral.b, secret.b);
	/* libsodium refuses an all-zero result: a key of low order. */
	if (crypto_scalarmult(shared, secret.b, pk->b) != 0) {
		r = -EINVAL;
	} else {
		wrap_keys(&sealing, &commitment, shared, &ephemeral, pk, label,
			context);
		memcpy(out, ephemeral.b, 32);
		memcpy(out + 32, commitment.b, 32);
		aead_seal(out + 64, &sealing, nonce, context, payload);
		sodium_memzero(&sealing, sizeof(sealing));
	}
	sodium_memzero(&secret, sizeof(secret));
	sodium_memzero(shared, sizeof(shared));
	return r;
}
