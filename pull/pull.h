/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_PULL_H
#define PULL_PULL_H

#include "format/types.h"
#include "pull/tree.h"
#include "store/store_write.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One pull of one source, from the agent's first frame to the commit. */

#define PULL_EXCLUDES_MAX 4096u

struct pull_opts {
	const char *store;
	const char *source;
	const char *location;	/* /path, or user@host:/path */
	const char *ssh_config; /* NULL: the caller's own */
	const char *agent;	/* its path; NULL: the usual one */
	const char *const *excludes;
	size_t nexcludes;
	bool cross_devices;
	bool skip_cachedirs;
	unsigned int workers;
	const struct tree_sink *sink;
	const atomic_bool *stop;	/* set by a signal */
	const struct writer_wait *wait; /* NULL: a busy store is refused */
};

struct pull_result {
	uint64_t number; /* of the snapshot's leaf */
	struct root id;
	struct id root; /* id of the snapshot root */
	bool complete;
	struct tree_counts counts;
	uint64_t stored; /* bytes of pack files added */
	uint32_t packs;	 /* that the snapshot needs */
	struct writer_stats stats;
	uint32_t seconds;
};

/*
 * Run it. 0 for a snapshot, complete or not, of the time at which the store
 * was open. On failure no snapshot is visible; what was read so far is sealed
 * where the store is not at fault, so that the next pull need not read it
 * again. Faults: source-name, source-missing, those of the store, the
 * transport and the agent.
 */
must_check int pull_run(
	const struct pull_opts *o, struct pull_result *ret, struct fault *f);

#endif
