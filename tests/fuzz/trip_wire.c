/* SPDX-License-Identifier: Apache-2.0 */

/* Codecs of the wire: one whole frame, from either side. */

#include <stdlib.h>

#include "format/attrs.h"
#include "format/wire.h"
#include "tests/fuzz/encode.h"
#include "tests/fuzz/rules.h"

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
	TRIP_MUST(start.paths >= 1 && start.paths <= 1024);
	TRIP_MUST(start.options <= 3);
	at = rcur_init(start.strings);
	for (; wire_start_next(&at, &s[n]); n++) {
		rule_text(s[n], 4095);
		TRIP_MUST(n >= start.paths || s[n].p[0] == '/');
	}
	TRIP_MUST(n == start.paths + start.excludes);
	TRIP_MUST(wire_start_encode(again, &start, s, s + start.paths) == 0);
	free(s);
	return 0;
}

static int
batch_again(struct span payload, struct buf *again)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	struct span last = {NULL, 0};
	struct wire_batch batch;
	struct listing e;
	struct rcur at;
	uint32_t n = 0;
	int err = wire_batch_decode(payload, &batch);

	if (err)
		return err;
	rule_batch(&batch);
	at = rcur_init(batch.entries);
	while (wire_batch_next(&at, &e)) {
		rule_listing(&e, batch.batch == 0);
		if (n++ > 0 && batch.batch > 0)
			rule_ascends(last, e.name);
		last = e.name;
		TRIP_MUST(wire_listing_encode(&entries, &e) == 0);
	}
	TRIP_MUST(n == batch.n);
	TRIP_MUST(span_eq(buf_span(&entries), batch.entries));
	TRIP_MUST(wire_batch_encode(again, &batch) == 0);
	return 0;
}

static void
judge_at(struct wire_at at)
{
	TRIP_MUST(at.entry < 1024);
}

static void
judge_want(const struct wire_want *want)
{
	TRIP_MUST(want->want.n <= 1024);
	for (size_t i = 0; i < want->want.n; i++)
		TRIP_MUST(want->want.p[i] <= 3);
}

static void
judge_owner(const struct owner *owner)
{
	rule_owner(owner);
}

static void
judge_attrs(const struct wire_attrs *attrs)
{
	struct attrs set;

	judge_at(attrs->at);
	TRIP_MUST(attrs_open(attrs->set, &set) == 0);
}

static void
judge_link(const struct wire_link *link)
{
	judge_at(link->at);
	rule_text(link->target, 4095);
}

static void
judge_data(const struct wire_data *data)
{
	judge_at(data->at);
	TRIP_MUST(data->bytes.n >= 1 && data->bytes.n <= 256 * 1024);
	TRIP_MUST(data->offset <= INT64_MAX - data->bytes.n);
}

static void
judge_hole(const struct wire_hole *hole)
{
	judge_at(hole->at);
	TRIP_MUST(hole->length >= 1 && hole->length <= INT64_MAX);
	TRIP_MUST(hole->offset <= INT64_MAX - hole->length);
}

static void
judge_file_end(const struct wire_file_end *end)
{
	judge_at(end->at);
	TRIP_MUST(end->flags <= 3 && end->size <= INT64_MAX);
	rule_when(end->mtime);
	rule_when(end->ctime);
}

static void
judge_problem(const struct wire_problem *problem)
{
	judge_at(problem->at);
	TRIP_MUST(problem->reason >= 1 && problem->reason <= 8);
}

/* Decode into a local of this type, judge it and encode it again. */
#define AGAIN(type, what)                                                      \
	do {                                                                   \
		type v_;                                                       \
		int err_ = wire_##what##_decode(payload, &v_);                 \
                                                                               \
		if (err_)                                                      \
			return err_;                                           \
		judge_##what(&v_);                                             \
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
	if (from == WIRE_FROM_AGENT)
		TRIP_MUST(hello.batches >= 1 && hello.batches <= 256);
	TRIP_MUST(wire_hello_encode(again, from, &hello) == 0);
	return 0;
}

static int
data_again(struct span payload, struct buf *again)
{
	struct wire_data data;
	int err = wire_data_decode(payload, &data);

	if (err)
		return err;
	judge_data(&data);
	TRIP_MUST(encode_data(again, &data) == 0);
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
		return encode_stop(again);
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
		return data_again(payload, again);
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
	TRIP_MUST(head.length <= 1024 * 1024);
	TRIP_MUST((from == WIRE_FROM_AGENT) == (head.type >= 65));
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
