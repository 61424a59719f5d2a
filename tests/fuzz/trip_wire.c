/* SPDX-License-Identifier: Apache-2.0 */

/* Codecs of the wire: one whole frame, from either side. */

#include <stdlib.h>

#include "format/wire.h"
#include "tests/fuzz/trip.h"

static int
start_again(struct span payload, struct buf *again)
{
	struct wire_start start;
	struct span *s;
	struct rcur at;
	size_t n = 0;
	int err = wire_start_decode(payload, &start);

	if (err)
		return err;
	s = trip_array(start.paths + start.excludes, sizeof(*s));
	at = rcur_init(start.strings);
	while (wire_start_next(&at, &s[n]))
		n++;
	TRIP_MUST(n == start.paths + start.excludes);
	TRIP_MUST(wire_start_encode(again, &start, s, s + start.paths) == 0);
	free(s);
	return 0;
}

static int
batch_again(struct span payload, struct buf *again)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	struct wire_batch batch;
	struct listing e;
	struct rcur at;
	uint32_t n = 0;
	int err = wire_batch_decode(payload, &batch);

	if (err)
		return err;
	at = rcur_init(batch.entries);
	while (wire_batch_next(&at, &e)) {
		n++;
		TRIP_MUST(wire_listing_encode(&entries, &e) == 0);
	}
	TRIP_MUST(n == batch.n);
	TRIP_MUST(span_eq(buf_span(&entries), batch.entries));
	TRIP_MUST(wire_batch_encode(again, &batch) == 0);
	return 0;
}

/* Decode into a local of this type and encode it again. */
#define AGAIN(type, what)                                                      \
	do {                                                                   \
		type v_;                                                       \
		int err_ = wire_##what##_decode(payload, &v_);                 \
                                                                               \
		if (err_)                                                      \
			return err_;                                           \
		TRIP_MUST(wire_##what##_encode(again, &v_) == 0);              \
		return 0;                                                      \
	} while (0)

/* The same for a payload that is passed by value. */
#define AGAIN_VALUE(type, what)                                                \
	do {                                                                   \
		type v_;                                                       \
		int err_ = wire_##what##_decode(payload, &v_);                 \
                                                                               \
		if (err_)                                                      \
			return err_;                                           \
		TRIP_MUST(wire_##what##_encode(again, v_) == 0);               \
		return 0;                                                      \
	} while (0)

static int
hello_again(struct span payload, enum wire_side from, struct buf *again)
{
	struct wire_hello hello;
	int err = wire_hello_decode(payload, from, &hello);

	if (err)
		return err;
	TRIP_MUST(wire_hello_encode(again, from, &hello) == 0);
	return 0;
}

static int
payload_again(
	const struct wire_head *head, struct span payload, struct buf *again)
{
	switch (head->type) {
	case WIRE_VAULT_HELLO:
		return hello_again(payload, WIRE_FROM_VAULT, again);
	case WIRE_START:
		return start_again(payload, again);
	case WIRE_WANT:
		AGAIN(struct wire_want, want);
	case WIRE_CREDIT:
		AGAIN_VALUE(uint64_t, credit);
	case WIRE_STOP:
		TRIP_MUST(wire_stop_decode(payload) == 0);
		return wire_stop_encode(again);
	case WIRE_AGENT_HELLO:
		return hello_again(payload, WIRE_FROM_AGENT, again);
	case WIRE_OWNER:
		AGAIN(struct owner, owner);
	case WIRE_BATCH:
		return batch_again(payload, again);
	case WIRE_ATTRS:
		AGAIN(struct wire_attrs, attrs);
	case WIRE_LINK:
		AGAIN(struct wire_link, link);
	case WIRE_DATA:
		AGAIN(struct wire_data, data);
	case WIRE_HOLE:
		AGAIN(struct wire_hole, hole);
	case WIRE_FILE_END:
		AGAIN(struct wire_file_end, file_end);
	case WIRE_RESTART:
		AGAIN_VALUE(struct wire_at, restart);
	case WIRE_PROBLEM:
		AGAIN(struct wire_problem, problem);
	case WIRE_DONE:
		AGAIN_VALUE(uint64_t, done);
	case WIRE_BATCH_DONE:
		AGAIN_VALUE(uint32_t, batch_done);
	}
	abort();
}

static int
frame_again(struct span in, enum wire_side from, struct buf *again)
{
	struct rcur r = rcur_init(in);
	struct wire_head head;
	struct span payload;
	int err = wire_head_decode(rcur_span(&r, WIRE_HEAD_SIZE), from, &head);

	if (err)
		return err;
	TRIP_MUST(head.length <= WIRE_PAYLOAD_MAX);
	payload = rcur_span(&r, head.length);
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	return payload_again(&head, payload, again);
}

int
trip_wire_vault(struct span in, struct buf *again)
{
	return frame_again(in, WIRE_FROM_VAULT, again);
}

int
trip_wire_agent(struct span in, struct buf *again)
{
	return frame_again(in, WIRE_FROM_AGENT, again);
}
