/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_HEX_H
#define FORMAT_HEX_H

/* Hexadecimal names: lower case only, both ways. */

#include "util/cleanup.h"
#include "util/span.h"

/* Room for n bytes and the NUL. */
#define HEX_SIZE(n) (2 * (n) + 1)

/* dst has HEX_SIZE(src.n) bytes; it ends in a NUL. */
void hex_encode(char *dst, struct span src);

/*
 * Exactly 2 * n digits of text to n bytes at dst. -EBADMSG for another
 * length or character; then dst is unchanged.
 */
must_check int hex_decode(uint8_t *dst, size_t n, struct span text);

#endif
