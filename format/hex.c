/* SPDX-License-Identifier: Apache-2.0 */
#include "format/hex.h"

static const char digits[] = "0123456789abcdef";

/* 0 to 15, or -1. */
static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void
hex_encode(char *dst, struct span src)
{
	for (size_t i = 0; i < src.n; i++) {
		dst[2 * i] = digits[src.p[i] >> 4];
		dst[2 * i + 1] = digits[src.p[i] & 15];
	}
	dst[2 * src.n] = 0;
}

int
hex_decode(uint8_t *dst, size_t n, struct span text)
{
	if (text.n % 2 != 0 || text.n / 2 != n)
		return -EBADMSG;
	for (size_t i = 0; i < text.n; i++) {
		if (hex_digit(text.p[i]) < 0)
			return -EBADMSG;
	}
	for (size_t i = 0; i < n; i++) {
		dst[i] = (uint8_t)(hex_digit(text.p[2 * i]) << 4 |
				   hex_digit(text.p[2 * i + 1]));
	}
	return 0;
}
