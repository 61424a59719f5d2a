/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_SIGN_H
#define KEYS_SIGN_H

#include "keys/aead.h"
#include "util/span.h"

#include <stdint.h>

/* Ed25519 (RFC 8032). The seed lives in secmem. */
void sign_public(uint8_t pk[32], const struct key *seed);
void sign_message(uint8_t sig[64], const struct key *seed, struct span msg);

#endif
