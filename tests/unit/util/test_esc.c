/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: no name can command a terminal, and no two names look the same. */

#include "tests/lib/check.h"
#include "util/esc.h"

static void
shows(const char *in, size_t n, const char *want)
{
	char out[256];

	CHECK_EQ(esc_name(out, sizeof(out), span_of(in, n)), strlen(want));
	CHECK_STR(out, want);
}

#define SHOWS(in, want) shows(in, sizeof(in) - 1, want)

static void
plain_text(void)
{
	SHOWS("", "");
	SHOWS("notes.txt ~!", "notes.txt ~!");
	SHOWS("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80");
	/* U+00A0 is the first one after C1. */
	SHOWS("\xc2\xa0", "\xc2\xa0");
}

static void
controls(void)
{
	SHOWS("a\nb", "a\\x0ab");
	SHOWS("\x1b[2J", "\\x1b[2J");
	SHOWS("\0", "\\x00");
	SHOWS("\x1f\x7f", "\\x1f\\x7f");
	/* C1 as UTF-8 and as bare bytes. */
	SHOWS("\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f");
	SHOWS("\x9b", "\\x9b");
}

static void
backslash(void)
{
	SHOWS("a\\x0ab", "a\\\\x0ab");
	SHOWS("\\", "\\\\");
}

static void
direction(void)
{
	SHOWS("\xe2\x80\xaa\xe2\x80\xae", "\\xe2\\x80\\xaa\\xe2\\x80\\xae");
	SHOWS("\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9");
	SHOWS("\xe2\x80\x8e\xe2\x80\x8f", "\\xe2\\x80\\x8e\\xe2\\x80\\x8f");
	SHOWS("\xd8\x9c", "\\xd8\\x9c");
	/* Neighbours are ordinary: U+200D, U+202F, U+206A. */
	SHOWS("\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xaa",
		"\xe2\x80\x8d\xe2\x80\xaf\xe2\x81\xaa");
}

static void
not_utf8(void)
{
	SHOWS("\xff", "\\xff");
	SHOWS("\xc3", "\\xc3");
	SHOWS("\xc3(", "\\xc3(");
	SHOWS("\xc0\xaf", "\\xc0\\xaf");
	SHOWS("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	SHOWS("\xed\xa0\x80", "\\xed\\xa0\\x80");
	SHOWS("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	SHOWS("\xf0\x9f\x98", "\\xf0\\x9f\\x98");
	/* A good character right after a bad byte is kept. */
	SHOWS("\xe2\xc3\xbc", "\\xe2\xc3\xbc");
}

static void
small_room(void)
{
	static const char in[] = "a\n\xc3\xbc.";
	static const char *const want[] = {"", "", "a", "a", "a", "a", "a\\x0a",
		"a\\x0a", "a\\x0a\xc3\xbc", "a\\x0a\xc3\xbc."};

	for (size_t n = 1; n < 10; n++) {
		char *out = malloc(n);

		CHECK_EQ(esc_name(out, n, span_str(in)), 8);
		CHECK_STR(out, want[n]);
		free(out);
	}
	CHECK_EQ(esc_name(NULL, 0, span_str(in)), 8);
}

static void
validity(void)
{
	CHECK(utf8_valid(span_of(NULL, 0)));
	CHECK(utf8_valid(span_of("\0", 1)));
	CHECK(utf8_valid(span_str("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80")));
	CHECK(utf8_valid(span_str("\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")));
	CHECK(utf8_valid(span_str("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
	CHECK(!utf8_valid(span_str("\x80")));
	CHECK(!utf8_valid(span_str("\xc1\xbf")));
	CHECK(!utf8_valid(span_str("\xe0\x9f\xbf")));
	CHECK(!utf8_valid(span_str("\xed\xa0\x80")));
	CHECK(!utf8_valid(span_str("\xf0\x8f\xbf\xbf")));
	CHECK(!utf8_valid(span_str("\xf4\x90\x80\x80")));
	CHECK(!utf8_valid(span_str("\xf5\x80\x80\x80")));
	CHECK(!utf8_valid(span_str("ok\xe2\x82")));
}

CHECK_MAIN(TEST(plain_text), TEST(controls), TEST(backslash), TEST(direction),
	TEST(not_utf8), TEST(small_room), TEST(validity))
