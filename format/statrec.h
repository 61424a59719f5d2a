/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_STATREC_H
#define FORMAT_STATREC_H

/*
 * Stat records, docs/format.md section 11. Keys are built from hashes that
 * keys/ makes; the value is sealed and opened there.
 */

#include "format/types.h"
#include "util/buf.h"

#define STATREC_HASH 8U
#define STATREC_COMPONENTS_MAX 512U
#define STATREC_DEEP 32U
/* Most bytes of a key. */
#define STATREC_KEY_MAX                                                        \
	(1U + STATREC_HASH + 2U + STATREC_HASH * STATREC_COMPONENTS_MAX +      \
		STATREC_HASH)

/*
 * Pieces of a key. components: 8 bytes for each component of the
 * directory's path, at most STATREC_COMPONENTS_MAX of them (none: the path's
 * root), or, for a directory that is deeper, the STATREC_DEEP bytes of their
 * hash with deep set.
 */
struct statrec_key {
	uint8_t source[STATREC_HASH];
	uint16_t path;
	struct span components;
	bool deep;
	uint8_t range[STATREC_HASH]; /* zero: the first range */
};

/* Append a key. */
must_check int statrec_key_encode(struct buf *b, const struct statrec_key *key);

/* Ascending ordinals of packs, 4 bytes each, borrowed. */
struct statrec_ordinals {
	struct span bytes;
	uint32_t n;
};

/* Ordinal i < n. */
uint32_t statrec_ordinal(const struct statrec_ordinals *ordinals, uint32_t i);

/* What the first range says of its directory. */
struct statrec_directory {
	struct ref ref;
	enum object_type type; /* page or node */
	uint64_t below;
	uint64_t bytes;
	struct statrec_ordinals packs; /* of its pages */
};

/* A plain value, opened. */
struct statrec {
	uint32_t n;
	bool first;		    /* of its directory's ranges */
	uint8_t next[STATREC_HASH]; /* the next range; zero: none */
	uint8_t digest[16];
	struct statrec_directory directory; /* of the first range only */
	struct span entries;
};

struct statrec_entry {
	uint8_t hash[16];
	enum file_kind kind;
	uint8_t content; /* 0, or an enum object_type */
	uint16_t flags;	 /* of enum dirent_flag */
	uint64_t size;
	struct when mtime;
	struct when ctime;
	uint64_t inode;
	uint64_t device;
	uint32_t day;		/* of the last full read, since 1970 */
	bool has_attrs;		/* as DIRENT_ATTRS in flags says */
	struct ref content_ref; /* if content is not 0 */
	struct ref attrs_ref;	/* if has_attrs */
	struct statrec_ordinals packs;
};

/*
 * Append one entry. packs.bytes holds packs.n little-endian u32, strictly
 * ascending.
 */
must_check int statrec_entry_encode(
	struct buf *b, const struct statrec_entry *entry);

/*
 * Append a value: in->entries are in->n entries as encoded above. -EINVAL
 * when they do not ascend by hash.
 */
must_check int statrec_encode(struct buf *b, const struct statrec *in);

/* Check a whole value. */
must_check int statrec_open(struct span bytes, struct statrec *ret);

/* Start from rcur_init(statrec.entries); false at the end. */
bool statrec_next(struct rcur *at, struct statrec_entry *ret);

#endif
