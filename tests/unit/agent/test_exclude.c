/* SPDX-License-Identifier: Apache-2.0 */

/* Patterns of what not to pull, against paths. */

#include "agent/exclude.h"
#include "tests/lib/check.h"

struct row {
	const char *patterns; /* one a line */
	const char *path;     /* a directory when it ends in a slash */
	bool excluded;
};

/* clang-format off */
static const struct row rows[] = {
	{"", "a", false},
	{"a", "a", true},
	{"a", "b/a", true},
	{"a", "a/", true},
	{"a", "ab", false},
	{"a", "ba", false},
	{"/a", "a", true},
	{"/a", "b/a", false},
	{"a/b", "a/b", true},
	{"a/b", "x/a/b", false},
	{"/a/b", "a/b", true},
	{"a/", "a", false},
	{"a/", "a/", true},
	{"a/", "x/y/a/", true},
	{"a/b/", "a/b/", true},
	{"a/b/", "a/b", false},
	{"/", "a", false},
	{"!", "a", false},
	{"//", "a", false},
	{"a//b", "a/b", true},
	/* stars do not cross slashes */
	{"*", "a", true},
	{"*.o", "a.o", true},
	{"*.o", "x/y/a.o", true},
	{"*.o", ".o", true},
	{"*.o", "a.oo", false},
	{"*.o", "o", false},
	{"a*", "a", true},
	{"a*b*c", "axxbyyc", true},
	{"a*b*c", "axxcyyb", false},
	{"a*bc", "abcbcbc", true},
	{"/a*c", "abc", true},
	{"a/*/c", "a/b/c", true},
	{"a/*/c", "a/c", false},
	{"a/*/c", "a/b/b/c", false},
	{"a/b*", "a/bc/d", false},
	{"a?c", "abc", true},
	{"a?c", "ac", false},
	{"a?c", "a/c", false},
	{"a***b", "axb", true},
	/* two stars as a part */
	{"**/a", "a", true},
	{"**/a", "x/y/a", true},
	{"**/a/b", "x/a/b", true},
	{"**/a/b", "a/b", true},
	{"**/a/b", "a/x/b", false},
	{"a/**", "a/", false},
	{"a/**", "a/b", true},
	{"a/**", "x/a/b", false},
	{"a/**/b", "a/b", true},
	{"a/**/b", "a/x/b", true},
	{"a/**/b", "a/x/y/z/b", true},
	{"a/**/b", "a/x/y/z/c", false},
	{"a/**/**/b", "a/b", true},
	{"a/**/b/**/c", "a/b/c", true},
	{"a/**/b/**/c", "a/1/b/2/3/c", true},
	{"a/**/b/**/c", "a/1/2/3/c", false},
	{"a/**/b/c", "a/b/b/c", true},
	{"a/**/b/", "a/x/b", false},
	{"a/**/b/", "a/x/b/", true},
	{"**", "a", true},
	{"a**", "abc", true},
	{"/**/a", "x/a", true},
	/* brackets */
	{"[abc]", "b", true},
	{"[abc]", "d", false},
	{"[a-c]x", "bx", true},
	{"[a-c]x", "dx", false},
	{"[!a-c]x", "dx", true},
	{"[^a-c]x", "bx", false},
	{"[]]", "]", true},
	{"[]-a]", "^", true},
	{"[!]]", "]", false},
	{"[a-]", "-", true},
	{"[\\]]", "]", true},
	{"[[:digit:]]*", "7x", true},
	{"[[:digit:]]*", "x7", false},
	{"[[:upper:][:digit:]_]", "_", true},
	{"[[:upper:][:digit:]_]", "a", false},
	{"[[:nonsense:]]", "n", false},
	{"[[:space:]]", " ", true},
	{"[\x80-\xff]", "\xc3", true},
	{"[a", "[a", false},
	{"[a", "a", false},
	{"a[/]b", "a[/]b", false},
	{"[[:digit:]", "7", false},
	/* backslashes */
	{"\\*", "*", true},
	{"\\*", "a", false},
	{"\\!a", "!a", true},
	{"\\#a", "#a", true},
	{"a\\", "a", false},
	{"a\\", "a\\", false},
	{"a\\\\", "a\\", true},
	{"a\\/b", "a/b", false},
	/* the last one decides */
	{"*.o\n!b.o", "a.o", true},
	{"*.o\n!b.o", "b.o", false},
	{"*.o\n!b.o\nb.*", "b.o", true},
	{"!a\na", "a", true},
	{"/x/*\n!/x/keep", "x/keep", false},
	{"/x/*\n!/x/keep", "x/drop", true},
	{"!/x/keep\n*", "x/keep", true},
	{"*\n!*/", "a/", false},
	{"*\n!*/", "a", true},
	{"**/a\n!x/**/a", "x/y/a", false},
	{"**/a\n!x/**/a", "y/a", true},
};
/* clang-format on */

static void
add_lines(struct excludes *x, const char *lines)
{
	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");

		CHECK_EQ(excludes_add(x, span_of(lines, n)), 0);
		lines += n;
		lines += *lines == '\n';
	}
}

/* The last part of a path, after entering those before it. */
static bool
path_excluded(const struct excludes *x, const char *path)
{
	struct exclude_state at, below;
	bool found;

	CHECK_EQ(exclude_root(x, &at), 0);
	for (;;) {
		size_t n = strcspn(path, "/");

		if (path[n] == '\0' || path[n + 1] == '\0') {
			found = exclude_match(
				x, &at, span_of(path, n), path[n] == '/');
			exclude_state_free(&at);
			return found;
		}
		CHECK_EQ(exclude_enter(x, &at, span_of(path, n), &below), 0);
		exclude_state_free(&at);
		at = below;
		path += n + 1;
	}
}

static void
table(void)
{
	for (size_t i = 0; i < array_len(rows); i++) {
		struct excludes x = {0};

		add_lines(&x, rows[i].patterns);
		check_(path_excluded(&x, rows[i].path) == rows[i].excluded,
			__FILE__, __LINE__, "\"%s\" on \"%s\"",
			rows[i].patterns, rows[i].path);
		excludes_free(&x);
	}
}

/* Patterns that take other matchers years. */
static void
bounded_work(void)
{
	char name[256], stars[512];
	struct excludes x = {0};
	size_t n = 0;

	memset(name, 'a', 255);
	name[255] = '\0';
	while (n < 500) {
		stars[n++] = '*';
		stars[n++] = 'a';
	}
	stars[n++] = 'b';
	CHECK(!exclude_glob(span_of(stars, n), span_str(name)));
	for (int i = 0; i < 100; i++)
		CHECK_EQ(
			excludes_add(&x, span_str("**/a*/**/a*/**/a*/**/a*/b")),
			0);
	{
		struct exclude_state at, below;

		CHECK_EQ(exclude_root(&x, &at), 0);
		for (int i = 0; i < 1000; i++) {
			CHECK_EQ(
				exclude_enter(&x, &at, span_str("aaa"), &below),
				0);
			exclude_state_free(&at);
			at = below;
			CHECK(at.n <= x.parts);
		}
		CHECK(exclude_match(&x, &at, span_str("b"), false));
		CHECK(!exclude_match(&x, &at, span_str("c"), false));
		exclude_state_free(&at);
	}
	excludes_free(&x);
}

CHECK_MAIN(TEST(table), TEST(bounded_work))
