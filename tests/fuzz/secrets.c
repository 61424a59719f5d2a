/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Secrets on the heap, where a sanitizer sees what is written beyond them;
 * and libsodium ready, without what secmem_init does to the process: the leak
 * detector has to trace it.
 */

#include <stdlib.h>
#include <sys/prctl.h>

#include "keys/secmem.h"

void *__wrap_secmem_alloc(size_t n);
void __wrap_secmem_free(void *p);

__attribute__((constructor)) static void
begin(void)
{
	(void)secmem_init();
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

void *
__wrap_secmem_alloc(size_t n)
{
	return calloc(1, n);
}

void
__wrap_secmem_free(void *p)
{
	free(p);
}
