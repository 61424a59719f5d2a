/* SPDX-License-Identifier: Apache-2.0 */
#include "format/leaf.h"

#include <assert.h>

#include "format/field.h"

static const char leaf_magic[4] = {'M', 'L', 'L', 'F'};
static const char pad_magic[4] = {'M', 'L', 'P', 'D'};

/* Least length of a leaf: its head, nothing clear, nonce and tag. */
#define LEAF_MIN (LEAF_HEAD_SIZE + SEAL_NONCE + SEAL_TAG)

void
leaf_frame_encode(const struct leaf_frame *frame, uint8_t dst[LEAF_FRAME_SIZE])
{
	struct wcur w = wcur_init(dst, LEAF_FRAME_SIZE);

	wcur_bytes(
		&w, frame->kind == LEAF_FRAME_LEAF ? leaf_magic : pad_magic, 4);
	wcur_u32(&w, frame->length);
	wcur_u64(&w, frame->value);
	wcur_bytes(&w, frame->hash, sizeof(frame->hash));
	assert(!w.bad && w.at == LEAF_FRAME_SIZE);
}

/* The pad stands right behind what it passes over. */
static bool
pad_ok(const struct leaf_frame *frame, uint64_t at)
{
	return frame->length > 0 && frame->length % 8 == 0 &&
	       frame->length <= at && frame->value == at - frame->length;
}

int
leaf_frame_decode(struct span bytes, uint64_t at, struct leaf_frame *ret)
{
	struct rcur r = rcur_init(bytes);
	struct span magic = rcur_span(&r, 4);
	struct leaf_frame frame;

	frame.kind = span_eq(magic, span_of(leaf_magic, 4)) ? LEAF_FRAME_LEAF
							    : LEAF_FRAME_PAD;
	if (frame.kind == LEAF_FRAME_PAD &&
		!span_eq(magic, span_of(pad_magic, 4)))
		return -EBADMSG;
	frame.length = rcur_u32(&r);
	frame.value = rcur_u64(&r);
	rcur_bytes(&r, frame.hash, sizeof(frame.hash));
	if (rcur_end(&r) != 0 || at % 8 != 0)
		return -EBADMSG;
	if (frame.kind == LEAF_FRAME_PAD && !pad_ok(&frame, at))
		return -EBADMSG;
	if (frame.kind == LEAF_FRAME_LEAF &&
		(frame.length < LEAF_MIN || frame.length > FORMAT_LEAF_MAX))
		return -EBADMSG;
	*ret = frame;
	return 0;
}

uint64_t
leaf_frame_span(const struct leaf_frame *frame)
{
	uint64_t n = LEAF_FRAME_SIZE;

	if (frame->kind == LEAF_FRAME_LEAF)
		n += ((uint64_t)frame->length + 7) / 8 * 8;
	return n;
}
