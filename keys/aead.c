/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/aead.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

static_assert(AEAD_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
static_assert(
	AEAD_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");

void
aead_seal(uint8_t *out, const struct key *key, const uint8_t nonce[AEAD_NONCE],
	struct span ad, struct span in)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(
		out, NULL, in.p, in.n, ad.p, ad.n, NULL, nonce, key->b);
}

int
aead_open(uint8_t *out, const struct key *key, const uint8_t nonce[AEAD_NONCE],
	struct span ad, struct span in)
{
	if (in.n < AEAD_TAG)
		return -EBADMSG;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, in.p,
		    in.n, ad.p, ad.n, nonce, key->b) == 0)
		return 0;
	memset(out, 0, in.n - AEAD_TAG);
	return -EBADMSG;
}
