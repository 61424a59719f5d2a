/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sign.h"

#include <sodium.h>

void
sign_public(uint8_t pk[32], const struct key *seed)
{
	uint8_t sk[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(pk, sk, seed->b);
	sodium_memzero(sk, sizeof(sk));
}

void
sign_message(uint8_t sig[64], const struct key *seed, struct span msg)
{
	uint8_t pk[crypto_sign_PUBLICKEYBYTES], sk[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(pk, sk, seed->b);
	crypto_sign_detached(sig, NULL, msg.p, msg.n, sk);
	sodium_memzero(sk, sizeof(sk));
}
