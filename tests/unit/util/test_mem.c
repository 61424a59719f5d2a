/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: sizes that overflow and memory that is short give NULL, only they. */

#include <errno.h>
#include <malloc.h>
#include <stdint.h>

#include "tests/lib/check.h"
#include "util/hook.h"
#include "util/mem.h"

static bool
all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] != 0)
			return false;
	}
	return true;
}

static void
zero_bytes(void)
{
	_cleanup_free_ void *a = mem_alloc(0);
	_cleanup_free_ void *b = mem_zalloc(0);
	_cleanup_free_ void *c = mem_array(0, 8);
	_cleanup_free_ void *d = mem_realloc_array(NULL, 0, 8);
	_cleanup_free_ void *e = mem_dup(NULL, 0);

	CHECK(a && b && c && d && e);
}

static void
contents(void)
{
	_cleanup_free_ uint8_t *z = NULL, *a = NULL;
	_cleanup_free_ char *d = NULL, *s = NULL;
	char *grown;

	/* So that memory is not zero by chance. */
	mallopt(M_PERTURB, 0xa5);
	z = mem_zalloc(1000);
	a = mem_array(100, 10);
	d = mem_dup("abc", 4);
	s = mem_strdup("text");
	mallopt(M_PERTURB, 0);
	CHECK(z && all_zero(z, 1000));
	CHECK(a && all_zero(a, 1000));
	CHECK_STR(d, "abc");
	CHECK_STR(s, "text");
	grown = mem_realloc_array(d, 1000, 10);
	if (!CHECK(grown))
		return;
	d = grown;
	CHECK_STR(d, "abc");
	mem_free(NULL);
}

static void
overflow(void)
{
	_cleanup_free_ char *p = mem_strdup("still here");

	/* Wrapped around, the products are 0 and 4. */
	CHECK(mem_array(SIZE_MAX / 2 + 1, 2) == NULL);
	CHECK(mem_realloc_array(p, SIZE_MAX / 4 + 2, 4) == NULL);
	CHECK_STR(p, "still here");
}

static void
short_memory(void)
{
	struct hook_plan plan = {.op = HOOK_ALLOC,
		.act = HOOK_FAIL,
		.err = -ENOMEM,
		.at = 2,
		.sticky = true};
	_cleanup_free_ char *p = NULL;

	hook_set(hook_plan_run, &plan);
	p = mem_alloc(1);
	CHECK(p != NULL);
	CHECK(mem_alloc(1) == NULL);
	CHECK(mem_zalloc(1) == NULL);
	CHECK(mem_array(1, 1) == NULL);
	CHECK(mem_realloc_array(p, 2, 1) == NULL);
	CHECK(mem_dup("a", 1) == NULL);
	CHECK(mem_strdup("a") == NULL);
	hook_set(NULL, NULL);
}

CHECK_MAIN(TEST(zero_bytes), TEST(contents), TEST(overflow), TEST(short_memory))
