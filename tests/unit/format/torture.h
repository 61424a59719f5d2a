/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FORMAT_TORTURE_H
#define TESTS_UNIT_FORMAT_TORTURE_H

/*
 * What every decoder must bear: each sample cut at every byte, lengthened by
 * one, and with each of its bits flipped. Inputs lie on the heap at their
 * exact size, so that a sanitizer sees a read beyond them.
 */

#include "tests/fuzz/trip.h"
#include "tests/lib/check.h"

enum torture_end {
	TORTURE_FIXED, /* the length follows from the contents */
	TORTURE_OPEN,  /* the end is whatever there is: may be cut */
};

/* A copy that ends where its memory ends; free it. */
static inline uint8_t *
torture_copy(struct span s)
{
	uint8_t *p = malloc(s.n > 0 ? s.n : 1);

	TRIP_MUST(p);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return p;
}

/* Decoded: then the same bytes come out again, or it holds foreign parts. */
static inline bool
torture_one(const struct trip *trip, struct span in, int *ret)
{
	_cleanup_buf_ struct buf again = BUF_INIT;

	*ret = trip->fn(in, &again);
	if (*ret < 0)
		return *ret == -EBADMSG || *ret == -EPROTONOSUPPORT;
	return *ret == TRIP_LOSSY || span_eq(buf_span(&again), in);
}

static inline void
torture_lengths(const struct trip *trip, struct span good, enum torture_end end)
{
	uint8_t *longer;
	int r;

	for (size_t n = 0; n < good.n; n++) {
		uint8_t *p = torture_copy(span_of(good.p, n));

		CHECK(torture_one(trip, span_of(p, n), &r));
		if (!CHECK(end == TORTURE_OPEN || r < 0))
			printf("%s cut to %zu bytes\n", trip->name, n);
		free(p);
	}
	longer = malloc(good.n + 1);
	TRIP_MUST(longer);
	memcpy(longer, good.p, good.n);
	longer[good.n] = 0;
	CHECK(torture_one(trip, span_of(longer, good.n + 1), &r));
	CHECK(end == TORTURE_OPEN || r < 0);
	free(longer);
}

static inline void
torture_bits(const struct trip *trip, struct span good)
{
	uint8_t *p = torture_copy(good);
	int r;

	for (size_t i = 0; i < 8 * good.n; i++) {
		p[i / 8] = (uint8_t)(p[i / 8] ^ (1U << i % 8));
		if (!CHECK(torture_one(trip, span_of(p, good.n), &r)))
			printf("%s with bit %zu flipped\n", trip->name, i);
		p[i / 8] = (uint8_t)(p[i / 8] ^ (1U << i % 8));
	}
	free(p);
}

/* All samples of a decoder. */
static inline void
torture(const char *name, enum torture_end end)
{
	const struct trip *trip = trip_named(name);

	for (unsigned int i = 0; i < trip->samples; i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		int r;

		trip->sample(i, &b);
		CHECK(torture_one(trip, buf_span(&b), &r));
		if (!CHECK_EQ(r, TRIP_EXACT))
			printf("sample %u of %s\n", i, name);
		torture_lengths(trip, buf_span(&b), end);
		torture_bits(trip, buf_span(&b));
	}
}

/* The sample of a decoder, with n bytes at offset at put in. */
static inline int
torture_patch(const char *name, unsigned int sample, size_t at,
	const void *bytes, size_t n)
{
	const struct trip *trip = trip_named(name);
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_buf_ struct buf again = BUF_INIT;

	trip->sample(sample, &b);
	TRIP_MUST(at + n <= b.n);
	memcpy(b.p + at, bytes, n);
	return trip->fn(buf_span(&b), &again);
}

#endif
