/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "util/esc.h"

/*
 * The least code point for a sequence of each length: a smaller one in that
 * length is an overlong form.
 */
static const uint32_t least_of_len[] = {0, 0, 0x80, 0x800, 0x10000};

/* Bytes in the sequence that a lead byte announces; 0 for none. */
static size_t
sequence_len(uint8_t lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

/* Length of the well-formed character at the start of s; 0 for none. */
static size_t
utf8_next(struct span s, uint32_t *ret)
{
	size_t len;
	uint32_t c;

	if (s.n == 0)
		return 0;
	len = sequence_len(s.p[0]);
	if (len == 0 || len > s.n)
		return 0;
	c = len == 1 ? s.p[0] : s.p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s.p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s.p[i] & 0x3f);
	}
	if (c < least_of_len[len] || c > 0x10ffff)
		return 0;
	if (c >= 0xd800 && c <= 0xdfff)
		return 0;
	*ret = c;
	return len;
}

bool
utf8_valid(struct span s)
{
	while (s.n > 0) {
		uint32_t c;
		size_t len = utf8_next(s, &c);

		if (len == 0)
			return false;
		s.p += len;
		s.n -= len;
	}
	return true;
}

/* Characters that act on the terminal or on the line around them. */
static bool
is_unsafe(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c ||
	       c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* Full length so far, and how much of it stands in dst. */
struct esc_out {
	char *dst;
	size_t n, full;
	bool cut;
};

static void
put(struct esc_out *o, const char *s, size_t n)
{
	/* After the first piece that did not fit nothing smaller slips in. */
	if (o->full >= o->n || n >= o->n - o->full)
		o->cut = true;
	if (!o->cut) {
		memcpy(o->dst + o->full, s, n);
		o->dst[o->full + n] = '\0';
	}
	o->full += n;
}

static void
put_hex(struct esc_out *o, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";
	char text[4] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};

	put(o, text, sizeof(text));
}

size_t
esc_name(char *dst, size_t n, struct span name)
{
	struct esc_out o = {dst, n, 0, false};

	if (n > 0)
		dst[0] = '\0';
	while (name.n > 0) {
		uint32_t c;
		size_t len = utf8_next(name, &c);

		if (len == 0) {
			len = 1;
			put_hex(&o, name.p[0]);
		} else if (is_unsafe(c)) {
			for (size_t i = 0; i < len; i++)
				put_hex(&o, name.p[i]);
		} else if (c == '\\') {
			put(&o, "\\\\", 2);
		} else {
			put(&o, (const char *)name.p, len);
		}
		name.p += len;
		name.n -= len;
	}
	return o.full;
}
