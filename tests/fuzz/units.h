/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_UNITS_H
#define TESTS_FUZZ_UNITS_H

/*
 * For inputs that are a row of units, each with its length in its head. Bytes
 * changed here and there hardly ever make two good units of one: so libFuzzer,
 * through mutate.c, drops, repeats, moves and changes whole ones, and a replay,
 * through twist.c, does so systematically to each sample.
 */

#include <stddef.h>
#include <stdint.h>

struct units {
	size_t skip;	  /* bytes before the first unit */
	size_t head;	  /* bytes of a head */
	size_t at, width; /* where in it the length of the rest stands */
};

/* Each such target has one. */
extern const struct units units;

#define UNITS_MAX 1000U

struct unit {
	uint8_t *p;
	size_t n; /* with its head */
};

/* As many whole units as there are, at most UNITS_MAX. */
size_t units_split(uint8_t *data, size_t size, struct unit *ret);

/* Write the length that a unit of n bytes has into its head. */
void units_set_length(uint8_t *p, size_t n);

enum units_twist {
	UNITS_DROP,
	UNITS_REPEAT, /* before j */
	UNITS_MOVE,   /* behind j */
	UNITS_TWISTS
};

/* Do that to unit i; the new size, at most max, or 0 for what cannot be. */
size_t units_rearrange(uint8_t *data, size_t size, size_t max,
	enum units_twist how, const struct unit *i, const struct unit *j);

/* All twists of a sample, each handed to the target. */
void units_twist(const uint8_t *data, size_t size);

#endif
