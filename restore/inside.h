/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_INSIDE_H
#define RESTORE_INSIDE_H

/* Places that must not lie in the store; the mount asks too. */

#include <stdbool.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/fault.h"

/*
 * Is dir (absolute, without links) the inode st, or below it? By device and
 * inode of each directory above it, so that a bind mount is not missed.
 */
bool inside_is(const char *dir, const struct stat *st);

/*
 * Refuse a target that is the store or lies in it, also one that is yet to be
 * made: the next pull sweeps there. What cannot be looked at passes; opening
 * it tells why. Faults: target-bad.
 */
must_check int inside_refuse(
	const char *target, const char *store, struct fault *f);

#endif
