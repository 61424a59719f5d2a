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

/* An IPv6 address, maybe with the name of an interface: of such letters. */
static bool
is_v6(const char *p, size_t n)
{
	return n > 0 && strchr("-%.", p[0]) == NULL &&
	       memchr(p, ':', n) != NULL &&
	       strspn(p, "0123456789abcdefghijklmnopqrstuvwxyz"
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZ:.%_~-") == n;
}

/* The colon behind the host: NULL when there is none, and text is a path here.
 * An IPv6 address has brackets around it, which *v6 tells. */
static const char *
host_end(const char *text, bool *v6)
{
	const char *slash = strchr(text, '/'), *open = strchr(text, '['),
		   *colon = strchr(text, ':');
	const char *close = open != NULL ? strstr(open, "]:") : NULL;

	*v6 = close != NULL && open < colon &&
	      (open == text || open[-1] == '@') &&
	      is_v6(open + 1, (size_t)(close - open) - 1);
	if (*v6)
		colon = close + 1;
	return slash != NULL && colon > slash ? NULL : colon;
}

/* ssh takes an address without its brackets. */
static void
drop_brackets(char *host)
{
	char *open = strchr(host, '[');

	memmove(open, open + 1, strlen(open));
	open[strlen(open) - 1] = '\0';
}

int
location_parse(struct location *l, const char *text, struct fault *f)
{
	bool v6;
	const char *colon = host_end(text, &v6);

	*l = (struct location){NULL, NULL};
	if (colon == NULL)
		return parse_local(l, text, f);
	if (colon == text || text[0] == '-' || text[0] == '@' ||
		colon[-1] == '@' || colon[1] != '/')
		return fault_set(f, FAULT_USAGE, text,
			"a location is /path, user@host:/path or "
			"user@[address]:/path");
	l->host = mem_dup(text, (size_t)(colon - text) + 1);
	l->path = mem_strdup(colon + 1);
	if (l->host == NULL || l->path == NULL) {
		location_free(l);
		return fault_set(f, FAULT_NO_MEMORY, text, NULL);
	}
	l->host[colon - text] = '\0';
	if (v6)
		drop_brackets(l->host);
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
