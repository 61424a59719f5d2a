/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_MEM_H
#define UTIL_MEM_H

/*
 * The heap, with the fault hook in front (HOOK_ALLOC). Each call returns NULL
 * when memory is short or a size overflows, and never NULL otherwise, not
 * even for 0 bytes. The caller owns the result and gives it to mem_free,
 * free or _cleanup_free_. Secrets do not live here; keys/ has a place for
 * them.
 */

#include <stddef.h>

#include "util/cleanup.h"

/* n bytes, contents undefined. */
must_check void *mem_alloc(size_t n);

/* n zero bytes. */
must_check void *mem_zalloc(size_t n);

/* count elements of size bytes each, all zero. */
must_check void *mem_array(size_t count, size_t size);

/*
 * Resize p (NULL: a new array) to count elements of size bytes; the bytes
 * beyond the old end are undefined. On success p is gone; on NULL it is as it
 * was and still the caller's.
 */
must_check void *mem_realloc_array(void *p, size_t count, size_t size);

/* A copy of n bytes. */
must_check void *mem_dup(const void *p, size_t n);

/* A copy of a string with its NUL. */
must_check char *mem_strdup(const char *s);

/* NULL is fine. */
void mem_free(void *p);

#endif
