/* SPDX-License-Identifier: Apache-2.0 */

/* The rules that several tables share. */

#include "format/field.h"
#include "tests/lib/check.h"

static void
names(void)
{
	char longest[LIMIT_NAME + 1];

	memset(longest, 'x', sizeof(longest));
	CHECK(field_name_ok(span_str("a")));
	CHECK(field_name_ok(span_str("...")));
	CHECK(field_name_ok(span_str("\xff\n")));
	CHECK(field_name_ok(span_of(longest, LIMIT_NAME)));
	CHECK(!field_name_ok(span_of(longest, LIMIT_NAME + 1)));
	CHECK(!field_name_ok(span_str("")));
	CHECK(!field_name_ok(span_str(".")));
	CHECK(!field_name_ok(span_str("..")));
	CHECK(!field_name_ok(span_str("a/b")));
	CHECK(!field_name_ok(span_of("a\0b", 3)));
}

static void
sources(void)
{
	char longest[FIELD_SOURCE_MAX + 1];

	memset(longest, '0', sizeof(longest));
	CHECK(field_source_ok(span_str("a")));
	CHECK(field_source_ok(span_str("9.b_c-d")));
	CHECK(field_source_ok(span_of(longest, FIELD_SOURCE_MAX)));
	CHECK(!field_source_ok(span_of(longest, FIELD_SOURCE_MAX + 1)));
	CHECK(!field_source_ok(span_str("")));
	CHECK(!field_source_ok(span_str(".a")));
	CHECK(!field_source_ok(span_str("-a")));
	CHECK(!field_source_ok(span_str("A")));
	CHECK(!field_source_ok(span_str("a/b")));
	CHECK(!field_source_ok(span_str("a@b")));
}

static void
order(void)
{
	CHECK(field_cmp(span_str("a"), span_str("ab")) < 0);
	CHECK(field_cmp(span_str("ab"), span_str("b")) < 0);
	CHECK(field_cmp(span_str("\xff"), span_str("a")) > 0);
	CHECK(field_cmp(span_str("a"), span_str("a")) == 0);
	CHECK(field_cmp(span_of(NULL, 0), span_str("a")) < 0);
	CHECK(field_cmp(span_of(NULL, 0), span_of(NULL, 0)) == 0);
}

static void
versions(void)
{
	CHECK_EQ(field_version(1), 0);
	CHECK_EQ(field_version(0), -EBADMSG);
	CHECK_EQ(field_version(2), -EPROTONOSUPPORT);
	CHECK_EQ(field_suite(1), 0);
	CHECK_EQ(field_suite(0), -EBADMSG);
	CHECK_EQ(field_suite(0xffff), -EPROTONOSUPPORT);
}

static void
content_of_kinds(void)
{
	CHECK(field_content_ok(FILE_REGULAR, OBJECT_CHUNK));
	CHECK(field_content_ok(FILE_REGULAR, OBJECT_CONTENT));
	CHECK(!field_content_ok(FILE_REGULAR, OBJECT_DIRPAGE));
	CHECK(field_content_ok(FILE_DIRECTORY, OBJECT_DIRNODE));
	CHECK(!field_content_ok(FILE_DIRECTORY, OBJECT_CHUNK));
	CHECK(field_content_ok(FILE_SYMLINK, OBJECT_LINK));
	CHECK(field_content_ok(FILE_FIFO, 0));
	CHECK(!field_content_ok(FILE_FIFO, OBJECT_CHUNK));
	CHECK(!field_content_ok((enum file_kind)9, OBJECT_CHUNK));
}

CHECK_MAIN(TEST(names), TEST(sources), TEST(order), TEST(versions),
	TEST(content_of_kinds))
