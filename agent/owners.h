/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_OWNERS_H
#define AGENT_OWNERS_H

/*
 * Names of owners and groups, each asked for once. A static program cannot
 * load the source's name service, so getent(1) is asked, and without it, or
 * when it does not answer, there are no names.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/cleanup.h"

/* Most numbers of each kind that are asked for. */
#define OWNERS_MAX 65536U

struct owner_set {
	uint64_t *slot; /* number + 1; 0: free */
	size_t n, cap;
	uint64_t recent; /* number + 1 of the last question */
};

/* All zero is a fresh one. */
struct owners {
	struct owner_set set[2]; /* users, groups */
	unsigned int timeouts;
	bool silent;
};

/*
 * Append an OWNER frame for a number that has a name and was not met before.
 * 0 or -ENOMEM. Blocks while getent runs, for some seconds at most.
 */
must_check int owners_user(struct owners *o, uint32_t uid, struct buf *b);
must_check int owners_group(struct owners *o, uint32_t gid, struct buf *b);

void owners_free(struct owners *o);

#endif
