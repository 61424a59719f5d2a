/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Planted randomness and time, to be preloaded into the programs that write a
 * golden store: what they draw follows from PLANT_SEED and from how many
 * draws there were before, and to them it is always PLANT_TIME (nanoseconds
 * since 1970). The monotonic clock runs, but from its third reading on (the
 * second is a pull's begin) it is PLANT_DURATION seconds ahead. Libraries see
 * the true clocks.
 */
#include <dlfcn.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#define SECOND_NS 1000000000

static uint64_t
setting(const char *name)
{
	const char *text = getenv(name);

	return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static void
put64(unsigned char *p, uint64_t v)
{
	size_t i;

	for (i = 0; i < 8; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

/* In the place of libsodium's. One thread of a program draws. */
void
randombytes_buf(void *const buf, const size_t size)
{
	static uint64_t draws;
	unsigned char seed[randombytes_SEEDBYTES] = "muniment golden";

	put64(seed + 16, setting("PLANT_SEED"));
	put64(seed + 24, draws++);
	randombytes_buf_deterministic(buf, size, seed);
}

/* Is the address one of the program itself, not of a library? */
static int
of_program(const void *address)
{
	unsigned long entry = getauxval(AT_ENTRY);
	void *start;
	Dl_info program, caller;

	memcpy(&start, &entry, sizeof(start));
	return dladdr(start, &program) != 0 && dladdr(address, &caller) != 0 &&
	       program.dli_fbase == caller.dli_fbase;
}

/* In the place of the C library's. */
int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	static unsigned int readings;
	int (*next)(clockid_t, struct timespec *);
	void *f = dlsym(RTLD_NEXT, "clock_gettime");
	int r;

	memcpy(&next, &f, sizeof(next));
	r = next(clock, ts);
	if (!of_program(__builtin_return_address(0)))
		return r;
	if (clock == CLOCK_REALTIME) {
		ts->tv_sec = (time_t)(setting("PLANT_TIME") / SECOND_NS);
		ts->tv_nsec = (long)(setting("PLANT_TIME") % SECOND_NS);
	} else if (clock == CLOCK_MONOTONIC && ++readings > 2) {
		ts->tv_sec += (time_t)setting("PLANT_DURATION");
	}
	return r;
}
