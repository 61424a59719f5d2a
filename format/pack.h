/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_PACK_H
#define FORMAT_PACK_H

/* Packs, docs/format.md section 6. */

#include "format/types.h"

/* Header, 6.1. */
#define PACK_HEADER_SIZE 4096U
#define PACK_CONTEXT_SIZE 64U
#define PACK_WRAPS_MAX 4U
#define PACK_WRAP_SIZE 112U

struct pack_header {
	enum pack_kind kind;
	struct store_id store;
	uint32_t compartment; /* from 1 */
	uint32_t epoch;	      /* from 1 */
	uint32_t ordinal;     /* from 1 */
	struct pack_id pack;
	uint32_t wraps; /* 1 to PACK_WRAPS_MAX */
	uint8_t wrap[PACK_WRAPS_MAX][PACK_WRAP_SIZE];
};

/*
 * Bytes 0 to 63 of the header: context of the wraps, and the beginning of
 * all associated data. Uses wraps (the number), not wrap.
 */
void pack_context(
	const struct pack_header *header, uint8_t context[PACK_CONTEXT_SIZE]);

void pack_header_encode(
	const struct pack_header *header, uint8_t dst[PACK_HEADER_SIZE]);

/* bytes is exactly a header. */
must_check int pack_header_decode(struct span bytes, struct pack_header *ret);

/* Sealed parts, 6.2. */
#define PACK_AD_SIZE 76U

enum pack_domain {
	PACK_BLOCK = 1,
	PACK_REFS = 2,
	PACK_MAP = 3,
	PACK_TABLE = 4,
	PACK_TRAILER = 5,
};

/* plain_len is before compression; codec is raw but for blocks. */
struct pack_part {
	enum pack_domain domain;
	uint32_t number;
	enum codec codec;
	uint32_t plain_len;
};

void pack_part_ad(const uint8_t context[PACK_CONTEXT_SIZE],
	const struct pack_part *part, uint8_t ad[PACK_AD_SIZE]);
void pack_part_nonce(const struct pack_part *part, uint8_t nonce[SEAL_NONCE]);

/* Reference row, 6.4. */
#define PACK_REF_SIZE 40U

void pack_ref_encode(const struct ref *ref, uint8_t dst[PACK_REF_SIZE]);
must_check int pack_ref_decode(struct span bytes, struct ref *ret);

/* Block map row, 6.5. */
#define PACK_BLOCK_SIZE 20U

struct pack_block {
	uint32_t offset;      /* of the sealed block in the pack */
	uint32_t sealed;      /* its length with the tag */
	uint32_t refs_sealed; /* 0, or length of the references behind it */
	uint32_t plain;
	enum codec codec;
};

void pack_block_encode(
	const struct pack_block *block, uint8_t dst[PACK_BLOCK_SIZE]);
must_check int pack_block_decode(struct span bytes, struct pack_block *ret);

/* Number of references that a block carries. */
uint32_t pack_block_refs(const struct pack_block *block);

/* Table row, 6.6. */
#define PACK_ROW_SIZE 72U

struct pack_row {
	struct id id;
	uint8_t digest[16]; /* of the references; zero if none */
	uint32_t block;
	uint32_t offset; /* in the block's plain bytes */
	uint32_t length;
	uint32_t first_ref; /* in rows of the block's references */
	uint32_t refs;
	enum object_type type;
};

void pack_row_encode(const struct pack_row *row, uint8_t dst[PACK_ROW_SIZE]);
must_check int pack_row_decode(struct span bytes, struct pack_row *ret);

/*
 * 0 when the object lies within its block's plain bytes and its references
 * within the block's, else -EBADMSG.
 */
must_check int pack_row_within(
	const struct pack_row *row, const struct pack_block *block);

/* Trailer, 6.7. */
#define PACK_TRAILER_SIZE 64U
#define PACK_TRAILER_SEALED (PACK_TRAILER_SIZE + SEAL_TAG)

struct pack_trailer {
	uint32_t blocks;
	uint32_t rows;
	uint64_t map_at;
	uint64_t table_at;
	uint64_t padding_at;
};

/*
 * The trailer of a pack whose block map begins at map_at. -EFBIG when that
 * pack would be over a limit of 1.1, the parts behind the trailer included.
 */
must_check int pack_trailer_plan(uint32_t blocks, uint32_t rows,
	uint64_t map_at, struct pack_trailer *ret);

void pack_trailer_encode(
	const struct pack_trailer *trailer, uint8_t dst[PACK_TRAILER_SIZE]);

/* Numbers and offsets agree with each other when this succeeds. */
must_check int pack_trailer_decode(struct span bytes, struct pack_trailer *ret);

/* 0 when a block lies between header and block map, else -EBADMSG. */
must_check int pack_block_within(
	const struct pack_block *block, const struct pack_trailer *trailer);

/*
 * A sealed slice of block map or table: sealed bytes at offset at, rows rows
 * from row first on.
 */
struct pack_slice {
	uint64_t at;
	uint32_t sealed;
	uint32_t plain;
	uint32_t first;
	uint32_t rows;
};

/* How many slices; and slice i below that number. */
uint32_t pack_map_slices(const struct pack_trailer *trailer);
uint32_t pack_table_slices(const struct pack_trailer *trailer);
struct pack_slice pack_map_slice(
	const struct pack_trailer *trailer, uint32_t i);
struct pack_slice pack_table_slice(
	const struct pack_trailer *trailer, uint32_t i);

/* Tail, 6.8. */
#define PACK_TAIL_SIZE 64U

struct pack_tail {
	uint32_t slices;      /* of the hashed region */
	uint32_t file_slices; /* of the whole file */
	struct root root;
};

void pack_tail_encode(
	const struct pack_tail *tail, uint8_t dst[PACK_TAIL_SIZE]);
must_check int pack_tail_decode(struct span bytes, struct pack_tail *ret);

/*
 * Where the parts of a file lie. The hashed region is slices * SLICE bytes;
 * its last PACK_TRAILER_SEALED bytes, at trailer_at, are the sealed trailer;
 * the 32 * slices bytes of leaf hashes begin at tree_at; then zero bytes
 * from zero_at to tail_at.
 */
struct pack_shape {
	uint32_t slices;
	uint32_t file_slices;
	uint64_t file_size;
	uint64_t trailer_at;
	uint64_t tree_at;
	uint64_t zero_at;
	uint64_t tail_at;
};

/* The shape of a pack whose padding begins where the trailer says. */
void pack_shape_plan(
	const struct pack_trailer *trailer, struct pack_shape *ret);

/* Where the tail is. -EBADMSG for a size that no pack has. */
must_check int pack_tail_at(uint64_t file_size, uint64_t *ret_at);

/* The shape of a file of this size with this tail, or -EBADMSG. */
must_check int pack_shape_of(uint64_t file_size, const struct pack_tail *tail,
	struct pack_shape *ret);

/* 0 when the trailer's parts end where the shape has room, or -EBADMSG. */
must_check int pack_shape_check(
	const struct pack_shape *shape, const struct pack_trailer *trailer);

#endif
