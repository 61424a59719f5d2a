/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_TYPES_H
#define FORMAT_TYPES_H

/*
 * The nouns of docs/format.md and its numbers. Each is a type of its own, so
 * that a pack root cannot be passed where an id is asked for.
 *
 * Rules of the whole floor:
 * - It is pure: bytes to structs and back. It hashes, opens and seals
 *   nothing; where bytes are covered by a hash or a tag, the decoder hands
 *   back which bytes and the stored value, and the caller compares.
 * - Decoders do not allocate. Their results borrow: a struct span in a
 *   decoded struct lives as long as the bytes that were decoded.
 * - A decoder returns 0; -EBADMSG for bytes that break docs/format.md; or
 *   -EPROTONOSUPPORT where a version, suite or critical part is of a later
 *   program. After a failure its result is unchanged.
 * - An encoder returns 0; -ENOMEM; or -EINVAL for a value that the decoder
 *   would refuse. After a failure the buffer is as it was before. Encoders
 *   without a result assert instead.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/limits.h"
#include "util/span.h"

#define FORMAT_VERSION 1
#define SUITE_1 1

/* Bytes of a pack that one leaf of its slice tree covers. */
#define SLICE 65536U
/* Rows that are sealed together. */
#define TABLE_SLICE_ROWS 128U
#define BLOCKMAP_SLICE_ROWS 512U

/* What sealing adds and needs. */
#define SEAL_TAG 16U
#define SEAL_NONCE 24U

/*
 * Limits of a reader, docs/format.md 1.1; the reasons stand there. Names,
 * link targets and directory depth are in util/limits.h.
 */
#define FORMAT_BLOCK_MAX (1024U * 1024U)
#define FORMAT_CHUNK_MAX (256U * 1024U)
#define FORMAT_OBJECT_MAX (1024U * 1024U)
#define FORMAT_PACK_ROWS_MAX (1U << 20)
#define FORMAT_PACK_BLOCKS_MAX (1U << 18)
#define FORMAT_REFS_MAX 8192U
/* Of a block: no content is shorter than 4 bytes a slot. */
#define FORMAT_BLOCK_REFS_MAX (1U << 18)
#define FORMAT_PACK_MAX (1U << 30)
#define FORMAT_PACKS_MAX (1U << 24)
#define FORMAT_LEAF_MAX (64U * 1024U)
#define FORMAT_FILE_MAX ((uint64_t)INT64_MAX)

/* Id of an object. */
struct id {
	uint8_t b[32];
};

/* Pack root: names a pack's bytes. */
struct root {
	uint8_t b[32];
};

struct store_id {
	uint8_t b[16];
};

struct pack_id {
	uint8_t b[16];
};

/* Where an object lies: pack ordinal (from 1), row of its table (from 0). */
struct addr {
	uint32_t ordinal;
	uint32_t row;
};

struct ref {
	struct id id;
	struct addr addr;
};

/* Seconds since 1970-01-01T00:00:00Z; ns is 0 to 999999999. */
struct when {
	int64_t s;
	uint32_t ns;
};

/*
 * A stored checksum: its n bytes of value (16 or 32), and the borrowed bytes
 * that it covers.
 */
struct covered {
	struct span bytes;
	uint8_t value[32];
	size_t n;
};

/* Section 7. */
enum object_type {
	OBJECT_CHUNK = 1,
	OBJECT_CONTENT = 2,
	OBJECT_DIRPAGE = 3,
	OBJECT_DIRNODE = 4,
	OBJECT_ATTRS = 5,
	OBJECT_LINK = 6,
	OBJECT_SNAPROOT = 7,
	OBJECT_PROBLEMS = 8,
};

enum pack_kind {
	PACK_DATA = 1,
	PACK_META = 2,
};

enum codec {
	CODEC_RAW = 0,
	CODEC_LZ4 = 1,
};

/* Kind of a directory's entry, 7.2; 0 is none. */
enum file_kind {
	FILE_REGULAR = 1,
	FILE_DIRECTORY = 2,
	FILE_SYMLINK = 3,
	FILE_FIFO = 4,
	FILE_SOCKET = 5,
	FILE_CHAR = 6,
	FILE_BLOCK = 7,
};

/* Why something of a source is not as it was there, 7.6. */
enum problem_reason {
	PROBLEM_NOT_OPENED = 1,
	PROBLEM_NOT_READ = 2,
	PROBLEM_ATTRS = 3,
	PROBLEM_CHANGED = 4,
	PROBLEM_DIRECTORY = 5,
	PROBLEM_LINK = 6,
	PROBLEM_NOT_EXAMINED = 7,
	PROBLEM_ATTRS_LIMIT = 8,
};

/* None of these is for secrets: their time depends on the bytes. */

static inline bool
id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool
root_equal(const struct root *a, const struct root *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool
store_id_equal(const struct store_id *a, const struct store_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool
pack_id_equal(const struct pack_id *a, const struct pack_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static inline bool
addr_equal(struct addr a, struct addr b)
{
	return a.ordinal == b.ordinal && a.row == b.row;
}

static inline bool
ref_equal(const struct ref *a, const struct ref *b)
{
	return id_equal(&a->id, &b->id) && addr_equal(a->addr, b->addr);
}

#endif
