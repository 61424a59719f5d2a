/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SCRUB_H
#define STORE_SCRUB_H

#include "store/store_read.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Checking every byte of a store against its ledger, without a key that opens
 * anything: copies of keys, leaves, frames, tiles, manifests, packs, and files
 * that belong to nothing. cache/, incoming/ and run/ are not looked at:
 * nothing that was committed depends on them.
 */

struct scrub_finding {
	struct fault fault; /* what, which object */
	/* Nothing that was committed is touched by it: what a crash may leave,
	 * or a running pull shows. */
	bool harmless;
	/* Of a damaged pack or manifest: the numbers of the snapshots' leaves
	 * that need it, ascending. */
	const uint64_t *snapshots;
	size_t n;
};

/* Calls come one at a time, from several threads; ctx is the caller's. What
 * they point to lives until they return. progress may be NULL: bytes of
 * packs. */
struct scrub_sink {
	void *ctx;
	void (*finding)(void *ctx, const struct scrub_finding *finding);
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
};

struct scrub_result {
	uint64_t leaves;
	uint64_t snapshots;
	uint64_t manifests; /* read whole */
	uint64_t packs;	    /* read whole */
	uint64_t bytes;	    /* of packs */
	uint64_t findings;  /* that are not harmless */
	uint64_t notes;	    /* that are */
};

/*
 * Check the store that st has open (store.conf, the checkpoint and the first
 * leaf were checked by store_open; a store that does not open is reported by
 * its fault). Goes on after each finding. 0, also with findings; a negative
 * errno only when it could not go on (no-memory, io). secmem_init was called.
 * Works beside a running pull, with the ledger as it was when st was opened.
 */
must_check int scrub_store(struct store *st, const struct scrub_sink *sink,
	struct scrub_result *ret, struct fault *f);

#endif
