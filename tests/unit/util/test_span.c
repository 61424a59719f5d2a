/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a cursor never leaves its bytes, its failure sticks, and everything
 * read after it is zero.
 */

#include <limits.h>

#include "tests/lib/check.h"
#include "util/span.h"

#define RECORD 28

/* A record with one field of each kind. */
static size_t
write_record(uint8_t *p, size_t n)
{
	struct wcur w = wcur_init(p, n);
	size_t len = SIZE_MAX;

	wcur_u8(&w, 0x11);
	wcur_u16(&w, 0x2233);
	wcur_u32(&w, 0x44556677);
	wcur_u64(&w, 0x8899aabbccddeeff);
	wcur_i64(&w, -2);
	wcur_bytes(&w, "abc", 3);
	wcur_zero(&w, 2);
	CHECK_EQ(wcur_end(&w, &len), n < RECORD ? -ENOSPC : 0);
	return len;
}

static int
read_record(struct span s, bool *ret_right)
{
	struct rcur r = rcur_init(s);
	uint8_t u8 = rcur_u8(&r);
	uint16_t u16 = rcur_u16(&r);
	uint32_t u32 = rcur_u32(&r);
	uint64_t u64 = rcur_u64(&r);
	int64_t i64 = rcur_i64(&r);
	char text[3] = {'x', 'x', 'x'};

	rcur_bytes(&r, text, sizeof(text));
	rcur_zero(&r, 2);
	*ret_right = u8 == 0x11 && u16 == 0x2233 && u32 == 0x44556677 &&
		     u64 == 0x8899aabbccddeeff && i64 == -2 &&
		     memcmp(text, "abc", 3) == 0;
	return rcur_end(&r);
}

static void
round_trip(void)
{
	uint8_t b[RECORD];
	bool right;

	CHECK_EQ(write_record(b, sizeof(b)), RECORD);
	CHECK_EQ(read_record(span_of(b, sizeof(b)), &right), 0);
	CHECK(right);
}

static void
read_truncated_everywhere(void)
{
	uint8_t b[RECORD + 1] = {0};
	bool right;

	write_record(b, RECORD);
	for (size_t n = 0; n < RECORD; n++) {
		/* Of the exact size, so that a sanitizer sees a step over. */
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, b, n);
		CHECK_EQ(read_record(span_of(copy, n), &right), -EBADMSG);
		free(copy);
	}
	CHECK_EQ(read_record(span_of(NULL, 0), &right), -EBADMSG);
	/* And one byte too many. */
	CHECK_EQ(read_record(span_of(b, RECORD + 1), &right), -EBADMSG);
	CHECK(right);
}

static void
write_truncated_everywhere(void)
{
	for (size_t n = 0; n < RECORD; n++) {
		uint8_t *b = malloc(n ? n : 1);

		CHECK_EQ(write_record(b, n), SIZE_MAX);
		free(b);
	}
}

static void
failure_is_sticky(void)
{
	static const uint8_t b[4] = {1, 2, 3, 4};
	struct rcur r = rcur_init(span_of(b, sizeof(b)));
	uint8_t dst[2] = {9, 9};
	struct span s;

	CHECK_EQ(rcur_u8(&r), 1);
	CHECK_EQ(rcur_left(&r), 3);
	CHECK_EQ(rcur_u32(&r), 0);
	CHECK(!rcur_ok(&r));
	CHECK_EQ(rcur_left(&r), 0);
	/* A byte would be there, but nothing is read after a failure. */
	CHECK_EQ(rcur_u8(&r), 0);
	rcur_bytes(&r, dst, sizeof(dst));
	CHECK_EQ(dst[0] | dst[1], 0);
	s = rcur_span(&r, 0);
	CHECK(s.p == NULL && s.n == 0);
	CHECK_EQ(rcur_end(&r), -EBADMSG);
}

static void
fail_by_hand(void)
{
	static const uint8_t b[1] = {7};
	struct rcur r = rcur_init(span_of(b, 1));

	CHECK_EQ(rcur_u8(&r), 7);
	CHECK(rcur_ok(&r));
	rcur_fail(&r);
	CHECK_EQ(rcur_end(&r), -EBADMSG);
}

static void
borrowed_views(void)
{
	static const uint8_t b[5] = {1, 2, 3, 4, 5};
	struct rcur r = rcur_init(span_of(b, sizeof(b)));
	struct span s = rcur_span(&r, 3);

	CHECK(s.p == b && s.n == 3);
	s = rcur_span(&r, SIZE_MAX);
	CHECK(s.p == NULL && s.n == 0);
	CHECK(!rcur_ok(&r));
}

static void
reserved_bytes(void)
{
	for (size_t i = 0; i < 4; i++) {
		uint8_t b[4] = {0};
		struct rcur r;

		b[i] = 0x80;
		r = rcur_init(span_of(b, sizeof(b)));
		rcur_zero(&r, sizeof(b));
		CHECK_EQ(rcur_end(&r), -EBADMSG);
	}
}

static void
reserve(void)
{
	uint8_t b[4] = {0};
	struct wcur w = wcur_init(b, sizeof(b));
	size_t len = 77;

	wcur_u8(&w, 1);
	CHECK(wcur_reserve(&w, 2) == b + 1);
	CHECK(wcur_reserve(&w, 2) == NULL);
	/* Sticky: one byte would still fit. */
	wcur_u8(&w, 1);
	CHECK_EQ(b[3], 0);
	CHECK_EQ(wcur_end(&w, &len), -ENOSPC);
	CHECK_EQ(len, 77);
	w = wcur_init(b, sizeof(b));
	CHECK(wcur_reserve(&w, SIZE_MAX) == NULL);
}

static void
arithmetic(void)
{
	size_t v = 5;
	uint64_t u = 5;

	CHECK(add_ok(SIZE_MAX - 1, 1, &v) && v == SIZE_MAX);
	CHECK(!add_ok(v, 1, &v) && v == SIZE_MAX);
	CHECK(mul_ok(SIZE_MAX / 2, 2, &v) && v == SIZE_MAX - 1);
	CHECK(!mul_ok(SIZE_MAX / 2 + 1, 2, &v) && v == SIZE_MAX - 1);
	CHECK(add64_ok(UINT64_MAX, 0, &u) && u == UINT64_MAX);
	CHECK(!add64_ok(UINT64_MAX, UINT64_MAX, &u) && u == UINT64_MAX);
	CHECK(mul64_ok(0, UINT64_MAX, &u) && u == 0);
	CHECK(!mul64_ok(1ull << 32, 1ull << 32, &u) && u == 0);
}

static void
equality(void)
{
	CHECK(span_eq(span_str("ab"), span_of("abc", 2)));
	CHECK(!span_eq(span_str("ab"), span_str("ac")));
	CHECK(!span_eq(span_str("ab"), span_str("abc")));
	CHECK(span_eq(span_of(NULL, 0), span_str("")));
}

CHECK_MAIN(TEST(round_trip), TEST(read_truncated_everywhere),
	TEST(write_truncated_everywhere), TEST(failure_is_sticky),
	TEST(fail_by_hand), TEST(borrowed_views), TEST(reserved_bytes),
	TEST(reserve), TEST(arithmetic), TEST(equality))
