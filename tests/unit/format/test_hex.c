/* SPDX-License-Identifier: Apache-2.0 */

/* Hexadecimal: lower case, exact length, nothing else. */

#include "format/hex.h"
#include "tests/lib/check.h"

static void
there_and_back(void)
{
	uint8_t all[256], out[256];
	char text[HEX_SIZE(256)];

	for (unsigned int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	hex_encode(text, span_of(all, sizeof(all)));
	CHECK_EQ(strlen(text), 512);
	CHECK(memcmp(text, "000102", 6) == 0);
	CHECK_EQ(hex_decode(out, sizeof(out), span_str(text)), 0);
	CHECK_MEM(out, all, sizeof(all));
	hex_encode(text, span_of(NULL, 0));
	CHECK_STR(text, "");
	CHECK_EQ(hex_decode(out, 0, span_of(NULL, 0)), 0);
}

static void
refusals(void)
{
	uint8_t out[2] = {7, 7};

	CHECK_EQ(hex_decode(out, 2, span_str("0a1")), -EBADMSG);
	CHECK_EQ(hex_decode(out, 2, span_str("0a1b2c")), -EBADMSG);
	CHECK_EQ(hex_decode(out, 2, span_str("0A1B")), -EBADMSG);
	CHECK_EQ(hex_decode(out, 2, span_str("0a1g")), -EBADMSG);
	CHECK_EQ(hex_decode(out, 2, span_str("0a /")), -EBADMSG);
	CHECK_EQ(out[0], 7);
	CHECK_EQ(out[1], 7);
}

CHECK_MAIN(TEST(there_and_back), TEST(refusals))
