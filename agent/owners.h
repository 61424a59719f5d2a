/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_OWNERS_H
#define AGENT_OWNERS_H

/*
 * Names of owners and groups, each asked for once, some together. A static
 * program cannot load the source's name service, so getent(1) is asked, and
 * without it, or when it does not answer, there are no names.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/cleanup.h"

/* Most numbers of each kind that are asked for. */
#define OWNERS_MAX 65536U

/* Numbers that are asked for at a time. */
#define OWNERS_ASK 16U

struct owner_set {
	uint64_t *slot; /* number + 1; 0: free */
	size_t n, cap;
	uint64_t recent; /* number + 1 of the last question */
	uint32_t ask[OWNERS_ASK];
	size_t asked;
};

/* All zero is a fresh one. */
struct owners {
	struct owner_set set[2]; /* users, groups */
	uint64_t spent;		 /* ns, waiting for answers */
	unsigned int timeouts;
	bool silent;
};

/*
 * Meet a number; by the end of owners_tell each that has a name and was not met
 * before has got an OWNER frame, appended to b. 0 or -ENOMEM. They block while
 * getent runs, for some seconds at most, and for about a minute in all.
 */
must_check int owners_user(struct owners *o, uint32_t uid, struct buf *b);
must_check int owners_group(struct owners *o, uint32_t gid, struct buf *b);
must_check int owners_tell(struct owners *o, struct buf *b);

void owners_free(struct owners *o);

#endif
