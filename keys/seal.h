/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_SEAL_H
#define KEYS_SEAL_H

#include "keys/aead.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stdint.h>

/* Sealing to a public key: what is sealed here only its holder opens. */

struct public_key {
	uint8_t b[32];
};

#define SEAL_WRAP_EXTRA 80 /* ephemeral key, commitment, tag */

/*
 * A wrap (docs/format.md 2.1) of payload to pk; out has room for
 * payload.n + SEAL_WRAP_EXTRA bytes. -EINVAL for a public key of low order.
 */
must_check int seal_wrap(uint8_t *out, const struct public_key *pk,
	const char *label, struct span context, struct span payload);

#endif
