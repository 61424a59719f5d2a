/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_WIRE_H
#define FORMAT_WIRE_H

/*
 * Frames between vault and agent, docs/format.md section 10. Encoders append
 * a whole frame, its head included. Decoders take a payload. When a frame may
 * come, and whether its numbers fit what came before, is the caller's matter.
 */

#include "format/directory.h"
#include "format/types.h"
#include "util/buf.h"

#define WIRE_HEAD_SIZE 8U
#define WIRE_PAYLOAD_MAX (1024U * 1024U)
#define WIRE_PROTOCOL 1
#define WIRE_BATCHES_MAX 256U
#define WIRE_PATHS_MAX 1024U
#define WIRE_PATH_MAX 4095U
#define WIRE_ENTRIES_MAX 1024U
#define WIRE_DATA_MAX (256U * 1024U)
/* Bytes of a DATA payload before the data. */
#define WIRE_DATA_HEAD 16U
/* Parent of batch 0. */
#define WIRE_NO_PARENT 0xFFFFFFFFU

enum wire_type {
	WIRE_VAULT_HELLO = 1,
	WIRE_START = 2,
	WIRE_WANT = 3,
	WIRE_CREDIT = 4,
	WIRE_STOP = 5,
	WIRE_AGENT_HELLO = 65,
	WIRE_OWNER = 66,
	WIRE_BATCH = 67,
	WIRE_ATTRS = 68,
	WIRE_LINK = 69,
	WIRE_DATA = 70,
	WIRE_HOLE = 71,
	WIRE_FILE_END = 72,
	WIRE_RESTART = 73,
	WIRE_PROBLEM = 74,
	WIRE_DONE = 75,
	WIRE_BATCH_DONE = 76,
};

enum wire_side {
	WIRE_FROM_VAULT,
	WIRE_FROM_AGENT,
};

struct wire_head {
	enum wire_type type;
	uint32_t length; /* of the payload */
};

void wire_head_encode(
	const struct wire_head *head, uint8_t dst[WIRE_HEAD_SIZE]);

/*
 * -EBADMSG for a type that this side does not send and for a length that no
 * payload of the type has: check before memory is asked for.
 */
must_check int wire_head_decode(
	struct span bytes, enum wire_side from, struct wire_head *ret);

/* True for ATTRS, LINK, DATA and HOLE, whose payload the credit counts. */
bool wire_counts(enum wire_type type);

/* Entry of a batch: what most frames are about. */
struct wire_at {
	uint32_t batch;
	uint16_t entry; /* below WIRE_ENTRIES_MAX */
};

/*
 * HELLO. Both fields come from the agent only: batches that may wait for an
 * answer (1 to WIRE_BATCHES_MAX), and its clock in seconds since 1970.
 * -EPROTONOSUPPORT for another protocol.
 */
struct wire_hello {
	uint32_t batches;
	int64_t clock;
};

must_check int wire_hello_encode(
	struct buf *b, enum wire_side from, const struct wire_hello *in);
must_check int wire_hello_decode(
	struct span payload, enum wire_side from, struct wire_hello *ret);

/* START. */
enum wire_option {
	WIRE_CROSS_DEVICES = 1,
	WIRE_SKIP_CACHEDIRS = 2,
};

struct wire_start {
	uint32_t paths; /* 1 to WIRE_PATHS_MAX */
	uint32_t excludes;
	uint16_t options;
	uint64_t credit;
	struct span strings; /* paths, then excludes */
};

/*
 * path[in->paths], exclude[in->excludes]: 1 to WIRE_PATH_MAX bytes, no NUL;
 * paths begin with a slash. in->strings is not used.
 */
must_check int wire_start_encode(struct buf *b, const struct wire_start *in,
	const struct span *path, const struct span *exclude);
must_check int wire_start_decode(struct span payload, struct wire_start *ret);

/* Start from rcur_init(start.strings): paths first; false at the end. */
bool wire_start_next(struct rcur *at, struct span *ret);

/* WANT: a byte of enum wire_want_bit for each entry of the batch. */
enum wire_want_bit {
	WIRE_WANT_CONTENT = 1,
	WIRE_WANT_ATTRS = 2,
};

struct wire_want {
	uint32_t batch;
	struct span want;
};

must_check int wire_want_encode(struct buf *b, const struct wire_want *in);
must_check int wire_want_decode(struct span payload, struct wire_want *ret);

/* CREDIT, STOP. */
must_check int wire_credit_encode(struct buf *b, uint64_t bytes);
must_check int wire_credit_decode(struct span payload, uint64_t *ret);
must_check int wire_stop_decode(struct span payload);

/* OWNER. */
must_check int wire_owner_encode(struct buf *b, const struct owner *in);
must_check int wire_owner_decode(struct span payload, struct owner *ret);

