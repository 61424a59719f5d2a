/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_BASE64_H
#define FORMAT_BASE64_H

/* Base64 of RFC 4648 section 4, with padding. Not for secrets. */

#include "util/cleanup.h"
#include "util/span.h"

/* Characters of n bytes. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4)

/* dst has BASE64_SIZE(src.n) bytes; no NUL is written. */
void base64_encode(char *dst, struct span src);

/*
 * Exactly BASE64_SIZE(n) characters of text to n bytes at dst. -EBADMSG for
 * anything but the one encoding of n bytes (unused bits must be zero); then
 * dst is unchanged.
 */
must_check int base64_decode(uint8_t *dst, size_t n, struct span text);

#endif
