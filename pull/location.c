/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/location.h"

#include "util/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int
parse_local(struct location *l, const char *text, struct fault *f)
{
	l->path = realpath(text, NULL);
	if (l->path != NULL)
		return 0;
	return fault_set(f, FAULT_SOURCE_MISSING, text, "%s", strerror(errno));
}

int
location_parse(struct location *l, const char *text, struct fault *f)
{
	const char *colon = strchr(text, ':'), *slash = strchr(text, '/');

	*l = (struct location){NULL, NULL};
	if (colon == NULL || (slash != NULL && slash < colon))
		return parse_local(l, text, f);
	if (colon == text || text[0] == '-' || text[0] == '@' ||
		colon[-1] == '@' || colon[1] != '/')
		return fault_set(f, FAULT_USAGE, text,
			"a location is /path or user@host:/path");
	l->host = mem_dup(text, (size_t)(colon - text) + 1);
	l->path = mem_strdup(colon + 1);
	if (l->host == NULL || l->path == NULL) {
		location_free(l);
		return fault_set(f, FAULT_NO_MEMORY, text, NULL);
	}
	l->host[colon - text] = '\0';
	return 0;
}

void
location_free(struct location *l)
{
	mem_free(l->host);
	mem_free(l->path);
	*l = (struct location){NULL, NULL};
}

/* What follows outer in inner, which lies in it or is it; else NULL. */
static const char *
below(const char *outer, const char *inner)
{
	size_t n = strcmp(outer, "/") == 0 ? 0 : strlen(outer);

	if (strncmp(inner, outer, n) != 0 ||
		(inner[n] != '/' && inner[n] != '\0'))
		return NULL;
	return inner + n;
}

int
location_exclude(const struct location *l, const char *store, struct buf *out)
{
	_cleanup_free_ char *real =
		l->host == NULL ? realpath(store, NULL) : NULL;
	const char *p = real == NULL ? NULL : below(l->path, real);

	for (; p != NULL && *p != '\0'; p++)
		if ((strchr("*?[]\\!#", *p) != NULL &&
			    buf_u8(out, '\\') != 0) ||
			buf_u8(out, (uint8_t)*p) != 0)
			return -ENOMEM;
	return 0;
}

int
location_outside(const struct location *l, const char *store, struct fault *f)
{
	_cleanup_free_ char *real =
		l->host == NULL ? realpath(store, NULL) : NULL;

	if (real == NULL || below(real, l->path) == NULL)
		return 0;
	return fault_set(f, FAULT_USAGE, l->path, "it lies in the store");
}
