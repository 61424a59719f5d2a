/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/units.h"

#include <string.h>

#define UNIT_MAX (1U << 20)

static uint64_t
length_in(const uint8_t *head)
{
	uint64_t n = 0;

	for (size_t i = units.width; i-- > 0;)
		n = n << 8 | head[units.at + i];
	return n;
}

size_t
units_split(uint8_t *data, size_t size, struct unit *ret)
{
	size_t at = units.skip, count = 0;

	while (count < UNITS_MAX && at < size && size - at >= units.head) {
		uint64_t n = units.head + length_in(data + at);

		if (n > size - at || n > UNIT_MAX)
			break;
		ret[count++] = (struct unit){data + at, (size_t)n};
		at += (size_t)n;
	}
	return count;
}

void
units_set_length(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < units.width; i++)
		p[units.at + i] = (uint8_t)((n - units.head) >> 8 * i);
}

size_t
units_rearrange(uint8_t *data, size_t size, size_t max, enum units_twist how,
	const struct unit *i, const struct unit *j)
{
	static uint8_t copy[UNIT_MAX];
	uint8_t *end = data + size;

	memcpy(copy, i->p, i->n);
	switch (how) {
	case UNITS_DROP:
		memmove(i->p, i->p + i->n, (size_t)(end - i->p) - i->n);
		return size - i->n;
	case UNITS_REPEAT:
		if (i->n > max - size)
			return 0;
		memmove(j->p + i->n, j->p, (size_t)(end - j->p));
		memcpy(j->p, copy, i->n);
		return size + i->n;
	case UNITS_MOVE:
	case UNITS_TWISTS:
		break;
	}
	if (i->p >= j->p)
		return 0;
	memmove(i->p, i->p + i->n, (size_t)(j->p + j->n - i->p) - i->n);
	memcpy(j->p + j->n - i->n, copy, i->n);
	return size;
}
