/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: appends are exact, growth is geometric, failure changes nothing. */

#include "tests/lib/check.h"
#include "util/buf.h"
#include "util/hook.h"

static void
appends(void)
{
	static const uint8_t want[] = {
		1, 3, 2, 7, 6, 5, 4, 8, 0, 0, 0, 0, 0, 0, 0, 'x', 'y'};
	_cleanup_buf_ struct buf b = BUF_INIT;

	CHECK_EQ(buf_u8(&b, 1), 0);
	CHECK_EQ(buf_u16(&b, 0x0203), 0);
	CHECK_EQ(buf_u32(&b, 0x04050607), 0);
	CHECK_EQ(buf_u64(&b, 8), 0);
	CHECK_EQ(buf_append(&b, NULL, 0), 0);
	CHECK_EQ(buf_append(&b, "xy", 2), 0);
	CHECK(span_eq(buf_span(&b), span_of(want, sizeof(want))));
	buf_clear(&b);
	CHECK_EQ(buf_span(&b).n, 0);
	CHECK(b.cap > 0);
	buf_free(&b);
	CHECK(b.p == NULL && b.n == 0 && b.cap == 0);
	CHECK_EQ(buf_u8(&b, 1), 0);
}

static int
count_allocs(void *ctx, enum hook_op op, size_t *len)
{
	(void)len;
	if (op == HOOK_ALLOC)
		++*(unsigned int *)ctx;
	return 0;
}

static void
growth(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	unsigned int allocs = 0;
	bool right = true;

	hook_set(count_allocs, &allocs);
	for (uint32_t i = 0; i < 100000; i++)
		right = buf_u32(&b, i) == 0 && right;
	hook_set(NULL, NULL);
	for (uint32_t i = 0; i < 100000; i++)
		right = le32_get(b.p + 4 * (size_t)i) == i && right;
	CHECK(right);
	CHECK(allocs > 0 && allocs < 20);
}

static void
reserve(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t *p;

	CHECK_EQ(buf_append(&b, "a", 1), 0);
	CHECK_EQ(buf_reserve(&b, 1000), 0);
	CHECK(b.cap >= 1001);
	CHECK_EQ(b.n, 1);
	p = b.p;
	for (int i = 0; i < 1000; i++)
		CHECK_EQ(buf_u8(&b, 0), 0);
	CHECK(b.p == p);
	CHECK_EQ(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	CHECK_EQ(b.n, 1001);
}

static void
short_memory(void)
{
	struct hook_plan plan = {
		.op = HOOK_ALLOC, .act = HOOK_FAIL, .err = -ENOMEM, .at = 1};
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t big[200] = {0};

	CHECK_EQ(buf_append(&b, "keep", 4), 0);
	hook_set(hook_plan_run, &plan);
	CHECK_EQ(buf_append(&b, big, sizeof(big)), -ENOMEM);
	hook_set(NULL, NULL);
	CHECK(span_eq(buf_span(&b), span_str("keep")));
	CHECK_EQ(buf_append(&b, big, sizeof(big)), 0);
	CHECK_EQ(b.n, 204);
}

CHECK_MAIN(TEST(appends), TEST(growth), TEST(reserve), TEST(short_memory))
