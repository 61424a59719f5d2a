/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <stdint.h>

/* Since 1970-01-01T00:00:00Z, without leap seconds; nsec < 1000000000. */
struct clock_time {
	int64_t sec;
	uint32_t nsec;
};

/* The time of day. It can jump either way: for names and records only. */
struct clock_time clock_wall(void);

/* Nanoseconds since an unknown start; never goes back. */
uint64_t clock_mono_ns(void);

#endif
