/* SPDX-License-Identifier: Apache-2.0 */
#include "format/pack.h"

#include <assert.h>

#include "format/field.h"

/*
 * The end of a pack file, docs/format.md 6.8: hashed region, slice tree, zero
 * bytes, tail. Everything follows from the number of hashed slices.
 */

static const char tail_magic[8] = {'M', 'U', 'N', 'I', 'T', 'A', 'I', 'L'};

#define LEAF_HASH 32U

static uint64_t
slices_for(uint64_t bytes)
{
	return (bytes + SLICE - 1) / SLICE;
}

static void
shape_fill(uint64_t slices, struct pack_shape *ret)
{
	uint64_t all = slices + slices_for(slices * LEAF_HASH + PACK_TAIL_SIZE);

	/* The limits of 1.1 keep both far below. */
	assert(all <= UINT32_MAX);
	ret->slices = (uint32_t)slices;
	ret->file_slices = (uint32_t)all;
	ret->file_size = all * SLICE;
	ret->trailer_at = slices * SLICE - PACK_TRAILER_SEALED;
	ret->tree_at = slices * SLICE;
	ret->zero_at = ret->tree_at + slices * LEAF_HASH;
	ret->tail_at = ret->file_size - PACK_TAIL_SIZE;
}

void
pack_shape_plan(const struct pack_trailer *trailer, struct pack_shape *ret)
{
	shape_fill(slices_for(trailer->padding_at + PACK_TRAILER_SEALED), ret);
}

/* At least one hashed slice, the tree and the tail, in a known shape. */
static bool
tail_ok(const struct pack_tail *tail)
{
	struct pack_shape shape;

	if (tail->slices == 0 || tail->slices > FORMAT_PACK_MAX / SLICE)
		return false;
	shape_fill(tail->slices, &shape);
	return shape.file_slices == tail->file_slices &&
	       shape.file_size <= FORMAT_PACK_MAX;
}

void
pack_tail_encode(const struct pack_tail *tail, uint8_t dst[PACK_TAIL_SIZE])
{
	struct wcur w = wcur_init(dst, PACK_TAIL_SIZE);

	assert(tail_ok(tail));
	wcur_bytes(&w, tail_magic, sizeof(tail_magic));
	wcur_u32(&w, tail->slices);
	wcur_u32(&w, tail->file_slices);
	wcur_zero(&w, 8);
	wcur_bytes(&w, tail->root.b, sizeof(tail->root.b));
	wcur_zero(&w, 8);
	assert(!w.bad && w.at == PACK_TAIL_SIZE);
}

int
pack_tail_decode(struct span bytes, struct pack_tail *ret)
{
	struct rcur r = rcur_init(bytes);
	struct pack_tail tail;

	if (!span_eq(rcur_span(&r, 8), span_of(tail_magic, 8)))
		return -EBADMSG;
	tail.slices = rcur_u32(&r);
	tail.file_slices = rcur_u32(&r);
	rcur_zero(&r, 8);
	field_get_root(&r, &tail.root);
	rcur_zero(&r, 8);
	if (rcur_end(&r) != 0 || !tail_ok(&tail))
		return -EBADMSG;
	*ret = tail;
	return 0;
}

int
pack_tail_at(uint64_t file_size, uint64_t *ret_at)
{
	if (file_size % SLICE != 0 || file_size < 2 * (uint64_t)SLICE ||
		file_size > FORMAT_PACK_MAX)
		return -EBADMSG;
	*ret_at = file_size - PACK_TAIL_SIZE;
	return 0;
}

int
pack_shape_of(uint64_t file_size, const struct pack_tail *tail,
	struct pack_shape *ret)
{
	struct pack_shape shape;

	if (!tail_ok(tail))
		return -EBADMSG;
	shape_fill(tail->slices, &shape);
	if (shape.file_size != file_size)
		return -EBADMSG;
	*ret = shape;
	return 0;
}

int
pack_shape_check(
	const struct pack_shape *shape, const struct pack_trailer *trailer)
{
	struct pack_shape plan;

	/* Bounds what the sums below are made of. */
	if (trailer->padding_at > FORMAT_PACK_MAX)
		return -EBADMSG;
	pack_shape_plan(trailer, &plan);
	return plan.slices == shape->slices ? 0 : -EBADMSG;
}
