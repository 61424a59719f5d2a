/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Sealing that hides nothing and believes everything: the bytes, and a tag of
 * zeros. An outsider who held the keys could seal whatever he likes; behind
 * this the fuzzer can.
 */

#include <errno.h>
#include <string.h>

#include "keys/aead.h"

void __wrap_aead_seal(uint8_t *out, const struct key *key,
	const uint8_t nonce[AEAD_NONCE], struct span ad, struct span in);
int __wrap_aead_open(uint8_t *out, const struct key *key,
	const uint8_t nonce[AEAD_NONCE], struct span ad, struct span in);

void
__wrap_aead_seal(uint8_t *out, const struct key *key,
	const uint8_t nonce[AEAD_NONCE], struct span ad, struct span in)
{
	(void)key;
	(void)nonce;
	(void)ad;
	if (in.n > 0)
		memcpy(out, in.p, in.n);
	memset(out + in.n, 0, AEAD_TAG);
}

int
__wrap_aead_open(uint8_t *out, const struct key *key,
	const uint8_t nonce[AEAD_NONCE], struct span ad, struct span in)
{
	(void)key;
	(void)nonce;
	(void)ad;
	if (in.n < AEAD_TAG)
		return -EBADMSG;
	if (in.n > AEAD_TAG)
		memcpy(out, in.p, in.n - AEAD_TAG);
	return 0;
}