/* BATCH, 10.1. */
enum wire_batch_flag {
	WIRE_BATCH_LAST = 1,
	WIRE_BATCH_UNREAD = 2,
};

enum wire_entry_flag {
	WIRE_ENTRY_FOLLOWS = 1,
	WIRE_ENTRY_OTHER_DEVICE = 2,
	WIRE_ENTRY_CACHEDIR = 4,
	WIRE_ENTRY_UNEXAMINED = 8,
};

struct wire_batch {
	uint32_t batch;
	uint32_t parent; /* WIRE_NO_PARENT in batch 0 */
	uint16_t parent_entry;
	uint16_t flags;
	uint16_t n;
	struct span entries;
};

/* An entry of a source's directory; name is borrowed. */
struct listing {
	struct span name; /* empty in batch 0 */
	uint8_t kind;	  /* enum file_kind; 0 only when unexamined */
	uint8_t flags;
	uint16_t mode; /* the 12 permission bits */
	uint32_t user;
	uint32_t group;
	uint64_t size;
	struct when mtime;
	struct when ctime;
	uint64_t inode;
	uint64_t device;
	uint32_t links;
	uint32_t major;
	uint32_t minor;
};

/* Most bytes of an encoded listing. */
#define WIRE_LISTING_MAX (256U + 72U)

/* Append one listing, without a frame: entries of wire_batch_encode. */
must_check int wire_listing_encode(struct buf *b, const struct listing *in);

/*
 * in->entries are in->n listings as encoded above; -EINVAL when they are not
 * as the decoder wants them.
 */
must_check int wire_batch_encode(struct buf *b, const struct wire_batch *in);

/* Checks every entry; names ascend strictly within the batch. */
must_check int wire_batch_decode(struct span payload, struct wire_batch *ret);

/* Start from rcur_init(batch.entries); false at the end. */
bool wire_batch_next(struct rcur *at, struct listing *ret);

/* ATTRS: set is an attribute set of format/attrs.h, checked. */
struct wire_attrs {
	struct wire_at at;
	struct span set;
};

must_check int wire_attrs_encode(struct buf *b, const struct wire_attrs *in);
must_check int wire_attrs_decode(struct span payload, struct wire_attrs *ret);

/* LINK: target of 1 to LIMIT_LINK_TARGET bytes, no NUL. */
struct wire_link {
	struct wire_at at;
	struct span target;
};

must_check int wire_link_encode(struct buf *b, const struct wire_link *in);
must_check int wire_link_decode(struct span payload, struct wire_link *ret);

/* DATA: 1 to WIRE_DATA_MAX bytes; they end at FORMAT_FILE_MAX at most. */
struct wire_data {
	struct wire_at at;
	uint64_t offset;
	struct span bytes;
};

must_check int wire_data_decode(struct span payload, struct wire_data *ret);

/*
 * Head of frame and payload of n data bytes, for a sender that writes the
 * data from where they are.
 */
must_check int wire_data_head(struct wire_at at, uint64_t offset, size_t n,
	uint8_t dst[WIRE_HEAD_SIZE + WIRE_DATA_HEAD]);

/* HOLE: length is at least 1. */
struct wire_hole {
	struct wire_at at;
	uint64_t offset;
	uint64_t length;
};

must_check int wire_hole_encode(struct buf *b, const struct wire_hole *in);
must_check int wire_hole_decode(struct span payload, struct wire_hole *ret);

/* FILE_END. */
enum wire_end_flag {
	WIRE_END_CHANGED = 1,
	WIRE_END_UNREAD = 2,
};

struct wire_file_end {
	struct wire_at at;
	uint16_t flags;
	uint64_t size;
	struct when mtime;
	struct when ctime;
};

must_check int wire_file_end_encode(
	struct buf *b, const struct wire_file_end *in);
must_check int wire_file_end_decode(
	struct span payload, struct wire_file_end *ret);

/* RESTART. */
must_check int wire_restart_encode(struct buf *b, struct wire_at at);
must_check int wire_restart_decode(struct span payload, struct wire_at *ret);

/* PROBLEM. */
struct wire_problem {
	struct wire_at at;
	enum problem_reason reason;
	uint32_t err;
};

must_check int wire_problem_encode(
	struct buf *b, const struct wire_problem *in);
must_check int wire_problem_decode(
	struct span payload, struct wire_problem *ret);

/* DONE, BATCH_DONE. */
must_check int wire_done_encode(struct buf *b, uint64_t batches);
must_check int wire_done_decode(struct span payload, uint64_t *ret);
must_check int wire_batch_done_encode(struct buf *b, uint32_t batch);
must_check int wire_batch_done_decode(struct span payload, uint32_t *ret);

#endif
