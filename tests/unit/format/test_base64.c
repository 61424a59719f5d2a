/* SPDX-License-Identifier: Apache-2.0 */

/* Base64: the vectors of RFC 4648, and only the one encoding of each. */

#include "format/base64.h"
#include "tests/lib/check.h"

static void
vectors(void)
{
	static const char *const plain[] = {
		"", "f", "fo", "foo", "foob", "fooba", "foobar"};
	static const char *const text[] = {
		"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};

	for (size_t i = 0; i < array_len(plain); i++) {
		char enc[16] = "";
		uint8_t dec[16];

		base64_encode(enc, span_str(plain[i]));
		CHECK_STR(enc, text[i]);
		CHECK_EQ(
			base64_decode(dec, strlen(plain[i]), span_str(text[i])),
			0);
		CHECK_MEM(dec, plain[i], strlen(plain[i]));
	}
}

static void
every_byte(void)
{
	uint8_t all[256], out[256];
	char text[BASE64_SIZE(256)];

	for (unsigned int i = 0; i < 256; i++)
		all[i] = (uint8_t)(255 - i);
	for (size_t n = 250; n <= 256; n++) {
		base64_encode(text, span_of(all, n));
		CHECK_EQ(base64_decode(out, n, span_of(text, BASE64_SIZE(n))),
			0);
		CHECK_MEM(out, all, n);
	}
}

static void
refusals(void)
{
	static const char *const bad[] = {"Zh==", "Zg=", "Zg", "Zg=A",
		"=g==", "Z===", "Zg\n=", "Zg==Zg==", "Z-==", "Z_=="};
	uint8_t out[2] = {7, 7};

	for (size_t i = 0; i < array_len(bad); i++)
		CHECK_EQ(base64_decode(out, 1, span_str(bad[i])), -EBADMSG);
	/* Unused bits are zero, or two texts would mean the same. */
	CHECK_EQ(base64_decode(out, 2, span_str("Zm9=")), -EBADMSG);
	CHECK_EQ(out[0], 7);
}

CHECK_MAIN(TEST(vectors), TEST(every_byte), TEST(refusals))
