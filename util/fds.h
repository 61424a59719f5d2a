/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_FDS_H
#define UTIL_FDS_H

#include "util/cleanup.h"
#include "util/fault.h"

/*
 * Descriptors that a program may have open at a time: two databases of 256
 * files for a pull; 256 directories and 128 packs for a restore; beside them a
 * few of each thread. Twice as many are asked for, which is what every shell
 * gives unless it was told otherwise. With fewer, what cannot be opened looks
 * as if it were damaged or missing.
 */
#define FDS_NEEDED 1024

/*
 * What each program does first. /dev/null, to be read only, is opened as each
 * of the descriptors 0 to 2 that is closed: else a file of the store would get
 * that number, and with it what is meant for the terminal; writing to it fails,
 * as to a closed one. And the limit of open files is raised to what this process
 * may have. Faults: io; limit-exceeded, when that is not enough.
 */
must_check int fds_prepare(struct fault *f);

/*
 * Between fork and exec: the limit as it was before. A program of someone
 * else's may go through all numbers up to it.
 */
void fds_give_back(void);

#endif
