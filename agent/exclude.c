/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "agent/exclude.h"
#include "util/mem.h"

enum part_kind {
	PART_LITERAL, /* text as it is */
	PART_SUFFIX,  /* "*", then text as it is */
	PART_GLOB,
	PART_DEEP, /* "**" */
};

struct exclude_part {
	struct span text;
	enum part_kind kind;
	uint32_t pattern;
	bool last; /* of its pattern */
};

struct exclude_pattern {
	uint32_t part; /* the first */
	bool negated;
	bool dirs_only;
	bool anywhere; /* one part, for names at any depth */
};

/* clang-format off */
static const struct {
	char name[8];
	const char *ranges; /* pairs of first and last */
} classes[] = {
	{"alnum", "09AZaz"}, {"alpha", "AZaz"}, {"blank", "\t\t  "},
	{"cntrl", "\001\037\177\177"}, {"digit", "09"}, {"graph", "!~"},
	{"lower", "az"}, {"print", " ~"}, {"punct", "!/:@[`{~"},
	{"space", "\t\r  "}, {"upper", "AZ"}, {"xdigit", "09AFaf"},
};
/* clang-format on */

/* ASCII only: what a byte means must not depend on the source's locale. */
static bool
in_class(struct span name, uint8_t c)
{
	for (size_t i = 0; i < array_len(classes); i++) {
		if (!span_eq(name, span_str(classes[i].name)))
			continue;
		for (const char *r = classes[i].ranges; *r != '\0'; r += 2) {
			if (c >= (uint8_t)r[0] && c <= (uint8_t)r[1])
				return true;
		}
	}
	return false;
}

/* Length of "[:name:]" at p, or 0. */
static size_t
class_length(const uint8_t *p, size_t n)
{
	if (n < 2 || p[0] != '[' || p[1] != ':')
		return 0;
	for (size_t i = 2; i + 1 < n && p[i] != ']'; i++) {
		if (p[i] == ':' && p[i + 1] == ']')
			return i + 2;
	}
	return 0;
}

/* One character of a bracket, perhaps behind a backslash; false at the end. */
static bool
bracket_char(struct span s, size_t *at, uint8_t *ret)
{
	if (*at < s.n && s.p[*at] == '\\')
		(*at)++;
	if (*at >= s.n)
		return false;
	*ret = s.p[(*at)++];
	return true;
}

/*
 * s begins with "[". The length of the bracket and in *ret_in whether c is in
 * it, or 0 when it has no end.
 */
static size_t
bracket(struct span s, uint8_t c, bool *ret_in)
{
	size_t at = 1, start;
	bool negated, in = false;

	negated = at < s.n && (s.p[at] == '!' || s.p[at] == '^');
	at += negated;
	for (start = at; at < s.n && (s.p[at] != ']' || at == start);) {
		size_t n = class_length(s.p + at, s.n - at);
		uint8_t low, high;

		if (n > 0) {
			in |= in_class(span_of(s.p + at + 2, n - 4), c);
			at += n;
			continue;
		}
		if (!bracket_char(s, &at, &low))
			return 0;
		high = low;
		if (at + 1 < s.n && s.p[at] == '-' && s.p[at + 1] != ']') {
			at++;
			if (!bracket_char(s, &at, &high))
				return 0;
		}
		in |= c >= low && c <= high;
	}
	if (at >= s.n)
		return 0;
	*ret_in = in != negated;
	return at + 1;
}

