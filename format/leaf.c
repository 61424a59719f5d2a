/* SPDX-License-Identifier: Apache-2.0 */
#include "format/leaf.h"

#include "format/field.h"
#include "format/keyblob.h"

#define BODY_MIN (SEAL_NONCE + SEAL_TAG)

static bool
pull_before(uint64_t pull, const struct leaf *leaf)
{
	return pull < leaf->number;
}

static int
check_recipient(const struct leaf *leaf)
{
	struct keyblob_recipient recipient;
	int err = keyblob_recipient_decode(leaf->clear, &recipient);

	if (err)
		return err;
	return store_id_equal(&recipient.store, &leaf->store) ? 0 : -EBADMSG;
}

static int
check_epoch(const struct leaf *leaf)
{
	struct keyblob_epoch epoch;
	int err = keyblob_epoch_decode(leaf->clear, &epoch);

	if (err)
		return err;
	return store_id_equal(&epoch.store, &leaf->store) ? 0 : -EBADMSG;
}

static int
check_pack(const struct leaf *leaf)
{
	struct leaf_pack pack;
	int err = leaf_pack_decode(leaf->clear, &pack);

	if (err)
		return err;
	return pull_before(pack.pull, leaf) ? 0 : -EBADMSG;
}

static int
check_snapshot(const struct leaf *leaf)
{
	struct leaf_snapshot snapshot;
	int err = leaf_snapshot_decode(leaf->clear, &snapshot);

	if (err)
		return err;
	return pull_before(snapshot.pull, leaf) ? 0 : -EBADMSG;
}

static int
check_ended(const struct leaf *leaf)
{
	struct leaf_ended ended;
	int err = leaf_ended_decode(leaf->clear, &ended);

	if (err)
		return err;
	return pull_before(ended.pull, leaf) ? 0 : -EBADMSG;
}

/* The clear part against its type, number and store. */
static int
clear_check(const struct leaf *leaf)
{
	struct leaf_store store;
	struct leaf_pull pull;

	switch (leaf->type) {
	case LEAF_STORE:
		return leaf_store_decode(leaf->clear, &store);
	case LEAF_RECIPIENT:
		return check_recipient(leaf);
	case LEAF_EPOCH:
		return check_epoch(leaf);
	case LEAF_PULL:
		return leaf_pull_decode(leaf->clear, &pull);
	case LEAF_PACK:
		return check_pack(leaf);
	case LEAF_SNAPSHOT:
		return check_snapshot(leaf);
	case LEAF_ENDED:
		return check_ended(leaf);
	}
	return leaf->type == 0 ? -EBADMSG : -EPROTONOSUPPORT;
}

static int
leaf_check(const struct leaf *leaf)
{
	if (leaf->prev > leaf->number)
		return -EBADMSG;
	return clear_check(leaf);
}

int
leaf_encode(struct buf *b, const struct leaf *leaf)
{
	struct wcur w;
	int err;

	if (leaf->clear.n > FORMAT_LEAF_MAX - LEAF_HEAD_SIZE - BODY_MIN ||
		leaf_check(leaf) != 0)
		return -EINVAL;
	err = field_open(b, LEAF_HEAD_SIZE + leaf->clear.n, &w);
	if (err)
		return err;
	wcur_u16(&w, FORMAT_VERSION);
	wcur_u16(&w, (uint16_t)leaf->type);
	wcur_u32(&w, (uint32_t)leaf->clear.n);
	wcur_u64(&w, leaf->number);
	wcur_u64(&w, leaf->time);
	wcur_u64(&w, leaf->prev);
	wcur_bytes(&w, leaf->store.b, sizeof(leaf->store.b));
	wcur_bytes(&w, leaf->clear.p, leaf->clear.n);
	field_commit(b, &w);
	return 0;
}

