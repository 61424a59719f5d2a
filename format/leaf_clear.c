/* SPDX-License-Identifier: Apache-2.0 */
#include "format/leaf.h"

#include <assert.h>

#include "format/field.h"

/* The clear parts of the leaves, docs/format.md 9.1. */

static const uint32_t snapshot_flags =
	LEAF_COMPLETE | LEAF_INCOMPLETE | LEAF_SUSPICIOUS;

void
leaf_store_encode(const struct leaf_store *in, uint8_t dst[LEAF_STORE_SIZE])
{
	struct wcur w = wcur_init(dst, LEAF_STORE_SIZE);

	wcur_u16(&w, SUITE_1);
	wcur_zero(&w, 6);
	wcur_bytes(&w, in->ledger_key, sizeof(in->ledger_key));
	assert(!w.bad && w.at == LEAF_STORE_SIZE);
}

int
leaf_store_decode(struct span clear, struct leaf_store *ret)
{
	struct rcur r = rcur_init(clear);
	struct leaf_store out;
	int err;

	if (clear.n != LEAF_STORE_SIZE)
		return -EBADMSG;
	err = field_suite(rcur_u16(&r));
	if (err)
		return err;
	rcur_zero(&r, 6);
	rcur_bytes(&r, out.ledger_key, sizeof(out.ledger_key));
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = out;
	return 0;
}

void
leaf_pull_encode(const struct leaf_pull *in, uint8_t dst[LEAF_PULL_SIZE])
{
	struct wcur w = wcur_init(dst, LEAF_PULL_SIZE);

	assert(in->compartment > 0);
	wcur_u32(&w, in->compartment);
	wcur_zero(&w, 4);
	assert(!w.bad && w.at == LEAF_PULL_SIZE);
}

int
leaf_pull_decode(struct span clear, struct leaf_pull *ret)
{
	struct rcur r = rcur_init(clear);
	struct leaf_pull out;

	out.compartment = rcur_u32(&r);
	rcur_zero(&r, 4);
	if (rcur_end(&r) != 0 || out.compartment == 0)
		return -EBADMSG;
	*ret = out;
	return 0;
}

void
leaf_pack_encode(const struct leaf_pack *in, uint8_t dst[LEAF_PACK_SIZE])
{
	struct wcur w = wcur_init(dst, LEAF_PACK_SIZE);

	assert(in->ordinal > 0 && in->compartment > 0);
	wcur_u32(&w, in->ordinal);
	wcur_u32(&w, in->compartment);
	wcur_u64(&w, in->pull);
	wcur_bytes(&w, in->root.b, sizeof(in->root.b));
	assert(!w.bad && w.at == LEAF_PACK_SIZE);
}

int
leaf_pack_decode(struct span clear, struct leaf_pack *ret)
{
	struct rcur r = rcur_init(clear);
	struct leaf_pack out;

	out.ordinal = rcur_u32(&r);
	out.compartment = rcur_u32(&r);
	out.pull = rcur_u64(&r);
	field_get_root(&r, &out.root);
	if (rcur_end(&r) != 0 || out.ordinal == 0 || out.compartment == 0)
		return -EBADMSG;
	*ret = out;
	return 0;
}

static bool
snapshot_ok(const struct leaf_snapshot *in)
{
	bool complete = in->flags & LEAF_COMPLETE;
	bool incomplete = in->flags & LEAF_INCOMPLETE;

	return in->compartment > 0 && complete != incomplete &&
	       (in->flags & ~snapshot_flags) == 0;
}

void
leaf_snapshot_encode(
	const struct leaf_snapshot *in, uint8_t dst[LEAF_SNAPSHOT_SIZE])
{
	struct wcur w = wcur_init(dst, LEAF_SNAPSHOT_SIZE);

	assert(snapshot_ok(in));
	wcur_u64(&w, in->pull);
	wcur_u32(&w, in->compartment);
	wcur_u32(&w, in->flags);
	wcur_zero(&w, 4 + 4 + 8);
	wcur_bytes(&w, in->manifest, sizeof(in->manifest));
	assert(!w.bad && w.at == LEAF_SNAPSHOT_SIZE);
}

int
leaf_snapshot_decode(struct span clear, struct leaf_snapshot *ret)
{
	struct rcur r = rcur_init(clear);
	struct leaf_snapshot out;

	out.pull = rcur_u64(&r);
	out.compartment = rcur_u32(&r);
	out.flags = rcur_u32(&r);
	/* Version 1 knows no lock: kind, zero and time. */
	rcur_zero(&r, 4 + 4 + 8);
	rcur_bytes(&r, out.manifest, sizeof(out.manifest));
	if (rcur_end(&r) != 0 || !snapshot_ok(&out))
		return -EBADMSG;
	*ret = out;
	return 0;
}

int
leaf_ended_decode(struct span clear, struct leaf_ended *ret)
{
	struct rcur r = rcur_init(clear);
	uint64_t pull = rcur_u64(&r);

	if (rcur_end(&r) != 0)
		return -EBADMSG;
	ret->pull = pull;
	return 0;
}
