/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_SECMEM_H
#define KEYS_SECMEM_H

#include <stddef.h>

/*
 * The one arena for secrets: locked into memory, left out of core dumps,
 * wiped in a forked child, with a page that faults on each side. It is made
 * once per process and holds SECMEM_SIZE bytes, well below the 8 MiB that
 * RLIMIT_MEMLOCK commonly allows.
 */
#define SECMEM_SIZE (512u * 1024u)

/*
 * Make the arena, start libsodium and forbid core dumps and ptrace of this
 * process. To be called once, before any other call of keys/.
 *
 * 0, or -EPERM when the pages could not be locked: the arena then works, but
 * the caller must say so by name or refuse. Other errors: -ENOMEM, -EIO
 * (libsodium did not start); nothing works after these.
 */
int secmem_init(void);

/* Zeroed memory from the arena, or NULL when it is full. Thread-safe. */
void *secmem_alloc(size_t n);

/* Wipe and give back. NULL is allowed. */
void secmem_free(void *p);

/* Wipe memory that is not in the arena, in a way no compiler removes. */
void secmem_wipe(void *p, size_t n);

static inline void
secmem_freep(void *p)
{
	void **q = p;

	secmem_free(*q);
	*q = NULL;
}
#define _cleanup_secret_ __attribute__((cleanup(secmem_freep)))

#endif
