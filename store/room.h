/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

/*
 * Room on the store's disk that packs must leave: the ledger's last leaves
 * have to fit, and RocksDB ends the process when it cannot write what it holds
 * in memory. Internal to store/.
 */

#include "util/cleanup.h"
#include "util/fault.h"

/* Both write buffers of the index as tables, and the logs. */
#define ROOM_RESERVE (32ULL << 20)

/* store-full when less than ROOM_RESERVE is left. A filesystem that does not
 * say how much it has is taken to have enough. */
must_check int room_check(int storefd, struct fault *f);

#endif
