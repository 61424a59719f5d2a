/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where a source is, as typed; then, behind a NUL, where in that path the
 * store lies. What is taken apart joins to what was typed. The pattern that
 * keeps the pull out of the store matches the store, and nothing beside it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/exclude.h"
#include "pull/location.h"
#include "tests/fuzz/entry.h"

char *__wrap_realpath(const char *path, char *resolved);

/* Absolute paths are real ones here. */
char *
__wrap_realpath(const char *path, char *resolved)
{
	(void)resolved;
	errno = ENOENT;
	return path[0] == '/' ? strdup(path) : NULL;
}

/* user@host:/path; an address with a colon in brackets. */
static char *
join(const struct location *l)
{
	const char *at = strrchr(l->host, '@'), *colon = strchr(l->host, ':');
	int user = at ? (int)(at + 1 - l->host) : 0;
	char *text = NULL;

	/* It is the host that has the colon. */
	TRIP_MUST(!colon || !at || colon > at);
	TRIP_MUST(asprintf(&text, colon ? "%.*s[%s]:%s" : "%.*s%s:%s", user,
			  l->host, l->host + user, l->path) > 0);
	return text;
}

static void
parse(const char *text)
{
	_cleanup_free_ char *again = NULL;
	struct location l;

	if (location_parse(&l, text, NULL) != 0)
		return;
	TRIP_MUST(l.path[0] == '/');
	if (l.host == NULL) {
		TRIP_MUST(strcmp(l.path, text) == 0);
	} else {
		again = join(&l);
		TRIP_MUST(strcmp(again, text) == 0);
		/* What ssh would take for an option or a path. */
		TRIP_MUST(l.host[0] != '\0' && l.host[0] != '-');
		TRIP_MUST(strchr(l.host, '/') == NULL);
		TRIP_MUST(
			l.host[0] != '@' && l.host[strlen(l.host) - 1] != '@');
	}
	location_free(&l);
}

/* As realpath would answer. */
static bool
is_real(const char *rest)
{
	for (const char *p = rest; *p != '\0'; p += strcspn(p, "/")) {
		size_t n = strcspn(++p, "/");

		if (n == 0 || n > 255 || strncmp(p, ".", n) == 0 ||
			strncmp(p, "..", n) == 0)
			return false;
	}
	return rest[0] == '/';
}

/* Does the pattern match path, whose parents it must not match? */
static bool
matches(struct span pattern, const char *path)
{
	struct exclude_state at, below;
	struct excludes x = {0};
	bool found = false;

	TRIP_MUST(excludes_add(&x, pattern) == 0);
	TRIP_MUST(exclude_root(&x, &at) == 0);
	while (*path == '/') {
		size_t n = strcspn(++path, "/");

		TRIP_MUST(!found);
		found = exclude_match(&x, &at, span_of(path, n), true);
		TRIP_MUST(
			exclude_enter(&x, &at, span_of(path, n), &below) == 0);
		exclude_state_free(&at);
		at = below;
		path += n;
	}
	exclude_state_free(&at);
	excludes_free(&x);
	return found;
}

static void
exclude(const char *path, const char *rest)
{
	_cleanup_free_ char *store = NULL, *beside = NULL;
	_cleanup_buf_ struct buf pattern = BUF_INIT;
	struct location l = {NULL, NULL};

	l.path = strdup(path);
	TRIP_MUST(l.path && asprintf(&beside, "%s~", rest) > 0);
	TRIP_MUST(asprintf(&store, "%s%s", strcmp(path, "/") ? path : "",
			  rest) > 0);
	TRIP_MUST(location_outside(&l, store, NULL) == 0);
	TRIP_MUST(location_exclude(&l, store, &pattern) == 0);
	TRIP_MUST(matches(buf_span(&pattern), rest));
	TRIP_MUST(!matches(buf_span(&pattern), beside));
	location_free(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = malloc(size + 2);
	const char *rest;

	TRIP_MUST(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = text[size + 1] = '\0';
	parse(text);
	rest = text + strlen(text) + 1;
	if ((strcmp(text, "/") == 0 || is_real(text)) && is_real(rest))
		exclude(text, rest);
	return 0;
}
