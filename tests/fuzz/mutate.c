/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/fuzz/units.h"

/* libFuzzer's names. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max, unsigned int seed);

/* Bytes that a unit may grow by at once. */
#define MORE 64U

/* Change a unit's bytes, and its length with them. */
static size_t
change(uint8_t *data, size_t size, size_t max, const struct unit *u)
{
	static uint8_t copy[(1U << 20) + MORE];
	size_t room = max - size < MORE ? max - size : MORE;
	size_t n, behind = (size_t)(data + size - u->p) - u->n;

	memcpy(copy, u->p, u->n);
	n = LLVMFuzzerMutate(copy, u->n, u->n + room);
	if (n < units.head)
		return 0;
	units_set_length(copy, n);
	memmove(u->p + n, u->p + u->n, behind);
	memcpy(u->p, copy, n);
	return size - u->n + n;
}

size_t
LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	static struct unit unit[UNITS_MAX];
	size_t n = units_split(data, size, unit), done = 0;
	unsigned int how = seed % 8;

	seed /= 8;
	if (n > 0 && how < UNITS_TWISTS)
		done = units_rearrange(data, size, max, (enum units_twist)how,
			&unit[seed % n], &unit[seed / UNITS_MAX % n]);
	else if (n > 0 && how < 7)
		done = change(data, size, max, &unit[seed % n]);
	return done > 0 ? done : LLVMFuzzerMutate(data, size, max);
}