static bool
well_formed(struct span s)
{
	bool in;

	for (size_t at = 0; at < s.n;) {
		size_t n = 1;

		if (s.p[at] == '\\')
			n = at + 1 < s.n ? 2 : 0;
		else if (s.p[at] == '[')
			n = bracket(span_of(s.p + at, s.n - at), 0, &in);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

/* Bytes of a well-formed pattern that match the byte c, or 0. */
static size_t
match_one(struct span s, uint8_t c)
{
	bool in = false;
	size_t n;

	switch (s.p[0]) {
	case '?':
		return 1;
	case '[':
		n = bracket(s, c, &in);
		return in ? n : 0;
	case '\\':
		return s.p[1] == c ? 2 : 0;
	default:
		return s.p[0] == c ? 1 : 0;
	}
}

/*
 * Only the last star ever needs another try: whatever the ones before it
 * could match differently, it can make up for.
 */
static bool
glob(struct span pattern, struct span name)
{
	size_t p = 0, t = 0, star = SIZE_MAX, star_t = 0;

	while (t < name.n) {
		size_t n = 0;

		if (p < pattern.n && pattern.p[p] == '*') {
			star = ++p;
			star_t = t;
			continue;
		}
		if (p < pattern.n)
			n = match_one(span_of(pattern.p + p, pattern.n - p),
				name.p[t]);
		if (n > 0) {
			p += n;
			t++;
		} else if (star != SIZE_MAX) {
			p = star;
			t = ++star_t;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

bool
exclude_glob(struct span pattern, struct span name)
{
	return well_formed(pattern) && glob(pattern, name);
}

static bool
is_literal(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (memchr("*?[\\", s.p[i], 4))
			return false;
	}
	return true;
}

static struct exclude_part
make_part(struct span s)
{
	struct exclude_part part = {.text = s, .kind = PART_GLOB};

	if (is_literal(s)) {
		part.kind = PART_LITERAL;
	} else if (s.p[0] == '*' && is_literal(span_of(s.p + 1, s.n - 1))) {
		part.kind = PART_SUFFIX;
		part.text = span_of(s.p + 1, s.n - 1);
	}
	return part;
}

static bool
part_match(const struct exclude_part *part, struct span name)
{
	struct span s = part->text;

	switch (part->kind) {
	case PART_LITERAL:
		return span_eq(s, name);
	case PART_SUFFIX:
		return s.n <= name.n &&
		       memcmp(s.p, name.p + (name.n - s.n), s.n) == 0;
	case PART_GLOB:
		return glob(s, name);
	case PART_DEEP:
		break;
	}
	return true;
}

static int
add_part(struct excludes *x, struct exclude_part part)
{
	struct exclude_part *more;
	size_t cap = x->parts_cap > 0 ? 2 * x->parts_cap : 16;

	if (x->parts == x->parts_cap) {
		more = mem_realloc_array(x->part, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		x->part = more;
		x->parts_cap = cap;
	}
	part.pattern = (uint32_t)x->patterns;
	x->part[x->parts++] = part;
	return 0;
}

/*
 * The parts between the slashes; empty ones say nothing. -EINVAL for one
 * that is not well-formed. Neighbouring "**"
 * mean what one of them means, and are made one, so that closing a state
 * (below) never has to look further than one part.
 */
static int
add_parts(struct excludes *x, struct span s)
{
	size_t first = x->parts;

	for (size_t at = 0, end; at < s.n; at = end + 1) {
		struct exclude_part part;
		int err;

		for (end = at; end < s.n && s.p[end] != '/'; end++)
			;
		if (end == at)
			continue;
		/* "[" may have had its "]" behind a slash. */
		if (!well_formed(span_of(s.p + at, end - at)))
			return -EINVAL;
		part = make_part(span_of(s.p + at, end - at));
		if (span_eq(span_of(s.p + at, end - at), span_str("**")))
			part.kind = PART_DEEP;
		if (part.kind == PART_DEEP && x->parts > first &&
			x->part[x->parts - 1].kind == PART_DEEP)
			continue;
		err = add_part(x, part);
		if (err < 0)
			return err;
	}
	return 0;
}

static int
grow_patterns(struct excludes *x)
{
	size_t cap = x->patterns_cap > 0 ? 2 * x->patterns_cap : 16;
	struct exclude_pattern *more;

	if (x->patterns < x->patterns_cap)
		return 0;
	more = mem_realloc_array(x->pattern, cap, sizeof(*more));
	if (!more)
		return -ENOMEM;
	x->pattern = more;
	x->patterns_cap = cap;
	return 0;
}

int
excludes_add(struct excludes *x, struct span s)
{
	struct exclude_pattern pattern = {.part = (uint32_t)x->parts};
	int err;

	if (s.n > 0 && s.p[0] == '!') {
		pattern.negated = true;
		s = span_of(s.p + 1, s.n - 1);
	}
	if (s.n > 0 && s.p[s.n - 1] == '/') {
		pattern.dirs_only = true;
		s.n--;
	}
	if (s.n == 0 || !well_formed(s))
		return 0;
	err = grow_patterns(x);
	if (err < 0)
		return err;
	pattern.anywhere = !memchr(s.p, '/', s.n);
	if (pattern.anywhere)
		err = add_part(x, make_part(s));
	else
		err = add_parts(x, s);
	if (err < 0 || x->parts == pattern.part) {
		x->parts = pattern.part;
		return err == -ENOMEM ? err : 0;
	}
	x->part[x->parts - 1].last = true;
	x->pattern[x->patterns++] = pattern;
	return 0;
}

void
excludes_free(struct excludes *x)
{
	mem_free(x->pattern);
	mem_free(x->part);
	*x = (struct excludes){0};
}

/*
 * A state only ever gets a part that one of its last two is, or a higher one
 * (see step), so that looking at these keeps it sorted and without twins.
 */
static void
put(struct exclude_state *s, uint32_t part)
{
	for (size_t i = s->n; i > 0 && i + 2 > s->n; i--) {
		if (s->part[i - 1] == part)
			return;
	}
	s->part[s->n++] = part;
}

/* With part also what "**" may stand for nothing before. */
static void
put_closed(const struct excludes *x, struct exclude_state *s, uint32_t part)
{
	put(s, part);
	if (x->part[part].kind == PART_DEEP && !x->part[part].last)
		put(s, part + 1);
}

int
exclude_root(const struct excludes *x, struct exclude_state *ret)
{
	struct exclude_state s = {NULL, 0};

	if (x->patterns > 0) {
		s.part = mem_array(2 * x->patterns, sizeof(*s.part));
		if (!s.part)
			return -ENOMEM;
	}
	for (size_t i = 0; i < x->patterns; i++) {
		if (!x->pattern[i].anywhere)
			put_closed(x, &s, x->pattern[i].part);
	}
	*ret = s;
	return 0;
}

/* "**" stays, anything that matches gives way to the part after it. */
static void
step(const struct excludes *x, struct exclude_state *to, uint32_t i,
	struct span name)
{
	const struct exclude_part *part = &x->part[i];

	if (part->kind == PART_DEEP)
		put_closed(x, to, i);
	else if (!part->last && part_match(part, name))
		put_closed(x, to, i + 1);
}

int
exclude_enter(const struct excludes *x, const struct exclude_state *dir,
	struct span name, struct exclude_state *ret)
{
	struct exclude_state s = {NULL, 0};

	if (dir->n > 0) {
		s.part = mem_array(2 * dir->n, sizeof(*s.part));
		if (!s.part)
			return -ENOMEM;
	}
	for (size_t i = 0; i < dir->n; i++)
		step(x, &s, dir->part[i], name);
	if (s.n == 0) {
		mem_free(s.part);
		s.part = NULL;
	}
	*ret = s;
	return 0;
}

void
exclude_state_free(struct exclude_state *state)
{
	mem_free(state->part);
	*state = (struct exclude_state){NULL, 0};
}

/* The number after the last anchored pattern that matches, or 0. */
static size_t
last_anchored(const struct excludes *x, const struct exclude_state *dir,
	struct span name, bool is_dir)
{
	for (size_t i = dir->n; i > 0; i--) {
		const struct exclude_part *part = &x->part[dir->part[i - 1]];

		if (part->last &&
			(is_dir || !x->pattern[part->pattern].dirs_only) &&
			part_match(part, name))
			return part->pattern + 1U;
	}
	return 0;
}

bool
exclude_match(const struct excludes *x, const struct exclude_state *dir,
	struct span name, bool is_dir)
{
	size_t found = last_anchored(x, dir, name, is_dir);

	for (size_t i = x->patterns; i > found; i--) {
		const struct exclude_pattern *p = &x->pattern[i - 1];

		if (p->anywhere && (is_dir || !p->dirs_only) &&
			part_match(&x->part[p->part], name))
			found = i;
	}
	return found > 0 && !x->pattern[found - 1].negated;
}
