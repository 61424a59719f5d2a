/* SPDX-License-Identifier: Apache-2.0 */
#include "format/base64.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 0 to 63, or -1. */
static int
base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

void
base64_encode(char *dst, struct span src)
{
	size_t i = 0;

	while (i < src.n) {
		size_t have = src.n - i < 3 ? src.n - i : 3;
		uint32_t v = 0;

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < have ? src.p[i + k] : 0U);
		for (size_t k = 0; k < 4; k++) {
			uint32_t d = v >> (18 - 6 * k) & 63;

			*dst++ = k <= have ? digits[d] : '=';
		}
		i += have;
	}
}

/*
 * Four characters to have (1 to 3) bytes. False unless they are the one
 * encoding of that many.
 */
static bool
base64_group(const uint8_t *text, size_t have, uint8_t out[3])
{
	uint32_t v = 0;

	for (size_t k = 0; k < 4; k++) {
		int d = k <= have ? base64_digit(text[k]) : 0;

		if (d < 0 || (k > have && text[k] != '='))
			return false;
		v = v << 6 | (uint32_t)d;
	}
	for (size_t k = 0; k < 3; k++) {
		out[k] = (uint8_t)(v >> (16 - 8 * k) & 0xff);
		if (k >= have && out[k] != 0)
			return false;
	}
	return true;
}

/* All of text, to dst unless it is NULL. */
static bool
base64_walk(uint8_t *dst, size_t n, const uint8_t *text)
{
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint8_t out[3];

		if (!base64_group(text + i / 3 * 4, have, out))
			return false;
		if (dst)
			memcpy(dst + i, out, have);
	}
	return true;
}

int
base64_decode(uint8_t *dst, size_t n, struct span text)
{
	if (text.n != BASE64_SIZE(n) || !base64_walk(NULL, n, text.p))
		return -EBADMSG;
	base64_walk(dst, n, text.p);
	return 0;
}
