/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_SESSION_H
#define VIEW_SESSION_H

/* What every reading command begins with: an open, unlocked store. */

#include <stddef.h>

#include "store/snapshots.h"
#include "store/store_read.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/unlock.h"
#include "view/view.h"

struct session {
	struct store *store;
	struct access *access;
	struct snapshot_list snapshots;
	struct view *view;
};
#define SESSION_NONE ((struct session){NULL, NULL, {NULL, 0}, NULL})
#define _cleanup_session_ _cleanup_(session_close)

/*
 * Open the store in dir, ask for the passphrase (file as in passphrase_read),
 * unlock, load the snapshots, open a view with that much cache. secmem_init
 * was called. *s starts as SESSION_NONE and is closed in any case. Faults:
 * those of store_open, passphrase_read, unlock_store, snapshots_load.
 */
must_check int session_open(const char *dir, const char *passphrase_file,
	size_t cache, struct session *s, struct fault *f);

/* Wipes. Snapshots that were opened must be closed before. */
void session_close(struct session *s);

/*
 * SNAPSHOT[:/PATH], the first ":/" separates: open the snapshot, and tell
 * the path (borrowed from arg; "" for none). Faults: those of snapshots_find
 * and view_snap_open.
 */
must_check int session_snapshot(struct session *s, const char *arg,
	struct view_snap **ret, const struct snapshot **ret_snapshot,
	struct span *ret_path, struct fault *f);

#endif
