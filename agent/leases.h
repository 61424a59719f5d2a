/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LEASES_H
#define AGENT_LEASES_H

/*
 * Files on which another process holds a lease (fcntl(2), F_SETLEASE), as file
 * servers do for their clients. An open that must not block fails, and has the
 * kernel ask the holder to give way; so it is tried again for a while.
 */

#include <stdint.h>

#include "util/cleanup.h"

/* Longest waits in nanoseconds: for one holder, and for all together. */
#define LEASES_ONE_NS UINT64_C(5000000000)
#define LEASES_ALL_NS UINT64_C(60000000000)

/* All zero is a fresh one. */
struct leases {
	uint64_t spent; /* ns, waiting for holders */
};

/*
 * dirs_openat; flags has O_NONBLOCK. -EAGAIN when a holder does not give way;
 * then it has waited, and once LEASES_ALL_NS are spent it waits no more.
 */
must_check int leases_openat(
	struct leases *l, int at, const char *name, int flags);

#endif
