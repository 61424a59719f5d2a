/* SPDX-License-Identifier: Apache-2.0 */

/* Attribute sets: order and limits. */

#include "format/attrs.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("attrs", TORTURE_FIXED);
}

static void
sets(void)
{
	struct attr list[] = {
		{span_str("user.a"), span_str("1")},
		{span_str("user.b"), span_of(NULL, 0)},
	};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct attrs attrs;
	struct span value;

	CHECK_EQ(attrs_encode(&b, list, 2), 0);
	CHECK_EQ(attrs_open(buf_span(&b), &attrs), 0);
	CHECK_EQ(attrs.n, 2);
	CHECK_EQ(attrs_find(&attrs, span_str("user.b"), &value), 0);
	CHECK_EQ(value.n, 0);
	CHECK_EQ(attrs_find(&attrs, span_str("user"), &value), -ENOENT);
	list[1].name = span_str("user.a");
	CHECK_EQ(attrs_encode(&b, list, 2), -EINVAL);
	list[1].name = span_str("");
	CHECK_EQ(attrs_encode(&b, list, 2), -EINVAL);
	list[1].name = span_of("user.b\0", 7);
	CHECK_EQ(attrs_encode(&b, list, 2), -EINVAL);
}

/* A set may fill an object to the last byte. */
static void
largest(void)
{
	uint8_t *big = trip_array(FORMAT_OBJECT_MAX, 1);
	struct attr one = {span_str("user.a"), {big, 0}};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct attrs attrs;

	one.value.n = FORMAT_OBJECT_MAX - 4 - 6 - 6;
	CHECK_EQ(attrs_encode(&b, &one, 1), 0);
	CHECK_EQ(b.n, FORMAT_OBJECT_MAX);
	CHECK_EQ(attrs_open(buf_span(&b), &attrs), 0);
	one.value.n++;
	CHECK_EQ(attrs_encode(&b, &one, 1), -EINVAL);
	one.value.n = SIZE_MAX;
	CHECK_EQ(attrs_encode(&b, &one, 1), -EINVAL);
	free(big);
}

/* A set of one attribute whose name is n bytes like c. */
static int
named(size_t n, char c)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct attrs attrs;

	TRIP_MUST(buf_u32(&b, 1) == 0);
	TRIP_MUST(buf_u16(&b, (uint16_t)n) == 0);
	TRIP_MUST(buf_u32(&b, 0) == 0);
	for (size_t i = 0; i < n; i++)
		TRIP_MUST(buf_append(&b, &c, 1) == 0);
	return attrs_open(buf_span(&b), &attrs);
}

static void
names(void)
{
	CHECK_EQ(named(1, 'x'), 0);
	CHECK_EQ(named(LIMIT_NAME, 'x'), 0);
	CHECK_EQ(named(LIMIT_NAME + 1, 'x'), -EBADMSG);
	CHECK_EQ(named(0, 'x'), -EBADMSG);
	CHECK_EQ(named(1, 0), -EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(sets), TEST(largest), TEST(names))
