/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_PEER_H
#define PULL_PEER_H

#include "format/wire.h"
#include "pull/transport.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The vault's end of the wire: frames in, frames out, and the credit. It
 * never blocks on writing while the agent waits to be read, so neither side
 * can make the other stop for good. What is said beside the wire is read too,
 * and does not count as an answer. Memory: one frame in, what is queued out.
 */
struct peer {
	struct transport *t; /* in and out are non-blocking */
	uint64_t silent; /* nanoseconds since it last read or said a thing */
	struct buf input;
	size_t at; /* in input: the first byte not handed out */
	struct buf output;
	size_t sent;
	bool deaf;		 /* it reads no more: output is dropped */
	uint64_t worked_off;	 /* counted payload bytes not yet credited */
	const atomic_bool *stop; /* set by a signal: it ends peer_next */
};

/* Bytes that the agent may send unasked; a quarter is given back at a time. */
#define PEER_CREDIT (8u * 1024u * 1024u)

/* Answers that may wait for an agent that does not read them: many times what
 * an honest one leaves unread. */
#define PEER_UNREAD_MAX (4u * 1024u * 1024u)

/* How long an agent may say nothing, in seconds: longer than the largest
 * directory takes to list. While it is silent other pulls wait for the store. */
#define PEER_SILENCE_S (10 * 60)

/* t: connected, and until peer_next is called no more. */
must_check int peer_init(
	struct peer *p, struct transport *t, const atomic_bool *stop);
void peer_free(struct peer *p);

/*
 * The next frame. payload is valid until the next call. Faults: agent-died (the
 * stream ended, or was silent), limit-exceeded (it does not read), agent-protocol (an impossible frame), interrupted, io.
 */
must_check int peer_next(struct peer *p, enum wire_type *type,
	struct span *payload, struct fault *f);

/* Where frames to send are appended (format/wire.h); peer_next sends them. */
struct buf *peer_output(struct peer *p);

#endif
