/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_CONTENT_H
#define FORMAT_CONTENT_H

/* Content nodes, docs/format.md 7.1. */

#include "format/types.h"
#include "util/buf.h"

/* Most entries that a reader takes; writers stop at CONTENT_WRITE_MAX. */
#define CONTENT_ENTRIES_MAX FORMAT_REFS_MAX
#define CONTENT_WRITE_MAX 4096U
#define CONTENT_HEAD_SIZE 16U
#define CONTENT_ENTRY_SIZE 9U

enum content_kind {
	CONTENT_DATA = 1,
	CONTENT_HOLE = 2,
	CONTENT_REPEAT = 3,
};

enum content_cutter {
	CONTENT_GEAR = 1,
	CONTENT_FIXED_16K = 2,
	CONTENT_FIXED_64K = 3,
};

/* Entries between two counts of slots. */
#define CONTENT_RANK_STEP 64U

/*
 * An opened node; borrows its bytes. rank[k] counts the data entries before
 * entry k * CONTENT_RANK_STEP, so that the slot of any entry costs at most
 * that many steps.
 */
struct content {
	struct span node;
	uint8_t level;
	enum content_cutter cutter;
	uint32_t n;
	uint32_t slots;
	uint64_t length;
	uint16_t rank[CONTENT_ENTRIES_MAX / CONTENT_RANK_STEP];
};

/*
 * One entry: bytes start to end (exclusive) of the node's span. For data and
 * repeat slot is the child's, and piece the child's length; data: piece is
 * end - start; repeat: the child's bytes again and again from start on. For
 * a hole slot and piece are 0.
 */
struct content_entry {
	enum content_kind kind;
	uint32_t index;
	uint32_t slot;
	uint64_t start;
	uint64_t end;
	uint64_t piece;
};

/* What the encoder takes of an entry. */
struct content_piece {
	enum content_kind kind;
	uint64_t end;
};

/* Check a whole node; the calls below cannot fail on what it accepts. */
must_check int content_open(struct span bytes, struct content *ret);

/* Entry i < n, in a small constant time. */
struct content_entry content_at(const struct content *node, uint32_t i);

/* The entry that holds offset < length; binary search. */
struct content_entry content_find(const struct content *node, uint64_t offset);

/* Append a node of n (1 to CONTENT_WRITE_MAX) entries. */
must_check int content_encode(struct buf *b, uint8_t level,
	enum content_cutter cutter, const struct content_piece *piece,
	size_t n);

#endif
