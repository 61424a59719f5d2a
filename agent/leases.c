/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>

#include "agent/dirs.h"
#include "agent/leases.h"
#include "util/clock.h"

#define PAUSE_MS 10

int
leases_openat(struct leases *l, int at, const char *name, int flags)
{
	uint64_t began, took = 0;
	int fd = dirs_openat(at, name, flags);

	if (fd != -EAGAIN)
		return fd;
	began = clock_mono_ns();
	while (fd == -EAGAIN && took < LEASES_ONE_NS &&
		l->spent + took < LEASES_ALL_NS) {
		(void)poll(NULL, 0, PAUSE_MS);
		fd = dirs_openat(at, name, flags);
		took = clock_mono_ns() - began;
	}
	l->spent += took;
	return fd;
}
