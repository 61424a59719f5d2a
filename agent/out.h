/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_OUT_H
#define AGENT_OUT_H

/*
 * What goes to the vault: one buffer that frames are encoded into and that
 * is written when it is full or when the agent has nothing else to do, and
 * the credit that the vault has given for it.
 */

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/cleanup.h"

/* Written once that much has gathered; it stays in a core's own cache. */
#define OUT_FULL (256U * 1024U)

/* What the sender waits for. */
enum out_need {
	OUT_NEED_ROOM,	 /* the vault reads */
	OUT_NEED_CREDIT, /* the vault gives credit */
};

/*
 * Wait until there may be what is needed. 0, or a negative errno that ends
 * the program. May itself send frames when credit is what is needed.
 */
typedef int out_wait_fn(void *ctx, enum out_need need);

struct out {
	struct buf b; /* encode frames into it, then call out_push */
	int fd;	      /* non-blocking */
	uint64_t credit;
	out_wait_fn *wait;
	void *ctx;
};

/* Write everything. */
must_check int out_flush(struct out *o);

/* Write everything if that is due. */
must_check int out_push(struct out *o);

/*
 * Wait for credit for n bytes of payload and use it up; the buffer may have
 * moved and been written meanwhile.
 */
must_check int out_charge(struct out *o, size_t n);

/*
 * The same for at least least and at most n bytes, as many as there are
 * without a wait; *ret is what was used up.
 */
must_check int out_charge_some(
	struct out *o, size_t least, size_t n, size_t *ret);

#endif
