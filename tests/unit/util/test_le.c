/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the byte order is fixed, at any alignment. */

#include "tests/lib/check.h"
#include "util/le.h"

static void
order(void)
{
	static const uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 0xf8};

	CHECK_EQ(le16_get(bytes), 0x0201);
	CHECK_EQ(le32_get(bytes), 0x04030201);
	CHECK_EQ(le32_get(bytes + 4), 0xf8070605);
	CHECK(le64_get(bytes) == 0xf807060504030201);
}

static void
round_trip_unaligned(void)
{
	uint8_t b[9] = {0};

	le16_put(b + 1, 0xfeed);
	CHECK_EQ(b[1], 0xed);
	CHECK_EQ(le16_get(b + 1), 0xfeed);
	le32_put(b + 1, 0x89abcdef);
	CHECK_EQ(b[4], 0x89);
	CHECK_EQ(le32_get(b + 1), 0x89abcdef);
	le64_put(b + 1, 0xfedcba9876543210);
	CHECK_EQ(b[8], 0xfe);
	CHECK(le64_get(b + 1) == 0xfedcba9876543210);
	CHECK_EQ(b[0], 0);
}

CHECK_MAIN(TEST(order), TEST(round_trip_unaligned))
