/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CATALOG_H
#define CLI_CATALOG_H

/*
 * The snapshots of a store, with names as far as they can be had without
 * asking anybody: by keys/vault, else by a passphrase file, else not at all.
 */

#include <stdbool.h>

#include "store/snapshots.h"
#include "store/store_read.h"
#include "util/cleanup.h"
#include "util/fault.h"

struct catalog {
	struct store *store;
	struct snapshot_list snapshots;
	bool named;
	struct fault why; /* why not, when not named */
};
#define CATALOG_NONE ((struct catalog){.store = NULL})
#define _cleanup_catalog_ _cleanup_(catalog_close)

/*
 * *c starts as CATALOG_NONE and is closed in any case. file: a passphrase
 * file, or NULL. Faults: those of store_open and snapshots_load,
 * store-foreign, wrong-passphrase.
 */
must_check int catalog_open(
	const char *dir, const char *file, struct catalog *c, struct fault *f);
void catalog_close(struct catalog *c);

/* Say on stderr, in one line, that there are no names and why. */
void catalog_warn(const struct catalog *c);

#endif
