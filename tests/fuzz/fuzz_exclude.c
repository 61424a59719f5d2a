/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Patterns of what not to pull, which come from the vault: the first line is
 * a path (of a directory, if it ends in a slash), each other one a pattern.
 * Beside the matcher, which goes down part by part, stands one that does it
 * the plain way: tables over pattern and path.
 */

#include <ctype.h>

#include "agent/exclude.h"
#include "tests/fuzz/entry.h"

#define BYTES_MAX 256U
#define PARTS_MAX 128U

struct token {
	bool star;
	bool set[256]; /* of bytes that it matches, when it is no star */
};

static bool
in_class(struct span name, int c)
{
	static const struct {
		const char *name;
		int (*is)(int c);
	} classes[] = {{"alnum", isalnum}, {"alpha", isalpha},
		{"blank", isblank}, {"cntrl", iscntrl}, {"digit", isdigit},
		{"graph", isgraph}, {"lower", islower}, {"print", isprint},
		{"punct", ispunct}, {"space", isspace}, {"upper", isupper},
		{"xdigit", isxdigit}};

	for (size_t i = 0; i < array_len(classes); i++) {
		if (span_eq(name, span_str(classes[i].name)))
			return c < 128 && classes[i].is(c) != 0;
	}
	return false;
}

/* "[:NAME:]" without another "]" in it. */
static bool
take_class(struct rcur *r, struct token *t)
{
	const uint8_t *end = rcur_left(r) > 0 ? memchr(r->p, ']', r->n) : NULL;
	size_t n = end ? (size_t)(end - r->p) + 1 : 0;

	if (n < 4 || r->p[0] != '[' || r->p[1] != ':' || r->p[n - 2] != ':')
		return false;
	for (int c = 0; c < 256; c++)
		t->set[c] |= in_class(span_of(r->p + 2, n - 4), c);
	(void)rcur_span(r, n);
	return true;
}

static uint8_t
take_char(struct rcur *r)
{
	uint8_t c = rcur_u8(r);

	return c == '\\' ? rcur_u8(r) : c;
}

/* What follows a "[". */
static void
take_set(struct rcur *r, struct token *t)
{
	bool negated = rcur_left(r) > 0 && (*r->p == '!' || *r->p == '^');
	bool first = true;

	if (negated)
		(void)rcur_u8(r);
	for (; rcur_ok(r) && (first || rcur_left(r) == 0 || *r->p != ']');
		first = false) {
		unsigned int low, high;

		if (take_class(r, t))
			continue;
		low = high = take_char(r);
		if (rcur_left(r) >= 2 && r->p[0] == '-' && r->p[1] != ']') {
			(void)rcur_u8(r);
			high = take_char(r);
		}
		for (; low <= high; low++)
			t->set[low] = true;
	}
	(void)rcur_u8(r);
	for (int c = 0; negated && c < 256; c++)
		t->set[c] = !t->set[c];
}

/* The tokens of one part, or -1. */
static int
tokens_of(struct span part, struct token t[BYTES_MAX])
{
	struct rcur r = rcur_init(part);
	int n = 0;

	while (rcur_left(&r) > 0) {
		uint8_t c = rcur_u8(&r);

		t[n] = (struct token){.star = c == '*'};
		if (c == '[')
			take_set(&r, &t[n]);
		else if (c == '?')
			memset(t[n].set, 1, sizeof(t[n].set));
		else
			t[n].set[c == '\\' ? rcur_u8(&r) : c] = true;
		n++;
	}
	return rcur_ok(&r) ? n : -1;
}

/* can[j]: the tokens so far match the first j bytes of the name. */
static bool
plain_glob(const struct token *t, int n, struct span name)
{
	bool can[BYTES_MAX + 1] = {true};

	for (int i = 0; i < n; i++) {
		if (t[i].star) {
			for (size_t j = 1; j <= name.n; j++)
				can[j] |= can[j - 1];
			continue;
		}
		for (size_t j = name.n; j > 0; j--)
			can[j] = can[j - 1] && t[i].set[name.p[j - 1]];
		can[0] = false;
	}
	return can[name.n];
}

