/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sodium_malloc locks its pages but does not tell when locking failed, and
 * spends three pages on each secret; so this is one arena whose mlock is
 * checked. Cells of 64 bytes; the count of an allocation's cells stands at
 * its first cell in a table outside the arena.
 */
#include "keys/secmem.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "util/hook.h"

#define CELL 64u
#define CELLS (SECMEM_SIZE / CELL)
#define GUARD 4096u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t *arena;	    /* set once by secmem_init */
static uint16_t run[CELLS]; /* under lock: cells from here, 0 if not a start */
static bool used[CELLS];    /* under lock */

int
secmem_init(void)
{
	uint8_t *map;

	if (arena != NULL)
		return 0;
	if (sodium_init() < 0)
		return -EIO;
	if (hook_check(HOOK_MMAP) < 0)
		return -ENOMEM;
	map = mmap(NULL, SECMEM_SIZE + 2 * GUARD, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	if (mprotect(map + GUARD, SECMEM_SIZE, PROT_READ | PROT_WRITE) != 0) {
		munmap(map, SECMEM_SIZE + 2 * GUARD);
		return -ENOMEM;
	}
	arena = map + GUARD;
	/* Both are refinements: the page lock below is what is checked. */
	(void)madvise(arena, SECMEM_SIZE, MADV_DONTDUMP);
	(void)madvise(arena, SECMEM_SIZE, MADV_WIPEONFORK);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return mlock(arena, SECMEM_SIZE) == 0 ? 0 : -EPERM;
}

static size_t
free_run(size_t want)
{
	size_t i, n = 0;

	for (i = 0; i < CELLS; i++) {
		n = used[i] ? 0 : n + 1;
		if (n == want)
			return i + 1 - want;
	}
	return CELLS;
}

void *
secmem_alloc(size_t n)
{
	size_t cells, at, i;

	if (arena == NULL || n == 0 || n > SECMEM_SIZE / 2)
		return NULL;
	cells = (n + CELL - 1) / CELL;
	pthread_mutex_lock(&lock);
	at = free_run(cells);
	if (at < CELLS) {
		for (i = at; i < at + cells; i++)
			used[i] = true;
		run[at] = (uint16_t)cells;
	}
	pthread_mutex_unlock(&lock);
	return at < CELLS ? arena + at * CELL : NULL;
}

void
secmem_free(void *p)
{
	size_t at, i;

	if (p == NULL)
		return;
	at = (size_t)((uint8_t *)p - arena) / CELL;
	pthread_mutex_lock(&lock);
	sodium_memzero(p, (size_t)run[at] * CELL);
	for (i = at; i < at + run[at]; i++)
		used[i] = false;
	run[at] = 0;
	pthread_mutex_unlock(&lock);
}

void
secmem_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}
