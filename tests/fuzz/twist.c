/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What lies beside a sample: each of its units dropped, repeated, exchanged
 * with the next, and each of the first bytes of each unit one more and one
 * less. A target judges for itself whether it may accept that.
 */

#include <stdlib.h>

#include "tests/fuzz/entry.h"
#include "tests/fuzz/units.h"

/* Bytes of a unit that are changed. */
#define BYTES 32U

/* A twist of a fresh copy. */
static void
rearranged(const uint8_t *data, size_t size, enum units_twist how, size_t i)
{
	size_t max = 2 * size, n;
	uint8_t *copy = malloc(max);
	static struct unit unit[UNITS_MAX];
	size_t count, j;

	TRIP_MUST(copy);
	memcpy(copy, data, size);
	count = units_split(copy, size, unit);
	j = how == UNITS_MOVE ? i + 1 : i;
	n = j < count
		    ? units_rearrange(copy, size, max, how, &unit[i], &unit[j])
		    : 0;
	if (n > 0)
		LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void
changed(uint8_t *copy, size_t size, uint8_t *byte)
{
	uint8_t was = *byte;

	*byte = (uint8_t)(was + 1);
	LLVMFuzzerTestOneInput(copy, size);
	*byte = (uint8_t)(was - 1);
	LLVMFuzzerTestOneInput(copy, size);
	*byte = was;
}

void
units_twist(const uint8_t *data, size_t size)
{
	static struct unit unit[UNITS_MAX];
	uint8_t *copy = malloc(size);
	size_t n;

	TRIP_MUST(copy);
	memcpy(copy, data, size);
	n = units_split(copy, size, unit);
	for (size_t i = 0; i < n; i++) {
		for (enum units_twist how = 0; how < UNITS_TWISTS; how++)
			rearranged(data, size, how, i);
		for (size_t k = 0; k < unit[i].n && k < BYTES; k++) {
			if (k < units.at || k >= units.at + units.width)
				changed(copy, size, unit[i].p + k);
		}
	}
	free(copy);
}