/* Parts between slashes, but for empty ones. */
static size_t
split(struct span s, struct span part[PARTS_MAX])
{
	size_t n = 0;

	while (s.n > 0) {
		const uint8_t *slash = memchr(s.p, '/', s.n);
		size_t len = slash ? (size_t)(slash - s.p) : s.n;

		if (len > 0 && n < PARTS_MAX)
			part[n++] = span_of(s.p, len);
		len += slash != NULL;
		s = span_of(s.p + len, s.n - len);
	}
	return n;
}

struct path {
	struct span part[PARTS_MAX];
	size_t n;
	bool is_dir;
};

/* can[j]: the parts so far match the first j parts of the path. */
static bool
plain_match(struct span pattern, const struct path *path)
{
	static struct token t[BYTES_MAX];
	struct span part[PARTS_MAX];
	bool can[PARTS_MAX + 1] = {false};
	bool tied = memchr(pattern.p, '/', pattern.n) != NULL, deep = false;
	size_t n = split(pattern, part);

	for (size_t j = 0; j < path->n; j++)
		can[j] = j == 0 || !tied;
	for (size_t i = 0; i < n; i++) {
		int tokens = tokens_of(part[i], t);

		deep = tied && span_eq(part[i], span_str("**"));
		if (tokens < 0)
			return false;
		for (size_t j = 1; deep && j <= path->n; j++)
			can[j] |= can[j - 1];
		/* At the end "**" stands for one part at the least. */
		if (deep && i + 1 == n) {
			can[path->n] = false;
			for (size_t j = 0; j < path->n; j++)
				can[path->n] |= can[j];
		}
		for (size_t j = path->n; !deep && j > 0; j--)
			can[j] = can[j - 1] &&
				 plain_glob(t, tokens, path->part[j - 1]);
		if (!deep)
			can[0] = false;
	}
	return n > 0 && can[path->n];
}

static bool
plain_excluded(struct span lines, const struct path *path)
{
	bool excluded = false;

	while (lines.n > 0) {
		const uint8_t *end = memchr(lines.p, '\n', lines.n);
		size_t n = end ? (size_t)(end - lines.p) : lines.n;
		struct span s = span_of(lines.p, n);
		bool negated = n > 0 && s.p[0] == '!';
		bool dirs;

		n += end != NULL;
		lines = span_of(lines.p + n, lines.n - n);
		if (negated)
			s = span_of(s.p + 1, s.n - 1);
		dirs = s.n > 0 && s.p[s.n - 1] == '/';
		s.n -= dirs;
		if (s.n > 0 && (path->is_dir || !dirs) && plain_match(s, path))
			excluded = !negated;
	}
	return excluded;
}

static bool
excluded(struct span lines, const struct path *path)
{
	struct exclude_state at, below;
	struct excludes x = {0};
	bool found;

	while (lines.n > 0) {
		const uint8_t *end = memchr(lines.p, '\n', lines.n);
		size_t n = end ? (size_t)(end - lines.p) : lines.n;

		TRIP_MUST(excludes_add(&x, span_of(lines.p, n)) == 0);
		n += end != NULL;
		lines = span_of(lines.p + n, lines.n - n);
	}
	TRIP_MUST(exclude_root(&x, &at) == 0);
	for (size_t i = 0; i + 1 < path->n; i++) {
		TRIP_MUST(exclude_enter(&x, &at, path->part[i], &below) == 0);
		exclude_state_free(&at);
		at = below;
	}
	found = exclude_match(&x, &at, path->part[path->n - 1], path->is_dir);
	exclude_state_free(&at);
	excludes_free(&x);
	return found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size < BYTES_MAX ? size : 0);
	struct path path;
	struct span first;

	/* No name has a NUL. */
	if (!end || memchr(data, '\0', (size_t)(end - data)))
		return 0;
	first = span_of(data, (size_t)(end - data));
	path.is_dir = first.n > 0 && first.p[first.n - 1] == '/';
	path.n = split(first, path.part);
	if (path.n > 0)
		TRIP_MUST(
			excluded(span_of(end + 1, size - first.n - 1), &path) ==
			plain_excluded(
				span_of(end + 1, size - first.n - 1), &path));
	return 0;
}
