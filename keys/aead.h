/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_AEAD_H
#define KEYS_AEAD_H

#include "util/cleanup.h"
#include "util/span.h"

#include <stdint.h>

#define AEAD_TAG 16
#define AEAD_NONCE 24

struct key {
	uint8_t b[32];
};

/*
 * XChaCha20-Poly1305, IETF construction (libsodium's
 * crypto_aead_xchacha20poly1305_ietf). A nonce never serves twice under one
 * key: the caller's duty.
 *
 * out has room for in.n + AEAD_TAG bytes and does not overlap in.
 */
void aead_seal(uint8_t *out, const struct key *key,
	const uint8_t nonce[AEAD_NONCE], struct span ad, struct span in);

/*
 * Check and decrypt in (tag at its end) to out, in.n - AEAD_TAG bytes.
 * 0, or -EBADMSG: out is then zeroed.
 */
must_check int aead_open(uint8_t *out, const struct key *key,
	const uint8_t nonce[AEAD_NONCE], struct span ad, struct span in);

#endif
