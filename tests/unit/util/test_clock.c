/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the clocks agree with the system's and the steady one is steady. */

#include <time.h>

#include "tests/lib/check.h"
#include "util/clock.h"

static void
wall(void)
{
	/* time() reads a coarser clock that may be a tick behind. */
	time_t before = time(NULL);
	struct clock_time t = clock_wall();

	CHECK(t.sec >= before && t.sec <= time(NULL) + 1);
	CHECK(t.nsec < 1000000000);
}

static void
mono(void)
{
	uint64_t last = clock_mono_ns(), first = last;
	bool steady = true;

	for (int i = 0; i < 100000; i++) {
		uint64_t now = clock_mono_ns();

		steady = now >= last && steady;
		last = now;
	}
	CHECK(steady);
	CHECK(last > first);
}

CHECK_MAIN(TEST(wall), TEST(mono))
