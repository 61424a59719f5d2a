/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: cuts depend on the bytes alone, keep their bounds, and come back after a
 * change; blocks open to what was sealed and to nothing else. */
#include "tests/lib/check.h"

#include "chunker/cut.h"

#include <stdint.h>

#define SIZE (24u * 1024u * 1024u)

static uint8_t data[SIZE + 64];
static struct cut_table table;

static uint64_t state;

static uint64_t
next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void
fill(void)
{
	size_t i;

	state = UINT64_C(0x9e3779b97f4a7c15);
	for (i = 0; i < 256; i++)
		table.gear[i] = next_random();
	for (i = 0; i + 8 <= sizeof(data); i += 8) {
		uint64_t v = next_random();

		memcpy(data + i, &v, 8);
	}
}

static size_t
cut_all(const uint8_t *p, size_t n, size_t *ends)
{
	size_t at = 0, k = 0;

	while (at < n) {
		at += cut_next(&table, CUTTER_CONTENT, p + at, n - at, true);
		ends[k++] = at;
	}
	return k;
}

static size_t ends[SIZE / CUT_MIN + 2], again[SIZE / CUT_MIN + 2];

static void
lengths_are_bounded_and_near_the_aim(void)
{
	size_t n, i, len, last = 0;

	fill();
	n = cut_all(data, SIZE, ends);
	for (i = 0; i + 1 < n; i++) {
		len = ends[i] - last;
		last = ends[i];
		CHECK(len > CUT_MIN && len <= CUT_MAX);
	}
	CHECK(SIZE / n > CUT_AIM / 2 && SIZE / n < 2 * CUT_AIM);
}

static void
cuts_do_not_depend_on_how_bytes_come(void)
{
	size_t n, at = 0, i, len;

	fill();
	n = cut_all(data, SIZE, ends);
	for (i = 0; i < n && SIZE - at >= CUT_MAX; i++) {
		/* exactly a window, not marked as the end */
		len = cut_next(
			&table, CUTTER_CONTENT, data + at, CUT_MAX, false);
		at += len;
		CHECK_EQ(at, ends[i]);
	}
	CHECK(i > 100);
}

static void
an_insert_changes_few_pieces(void)
{
	size_t n, m, i, k, same = 0;

	fill();
	n = cut_all(data, SIZE, ends);
	memmove(data + SIZE / 2 + 1, data + SIZE / 2, SIZE / 2 - 1);
	m = cut_all(data, SIZE, again);
	for (i = 0, k = 0; i < n && k < m;) {
		size_t want = ends[i] > SIZE / 2 ? ends[i] + 1 : ends[i];

		if (again[k] == want) {
			same++;
			i++;
			k++;
		} else if (again[k] < want)
			k++;
		else
			i++;
	}
	CHECK(same + 8 > n);
}

/* The hash of the place behind p[i], as the format's page says it. */
static uint64_t
place_hash(const uint8_t *p, size_t i)
{
	uint64_t h = 0;

	for (size_t back = 0; back < 64; back++)
		h += table.gear[p[i - back]] << back;
	return h;
}

/* Numbers of the page, not of the header: a store that was cut with them is to
 * be cut so for ever. */
static size_t
reference_cut(const uint8_t *p, size_t n)
{
	for (size_t length = 16385; length < n && length < 262144; length++) {
		unsigned int bits = length <= 65536 ? 17 : 15;

		if (place_hash(p, length - 1) >> (64 - bits) == 0)
			return length;
	}
	return n < 262144 ? n : 262144;
}

static void
as_the_page_says(void)
{
	size_t n, at = 0, forced = 0, before = 0;

	fill();
	n = cut_all(data, SIZE, ends);
	for (size_t i = 0; i < n; i++) {
		size_t length = reference_cut(data + at, SIZE - at);

		forced += length == 262144;
		before += length <= 65536;
		CHECK_EQ(at + length, ends[i]);
		at = ends[i];
	}
	CHECK(forced > 0 && before > 0 && forced + before < n);
}

/* Close behind the minimum the hash looks back at bytes before it. */
static void
cuts_behind_the_minimum(void)
{
	size_t n, found = 0;

	fill();
	n = cut_all(data, SIZE, ends);
	for (size_t i = 1; i < n; i++) {
		size_t length = 16385 + i % 64, at = ends[i] - length;
		size_t want = reference_cut(data + at, SIZE - at);

		CHECK_EQ(cut_next(&table, CUTTER_CONTENT, data + at, SIZE - at,
				 true),
			want);
		found += want == length;
	}
	CHECK(found > 64);
}

static void
short_and_equal_bytes(void)
{
	static uint8_t zero[CUT_MAX + 10];

	fill();
	CHECK_EQ(cut_next(&table, CUTTER_CONTENT, zero, 1, true), 1);
	CHECK_EQ(
		cut_next(&table, CUTTER_CONTENT, zero, CUT_MIN, true), CUT_MIN);
	CHECK(cut_next(&table, CUTTER_CONTENT, zero, sizeof(zero), true) <=
		CUT_MAX);
	CHECK_EQ(cut_next(&table, CUTTER_FIXED_16K, zero, sizeof(zero), true),
		16384);
	CHECK_EQ(cut_next(&table, CUTTER_FIXED_64K, zero, 100, true), 100);
}

CHECK_MAIN(TEST(lengths_are_bounded_and_near_the_aim),
	TEST(cuts_do_not_depend_on_how_bytes_come),
	TEST(an_insert_changes_few_pieces), TEST(as_the_page_says),
	TEST(cuts_behind_the_minimum), TEST(short_and_equal_bytes))
