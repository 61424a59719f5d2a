/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

/*
 * Who may write: the process with the exclusive flock(2) on the ledger's
 * folder. A lock file could be removed while it is locked, and the next process
 * would lock a new one. Internal to store/.
 */

#include "store/store_write.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdbool.h>

/*
 * Take it: a descriptor that holds it until it is closed. dir names the store
 * in faults; wait as for writer_open. Faults: store-busy, interrupted, io.
 */
must_check int lock_take(int storefd, const char *dir,
	const struct writer_wait *wait, int *ret_fd, struct fault *f);

/* Is it the lock of the store there? Another one may have been put in the place
 * of the one that was opened first. */
bool lock_holds(int fd, int storefd);

#endif
