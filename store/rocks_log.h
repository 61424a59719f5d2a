/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_ROCKS_LOG_H
#define STORE_ROCKS_LOG_H

/*
 * The frames of the logs that RocksDB keeps, its manifest among them; as its
 * wiki has it, "Write Ahead Log File Format".
 */

#include "util/span.h"

#include <stdbool.h>

/* A log is a row of these; the last one is shorter. */
#define ROCKS_LOG_BLOCK (32U * 1024U)

/*
 * false if a record of this block is of a kind that only logs used over again
 * have. No log here is; and at one of them, made by a flipped bit, RocksDB 9.10
 * runs in a circle for ever. All else that is wrong with a record it finds.
 */
bool rocks_log_plain(struct span block);

#endif
