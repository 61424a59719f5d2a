/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_WRAP_INTERNAL_H
#define KEYS_WRAP_INTERNAL_H

#include "keys/aead.h"
#include "keys/seal.h"
#include "util/span.h"

#include <stdint.h>

/* The two keys of a wrap from the shared point (docs/format.md 2.1), for
 * seal.c and open.c. */
void wrap_keys(struct key *sealing, struct key *commitment,
	const uint8_t shared[32], const struct public_key *ephemeral,
	const struct public_key *to, const char *label, struct span context);

/* The keys of a recipient's sealed part from the passphrase. -ENOMEM. */
int wrap_passphrase_keys(struct key *sealing, struct key *commitment,
	struct span passphrase, const uint8_t salt[16], uint64_t memory,
	uint32_t passes);

#endif
