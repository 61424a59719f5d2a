/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUSE_POINT_H
#define FUSE_POINT_H

#include "store/snapshots.h"
#include "util/cleanup.h"
#include "util/fault.h"

/*
 * Judge a mountpoint before anything is opened or asked: an empty directory,
 * neither inside the store nor above it, and /dev/fuse is there. *ret is its
 * absolute path, the caller's to free. Faults: mountpoint-bad,
 * mountpoint-inside, store-missing, mount-failed.
 */
must_check int point_check(
	const char *mountpoint, const char *store, char **ret, struct fault *f);

/*
 * Refuse a mountpoint (absolute, without links) below a path of this machine
 * that was pulled from: the next pull would meet what it shows. A pull of
 * the whole machine is passed over: everything lies below "/", and no pull
 * enters a mount unless it is told to. Faults: mountpoint-inside.
 */
must_check int point_clear_of_sources(const char *point,
	const struct snapshot_list *snapshots, struct fault *f);

#endif
