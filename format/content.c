/* SPDX-License-Identifier: Apache-2.0 */
#include "format/content.h"

#include <assert.h>

#include "format/field.h"

/* Entry i, unchecked. */
static enum content_kind
kind_at(const struct content *node, uint32_t i)
{
	return (enum content_kind)
		node->node.p[CONTENT_HEAD_SIZE + CONTENT_ENTRY_SIZE * i];
}

static uint64_t
end_at(const struct content *node, uint32_t i)
{
	return le64_get(
		node->node.p + CONTENT_HEAD_SIZE + CONTENT_ENTRY_SIZE * i + 1);
}

static uint64_t
start_at(const struct content *node, uint32_t i)
{
	return i > 0 ? end_at(node, i - 1) : 0;
}

/* Where a check of all entries stands. */
struct walk {
	uint64_t start;
	uint64_t piece; /* length of the last data entry; 0: none yet */
};

static bool
entry_ok(const struct content *node, struct walk *walk, uint8_t kind,
	uint64_t end)
{
	uint64_t length = end - walk->start;

	if (end <= walk->start || end > node->length)
		return false;
	walk->start = end;
	switch (kind) {
	case CONTENT_DATA:
		walk->piece = length;
		return node->level > 0 || length <= FORMAT_CHUNK_MAX;
	case CONTENT_HOLE:
		return true;
	case CONTENT_REPEAT:
		return node->level == 0 && walk->piece > 0 &&
		       length % walk->piece == 0;
	default:
		return false;
	}
}

int
content_open(struct span bytes, struct content *ret)
{
	struct rcur r = rcur_init(bytes);
	struct walk walk = {0, 0};
	struct content node = {0};

	node.node = bytes;
	node.level = rcur_u8(&r);
	node.cutter = (enum content_cutter)rcur_u8(&r);
	node.n = rcur_u16(&r);
	rcur_zero(&r, 4);
	node.length = rcur_u64(&r);
	if (node.cutter < CONTENT_GEAR || node.cutter > CONTENT_FIXED_64K)
		return -EBADMSG;
	if (node.n == 0 || node.n > CONTENT_ENTRIES_MAX ||
		node.length > FORMAT_FILE_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < node.n; i++) {
		uint8_t kind = rcur_u8(&r);
		uint64_t end = rcur_u64(&r);

		if (i % CONTENT_RANK_STEP == 0)
			node.rank[i / CONTENT_RANK_STEP] = (uint16_t)node.slots;
		if (!rcur_ok(&r) || !entry_ok(&node, &walk, kind, end))
			return -EBADMSG;
		if (kind == CONTENT_DATA)
			node.slots++;
	}
	if (rcur_end(&r) != 0 || walk.start != node.length)
		return -EBADMSG;
	*ret = node;
	return 0;
}

/* Data entries before entry i. */
static uint32_t
slots_before(const struct content *node, uint32_t i)
{
	uint32_t k = i / CONTENT_RANK_STEP;
	uint32_t slots = node->rank[k];

	for (uint32_t j = k * CONTENT_RANK_STEP; j < i; j++)
		slots += kind_at(node, j) == CONTENT_DATA;
	return slots;
}

/*
 * Index of the last data entry before entry i; there is one. Steps without
 * data are passed over whole, by their ranks.
 */
static uint32_t
data_before(const struct content *node, uint32_t i)
{
	uint32_t slots = slots_before(node, i);
	uint32_t k = i / CONTENT_RANK_STEP;

	assert(slots > 0);
	if (node->rank[k] == slots) {
		while (node->rank[k] == slots)
			k--;
		i = (k + 1) * CONTENT_RANK_STEP;
	}
	do {
		i--;
	} while (kind_at(node, i) != CONTENT_DATA);
	return i;
}

struct content_entry
content_at(const struct content *node, uint32_t i)
{
	struct content_entry e = {0};
	uint32_t data;

	assert(i < node->n);
	e.kind = kind_at(node, i);
	e.index = i;
	e.start = start_at(node, i);
	e.end = end_at(node, i);
	switch (e.kind) {
	case CONTENT_DATA:
		e.slot = slots_before(node, i);
		e.piece = e.end - e.start;
		break;
	case CONTENT_REPEAT:
		data = data_before(node, i);
		e.slot = slots_before(node, i) - 1;
		e.piece = end_at(node, data) - start_at(node, data);
		break;
	case CONTENT_HOLE:
		break;
	}
	return e;
}

struct content_entry
content_find(const struct content *node, uint64_t offset)
{
	uint32_t low = 0, high = node->n - 1;

	assert(offset < node->length);
	/* The first entry whose end is above offset. */
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (end_at(node, mid) > offset)
			high = mid;
		else
			low = mid + 1;
	}
	return content_at(node, low);
}

int
content_encode(struct buf *b, uint8_t level, enum content_cutter cutter,
	const struct content_piece *piece, size_t n)
{
	struct content check;
	struct wcur w;
	int err;

	if (n == 0 || n > CONTENT_WRITE_MAX)
		return -EINVAL;
	err = field_open(b, CONTENT_HEAD_SIZE + n * CONTENT_ENTRY_SIZE, &w);
	if (err)
		return err;
	wcur_u8(&w, level);
	wcur_u8(&w, (uint8_t)cutter);
	wcur_u16(&w, (uint16_t)n);
	wcur_zero(&w, 4);
	wcur_u64(&w, piece[n - 1].end);
	for (size_t i = 0; i < n; i++) {
		wcur_u8(&w, (uint8_t)piece[i].kind);
		wcur_u64(&w, piece[i].end);
	}
	if (content_open(field_written(&w), &check) != 0)
		return -EINVAL;
	field_commit(b, &w);
	return 0;
}
