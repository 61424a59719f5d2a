/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "util/hook.h"
#include "util/mem.h"
#include "util/span.h"

/* malloc(0) may be NULL, which here always means failure: ask for one. */
static size_t
at_least_one(size_t n)
{
	return n > 0 ? n : 1;
}

void *
mem_alloc(size_t n)
{
	if (hook_check(HOOK_ALLOC) < 0)
		return NULL;
	return malloc(at_least_one(n));
}

void *
mem_zalloc(size_t n)
{
	if (hook_check(HOOK_ALLOC) < 0)
		return NULL;
	return calloc(1, at_least_one(n));
}

void *
mem_array(size_t count, size_t size)
{
	size_t n;

	if (!mul_ok(count, size, &n))
		return NULL;
	return mem_zalloc(n);
}

void *
mem_realloc_array(void *p, size_t count, size_t size)
{
	size_t n;

	if (!mul_ok(count, size, &n))
		return NULL;
	if (hook_check(HOOK_ALLOC) < 0)
		return NULL;
	return realloc(p, at_least_one(n));
}

void *
mem_dup(const void *p, size_t n)
{
	void *copy = mem_alloc(n);

	if (copy && n > 0)
		memcpy(copy, p, n);
	return copy;
}

char *
mem_strdup(const char *s)
{
	return mem_dup(s, strlen(s) + 1);
}

void
mem_free(void *p)
{
	free(p);
}