int
leaf_decode(struct span bytes, struct leaf *ret)
{
	struct rcur r = rcur_init(bytes);
	struct leaf leaf;
	uint32_t clear;
	int err;

	if (bytes.n < LEAF_HEAD_SIZE || bytes.n > FORMAT_LEAF_MAX)
		return -EBADMSG;
	err = field_version(rcur_u16(&r));
	if (err)
		return err;
	leaf.type = (enum leaf_type)rcur_u16(&r);
	clear = rcur_u32(&r);
	leaf.number = rcur_u64(&r);
	leaf.time = rcur_u64(&r);
	leaf.prev = rcur_u64(&r);
	field_get_store(&r, &leaf.store);
	leaf.clear = rcur_span(&r, clear);
	leaf.ad = span_of(bytes.p, bytes.n - rcur_left(&r));
	leaf.nonce = rcur_span(&r, SEAL_NONCE);
	leaf.sealed = rcur_span(&r, rcur_left(&r));
	if (rcur_end(&r) != 0 || leaf.sealed.n < SEAL_TAG)
		return -EBADMSG;
	err = leaf_check(&leaf);
	if (err)
		return err;
	*ret = leaf;
	return 0;
}

/* A body that is one text: u16 length and bytes. */
static int
text_encode(struct buf *b, struct span text)
{
	struct wcur w;
	int err = field_open(b, 2 + text.n, &w);

	if (err)
		return err;
	field_put_bytes16(&w, text);
	field_commit(b, &w);
	return 0;
}

static int
text_decode(struct span body, struct span *ret)
{
	struct rcur r = rcur_init(body);
	struct span text = field_get_bytes16(&r);

	if (rcur_end(&r) != 0 || !field_no_nul(text))
		return -EBADMSG;
	*ret = text;
	return 0;
}

int
leaf_pull_body_encode(struct buf *b, struct span source)
{
	return field_source_ok(source) ? text_encode(b, source) : -EINVAL;
}

int
leaf_pull_body_decode(struct span body, struct span *ret)
{
	struct span source;

	if (text_decode(body, &source) != 0 || !field_source_ok(source))
		return -EBADMSG;
	*ret = source;
	return 0;
}

static bool
body_ok(const struct leaf_body *body)
{
	return field_source_ok(body->source) && body->location.n > 0 &&
	       body->location.n <= LEAF_TEXT_MAX &&
	       field_no_nul(body->location) && field_when_ok(body->clock) &&
	       field_addr_ok(body->root.addr);
}

int
leaf_body_encode(struct buf *b, const struct leaf_body *body)
{
	struct wcur w;
	int err;

	if (!body_ok(body))
		return -EINVAL;
	err = field_open(b,
		2 + body->source.n + 2 + body->location.n + 12 +
			FIELD_REF_SIZE + 7 * 8 + 2 * 4,
		&w);
	if (err)
		return err;
	field_put_bytes16(&w, body->source);
	field_put_bytes16(&w, body->location);
	field_put_when(&w, body->clock);
	field_put_ref(&w, &body->root);
	wcur_u64(&w, body->entries);
	wcur_u64(&w, body->files);
	wcur_u64(&w, body->directories);
	wcur_u64(&w, body->bytes);
	wcur_u64(&w, body->bytes_read);
	wcur_u64(&w, body->bytes_added);
	wcur_u64(&w, body->problems);
	wcur_u32(&w, body->oldest_day);
	wcur_u32(&w, body->duration);
	field_commit(b, &w);
	return 0;
}

int
leaf_body_decode(struct span bytes, struct leaf_body *ret)
{
	struct rcur r = rcur_init(bytes);
	struct leaf_body body;

	body.source = field_get_bytes16(&r);
	body.location = field_get_bytes16(&r);
	field_get_when(&r, &body.clock);
	field_get_ref(&r, &body.root);
	body.entries = rcur_u64(&r);
	body.files = rcur_u64(&r);
	body.directories = rcur_u64(&r);
	body.bytes = rcur_u64(&r);
	body.bytes_read = rcur_u64(&r);
	body.bytes_added = rcur_u64(&r);
	body.problems = rcur_u64(&r);
	body.oldest_day = rcur_u32(&r);
	body.duration = rcur_u32(&r);
	if (rcur_end(&r) != 0 || !body_ok(&body))
		return -EBADMSG;
	*ret = body;
	return 0;
}
