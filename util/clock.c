/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "util/clock.h"

/* clock_gettime cannot fail for these two clocks and a valid address. */

struct clock_time
clock_wall(void)
{
	struct timespec ts = {0, 0};

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct clock_time){ts.tv_sec, (uint32_t)ts.tv_nsec};
}

uint64_t
clock_mono_ns(void)
{
	struct timespec ts = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}
