/* SPDX-License-Identifier: Apache-2.0 */

/* Codecs of the ledger's leaves. */

#include "format/keyblob.h"
#include "format/leaf.h"
#include "tests/fuzz/encode.h"
#include "tests/fuzz/rules.h"

/* Clear parts decode and encode to themselves. */
static void
check_clear(const struct leaf *leaf)
{
	uint8_t out[LEAF_SNAPSHOT_SIZE];
	struct leaf_store store;
	struct leaf_pull pull;
	struct leaf_pack pack;
	struct leaf_snapshot snapshot;
	struct leaf_ended ended;
	struct keyblob_recipient recipient;
	struct keyblob_epoch epoch;

	switch (leaf->type) {
	case LEAF_STORE:
		TRIP_MUST(leaf_store_decode(leaf->clear, &store) == 0);
		leaf_store_encode(&store, out);
		break;
	case LEAF_RECIPIENT:
		TRIP_MUST(
			keyblob_recipient_decode(leaf->clear, &recipient) == 0);
		TRIP_MUST(memcmp(recipient.store.b, leaf->store.b, 16) == 0);
		return;
	case LEAF_EPOCH:
		TRIP_MUST(keyblob_epoch_decode(leaf->clear, &epoch) == 0);
		TRIP_MUST(memcmp(epoch.store.b, leaf->store.b, 16) == 0);
		return;
	case LEAF_PULL:
		TRIP_MUST(leaf_pull_decode(leaf->clear, &pull) == 0);
		TRIP_MUST(pull.compartment > 0);
		leaf_pull_encode(&pull, out);
		break;
	case LEAF_PACK:
		TRIP_MUST(leaf_pack_decode(leaf->clear, &pack) == 0);
		TRIP_MUST(pack.ordinal > 0 && pack.compartment > 0);
		TRIP_MUST(pack.pull < leaf->number);
		leaf_pack_encode(&pack, out);
		break;
	case LEAF_SNAPSHOT:
		TRIP_MUST(leaf_snapshot_decode(leaf->clear, &snapshot) == 0);
		TRIP_MUST(
			(snapshot.flags & 3) == 1 || (snapshot.flags & 3) == 2);
		TRIP_MUST(snapshot.flags <= 7 && snapshot.compartment > 0);
		TRIP_MUST(snapshot.pull < leaf->number);
		leaf_snapshot_encode(&snapshot, out);
		break;
	case LEAF_ENDED:
		TRIP_MUST(leaf_ended_decode(leaf->clear, &ended) == 0);
		TRIP_MUST(ended.pull < leaf->number);
		encode_ended(&ended, out);
		break;
	}
	TRIP_MUST(memcmp(out, leaf->clear.p, leaf->clear.n) == 0);
}

int
trip_leaf(struct span in, struct buf *again)
{
	struct leaf leaf;
	int err = leaf_decode(in, &leaf);

	if (err)
		return err;
	TRIP_MUST(leaf.prev <= leaf.number && in.n <= 64 * 1024);
	TRIP_MUST(leaf.nonce.n == 24 && leaf.sealed.n >= 16);
	check_clear(&leaf);
	TRIP_MUST(leaf_encode(again, &leaf) == 0);
	TRIP_MUST(span_eq(buf_span(again), leaf.ad));
	TRIP_MUST(buf_append(again, leaf.nonce.p, leaf.nonce.n) == 0);
	TRIP_MUST(buf_append(again, leaf.sealed.p, leaf.sealed.n) == 0);
	return TRIP_EXACT;
}

/* The first byte is the leaf's type, the body follows. */
int
trip_leaf_body(struct span in, struct buf *again)
{
	struct leaf_body body;
	struct span rest, text;
	int err;

	if (in.n == 0)
		return -EBADMSG;
	rest = span_of(in.p + 1, in.n - 1);
	TRIP_MUST(buf_u8(again, in.p[0]) == 0);
	switch (in.p[0]) {
	case LEAF_PULL:
		err = leaf_pull_body_decode(rest, &text);
		if (err)
			return err;
		rule_source(text);
		TRIP_MUST(leaf_pull_body_encode(again, text) == 0);
		return TRIP_EXACT;
	case LEAF_SNAPSHOT:
		err = leaf_body_decode(rest, &body);
		if (err)
			return err;
		rule_source(body.source);
		rule_text(body.location, 16384);
		rule_when(body.clock);
		rule_ref(&body.root);
		TRIP_MUST(leaf_body_encode(again, &body) == 0);
		return TRIP_EXACT;
	default:
		return -EBADMSG;
	}
}

/* u64 offset at which the frame lies, then its head. */
int
trip_leaf_frame(struct span in, struct buf *again)
{
	struct leaf_frame frame;
	struct rcur r = rcur_init(in);
	uint64_t at = rcur_u64(&r);
	int err = leaf_frame_decode(rcur_span(&r, rcur_left(&r)), at, &frame);

	if (err)
		return err;
	TRIP_MUST(leaf_frame_span(&frame) % 8 == 0 && at % 8 == 0);
	if (frame.kind == LEAF_FRAME_LEAF)
		TRIP_MUST(frame.length >= 88 && frame.length <= 64 * 1024);
	else
		TRIP_MUST(frame.length > 0 && frame.length % 8 == 0 &&
			  at >= frame.length &&
			  frame.value == at - frame.length);
	TRIP_MUST(buf_u64(again, at) == 0);
	TRIP_MUST(buf_reserve(again, LEAF_FRAME_SIZE) == 0);
	leaf_frame_encode(&frame, again->p + again->n);
	again->n += LEAF_FRAME_SIZE;
	return TRIP_EXACT;
}
