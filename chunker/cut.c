/* SPDX-License-Identifier: Apache-2.0 */
#include "chunker/cut.h"

#include <assert.h>

/* The hash's window: after 64 shifts a byte has left the 64-bit word. */
#define WINDOW 64u

static size_t
fixed_size(enum cutter cutter)
{
	return cutter == CUTTER_FIXED_16K ? 16u * 1024u : 64u * 1024u;
}

size_t
cut_window(enum cutter cutter)
{
	return cutter == CUTTER_CONTENT ? CUT_MAX : fixed_size(cutter);
}

/* Two bytes a step: the two additions of the next pair do not wait for the
 * mask test of this one. */
static size_t
scan(const uint64_t gear[256], const uint8_t *p, size_t from, size_t to,
	uint64_t mask, uint64_t *hash)
{
	uint64_t h = *hash, g;
	size_t i = from;

	for (; i + 2 <= to; i += 2) {
		g = (h << 1) + gear[p[i]];
		if ((g & mask) == 0)
			return i + 1;
		h = (g << 1) + gear[p[i + 1]];
		if ((h & mask) == 0)
			return i + 2;
	}
	for (; i < to; i++) {
		h = (h << 1) + gear[p[i]];
		if ((h & mask) == 0)
			return i + 1;
	}
	*hash = h;
	return 0;
}

static size_t
cut_content(const struct cut_table *t, const uint8_t *p, size_t n)
{
	size_t max = n < CUT_MAX ? n : CUT_MAX;
	size_t aim = max < CUT_AIM ? max : CUT_AIM;
	uint64_t h = 0;
	size_t i, cut;

	if (max <= CUT_MIN)
		return max;
	for (i = CUT_MIN - WINDOW; i < CUT_MIN; i++)
		h = (h << 1) + t->gear[p[i]];
	cut = scan(t->gear, p, CUT_MIN, aim, CUT_MASK_BEFORE, &h);
	if (cut == 0 && aim < max)
		cut = scan(t->gear, p, aim, max, CUT_MASK_AFTER, &h);
	return cut != 0 ? cut : max;
}

size_t
cut_next(const struct cut_table *t, enum cutter cutter, const uint8_t *p,
	size_t n, bool end)
{
	size_t size;

	assert(n > 0 && (end || n >= cut_window(cutter)));
	if (cutter == CUTTER_CONTENT)
		return cut_content(t, p, n);
	size = fixed_size(cutter);
	return n < size ? n : size;
}
