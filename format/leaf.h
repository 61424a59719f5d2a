/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_LEAF_H
#define FORMAT_LEAF_H

/* Ledger leaves and their frames, docs/format.md 9.1, 9.2 and 9.4. */

#include "format/types.h"
#include "util/buf.h"

#define LEAF_HEAD_SIZE 48U
/* Leaves of one file. */
#define LEAF_FILE_LEAVES 4096U

/* Types 8 to 21 are reserved. */
enum leaf_type {
	LEAF_STORE = 1,
	LEAF_RECIPIENT = 2,
	LEAF_EPOCH = 3,
	LEAF_PULL = 4,
	LEAF_PACK = 5,
	LEAF_SNAPSHOT = 6,
	LEAF_ENDED = 7,
};

/*
 * A leaf. clear, nonce (24 bytes), sealed and ad (the bytes before the
 * nonce, which the body's tag covers) are borrowed.
 */
struct leaf {
	enum leaf_type type;
	uint64_t number; /* from 0 */
	uint64_t time;	 /* vault time, ns since 1970 */
	uint64_t prev;	 /* number of the previous of its type plus 1, or 0 */
	struct store_id store;
	struct span clear;
	struct span nonce;
	struct span sealed;
	struct span ad;
};

/*
 * Append everything before the nonce: the associated data of the body. Uses
 * neither nonce, sealed nor ad. The caller then appends the 24 bytes of nonce
 * and the sealed body, the tag alone for an empty one.
 */
must_check int leaf_encode(struct buf *b, const struct leaf *leaf);

/*
 * Checks the clear part too: the decoder of its type will accept it.
 * -EPROTONOSUPPORT for a type that this version does not know.
 */
must_check int leaf_decode(struct span bytes, struct leaf *ret);

/*
 * Clear parts. Types 2 and 3 are a recipient blob and an epoch record of
 * format/keyblob.h.
 */
#define LEAF_STORE_SIZE 40U
#define LEAF_PULL_SIZE 8U
#define LEAF_PACK_SIZE 48U
#define LEAF_SNAPSHOT_SIZE 64U
#define LEAF_ENDED_SIZE 8U

struct leaf_store {
	uint8_t ledger_key[32];
};

struct leaf_pull {
	uint32_t compartment;
};

struct leaf_pack {
	uint32_t ordinal;
	uint32_t compartment;
	uint64_t pull;
	struct root root;
};

/* One of complete and incomplete is set. */
enum leaf_snapshot_flag {
	LEAF_COMPLETE = 1,
	LEAF_INCOMPLETE = 2,
	LEAF_SUSPICIOUS = 4,
};

struct leaf_snapshot {
	uint64_t pull;
	uint32_t compartment;
	uint32_t flags;
	uint8_t manifest[32]; /* hash of the file */
};

struct leaf_ended {
	uint64_t pull;
};

void leaf_store_encode(
	const struct leaf_store *in, uint8_t dst[LEAF_STORE_SIZE]);
void leaf_pull_encode(const struct leaf_pull *in, uint8_t dst[LEAF_PULL_SIZE]);
void leaf_pack_encode(const struct leaf_pack *in, uint8_t dst[LEAF_PACK_SIZE]);
void leaf_snapshot_encode(
	const struct leaf_snapshot *in, uint8_t dst[LEAF_SNAPSHOT_SIZE]);

must_check int leaf_store_decode(struct span clear, struct leaf_store *ret);
must_check int leaf_pull_decode(struct span clear, struct leaf_pull *ret);
must_check int leaf_pack_decode(struct span clear, struct leaf_pack *ret);
must_check int leaf_snapshot_decode(
	struct span clear, struct leaf_snapshot *ret);
must_check int leaf_ended_decode(struct span clear, struct leaf_ended *ret);

/* Longest location or cause: with the rest it fits a leaf. */
#define LEAF_TEXT_MAX 16384U

/*
 * Opened bodies. Those of types 1, 2, 3 and 5 are empty.
 */

/* Of a pull-open leaf: the source's name. */
must_check int leaf_pull_body_encode(struct buf *b, struct span source);
must_check int leaf_pull_body_decode(struct span body, struct span *ret);

/* Of a snapshot leaf, 9.2; source and location are borrowed. */
struct leaf_body {
	struct span source;
	struct span location; /* 1 to LEAF_TEXT_MAX bytes, no NUL */
	struct when clock;    /* real time at the pull's start */
	struct ref root;
	uint64_t entries;
	uint64_t files;
	uint64_t directories;
	uint64_t bytes;	     /* of files */
	uint64_t bytes_read; /* from the source */
	uint64_t bytes_added;
	uint64_t problems;
	uint32_t oldest_day; /* since 1970 */
	uint32_t duration;   /* seconds */
};

must_check int leaf_body_encode(struct buf *b, const struct leaf_body *body);
must_check int leaf_body_decode(struct span bytes, struct leaf_body *ret);

/* Frames, 9.4. */
#define LEAF_FRAME_SIZE 32U

enum leaf_frame_kind {
	LEAF_FRAME_LEAF = 1,
	LEAF_FRAME_PAD = 2,
};

/*
 * Leaf: length and number of the leaf that follows, hash of it. Pad: length
 * and offset of the bytes that are passed over, hash of them; it stands
 * right behind them.
 */
struct leaf_frame {
	enum leaf_frame_kind kind;
	uint32_t length;
	uint64_t value; /* number or offset */
	uint8_t hash[16];
};

void leaf_frame_encode(
	const struct leaf_frame *frame, uint8_t dst[LEAF_FRAME_SIZE]);

/*
 * bytes is the 32-byte head of a frame that lies at offset at of its file.
 * What follows a leaf's head is the caller's to read: leaf_frame_span bytes
 * from at on, of which those behind the leaf are zero.
 */
must_check int leaf_frame_decode(
	struct span bytes, uint64_t at, struct leaf_frame *ret);

/* Bytes from the frame's head to the next frame: a multiple of 8. */
uint64_t leaf_frame_span(const struct leaf_frame *frame);

#endif
