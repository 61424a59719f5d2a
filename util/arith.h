/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_ARITH_H
#define UTIL_ARITH_H

/* Arithmetic on numbers from outside, which may not overflow. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

/*
 * Checked arithmetic: true and *ret set, or false and *ret unchanged. ret
 * may point at an operand's own variable.
 */
must_check static inline bool
add_ok(size_t a, size_t b, size_t *ret)
{
	size_t v;

	if (__builtin_add_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

must_check static inline bool
mul_ok(size_t a, size_t b, size_t *ret)
{
	size_t v;

	if (__builtin_mul_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

must_check static inline bool
add64_ok(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_add_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

must_check static inline bool
mul64_ok(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t v;

	if (__builtin_mul_overflow(a, b, &v))
		return false;
	*ret = v;
	return true;
}

/* The sum, or the largest number instead. */
static inline uint64_t
add64_max(uint64_t a, uint64_t b)
{
	uint64_t v;

	return __builtin_add_overflow(a, b, &v) ? UINT64_MAX : v;
}

#endif
