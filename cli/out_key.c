/* SPDX-License-Identifier: Apache-2.0 */

/* Apart from out.c, for it needs a hash. */

#include "cli/out.h"

#include <stdio.h>

#include "keys/digest.h"

void
out_fingerprint(char dst[OUT_FINGERPRINT], const uint8_t ledger_pk[32])
{
	const struct span key = span_of(ledger_pk, 32);
	uint8_t hash[32];
	size_t at = 0;

	digest_sha256(hash, &key, 1);
	for (size_t i = 0; i < 16; i += 2)
		at += (size_t)snprintf(dst + at, OUT_FINGERPRINT - at,
			"%s%02x%02x", i > 0 ? "-" : "", hash[i], hash[i + 1]);
}
