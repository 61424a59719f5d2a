/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_VERIFY_H
#define KEYS_VERIFY_H

#include "util/cleanup.h"
#include "util/span.h"

#include <stdint.h>

/* 0, or -EBADMSG when sig is not pk's over msg (Ed25519, RFC 8032). */
must_check int verify_message(
	const uint8_t pk[32], struct span msg, const uint8_t sig[64]);

#endif
