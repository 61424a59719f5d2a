/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_DERIVE_H
#define KEYS_DERIVE_H

#include "keys/aead.h"
#include "util/span.h"

/* derive(k, label, context) of docs/format.md section 1. */
void derive_key(struct key *out, const struct key *from, const char *label,
	struct span context);

/* MAC-8n(k, parts joined): keyed BLAKE2b, n = outlen (8 is the first half of
 * the 16-byte hash: libsodium's shortest output). */
void derive_mac(uint8_t *out, size_t outlen, const struct key *key,
	const struct span *parts, size_t n);

#endif
