/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FRAMES_H
#define STORE_FRAMES_H

/*
 * The frames of one leaves file, docs/format.md 9.4. Nothing here knows the
 * tree or a key: a frame that reads well is not yet a leaf to believe.
 * Internal to store/.
 */

#include "format/leaf.h"
#include "util/buf.h"
#include "util/cleanup.h"

#include <stdint.h>

/*
 * Most bytes that one pad passes over. A torn frame leaves at most 64 KiB and
 * a bit; a torn pad adds 40 bytes to it.
 */
#define FRAMES_TORN_MAX (1024U * 1024U)

/*
 * Most torn bytes that a writer passes over; the scrub calls more of them
 * damage, for the next pull would. A pad may have to pass over more than them:
 * over a whole leaf before them that does not count, and over pads that were
 * torn in their turn.
 */
#define FRAMES_TORN_TAKEN (FRAMES_TORN_MAX - 2 * FORMAT_LEAF_MAX)

/* An open leaves file, read through a window. Start from FRAMES_INIT. */
struct frames {
	int fd;
	uint64_t size;
	struct buf window;
	uint64_t window_at;
};

#define FRAMES_INIT ((struct frames){.fd = -1})
#define _cleanup_frames_ _cleanup_(frames_close)

/* -ENOENT when the file is not there; no regular file: as io_open_regular. */
must_check int frames_open(
	int ledgerfd, uint64_t file, int flags, struct frames *ret);
void frames_close(struct frames *fr);

enum frames_kind {
	FRAMES_NONE, /* no whole frame begins here */
	FRAMES_LEAF,
	FRAMES_PAD,
};

struct frames_item {
	enum frames_kind kind;
	uint64_t next;	  /* offset behind the frame */
	uint64_t number;  /* leaf: its number, as the frame says */
	uint64_t begin;	  /* pad: of the bytes that it passes over */
	struct span leaf; /* until the next call on fr */
};

/* What is at an offset that is a multiple of 8: frame hash and zero bytes are
 * checked. Negative errno only when reading fails. */
must_check int frames_at(
	struct frames *fr, uint64_t at, struct frames_item *ret);

/* Leaves in the order of the file, without those that a pad passes over. */
struct frames_place {
	uint64_t at;
	uint64_t next;
	uint32_t len; /* of the leaf */
};

struct frames_walk {
	struct frames_place *v;
	size_t n;
	uint64_t end; /* frames and pads explain every byte before */
};

/*
 * Walk the file from its first byte, whose leaf must have number first. Ends
 * at the end of the file, or where neither a frame nor a pad explains what
 * follows: end is then less than the size.
 */
must_check int frames_walk(
	struct frames *fr, uint64_t first, struct frames_walk *ret);
void frames_walk_free(struct frames_walk *walk);

/* BLAKE2b-128 over [from, to), at most FRAMES_TORN_MAX bytes. */
must_check int frames_hash(
	struct frames *fr, uint64_t from, uint64_t to, uint8_t ret[16]);

#endif
