/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUSE_POINT_H
#define FUSE_POINT_H

#include "util/cleanup.h"
#include "util/fault.h"

/*
 * Judge a mountpoint before anything is opened or asked: an empty directory,
 * neither inside the store nor above it, and /dev/fuse is there. *ret is its
 * absolute path, the caller's to free. Faults: mountpoint-bad,
 * mountpoint-inside, store-missing, mount-failed.
 */
must_check int point_check(const char *mountpoint, const char *store,
	char **ret, struct fault *f);

#endif
