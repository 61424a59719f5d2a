/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer takes up the ledger. What the checkpoint counts is proven, leaf by
 * leaf, and never touched. Behind it, in the file of the next leaf, stands
 * what a crash left (docs/format.md 9.4):
 *
 *   signed leaves | whole frames that nobody signed | torn bytes
 *
 * A whole frame is taken over when its leaf follows and its body opens under
 * the log key; from the first one that does not, and over torn bytes, pads are
 * written.
 *
 * Those bytes are read from the page cache, which after a failed sync may hold
 * what the disk does not (I9). So they are all written once more before the
 * sync that the new checkpoint relies on.
 */
#include "store/ledger_append_internal.h"

#include "keys/digest.h"
#include "keys/log.h"
#include "store/frames.h"
#include "store/layout.h"
#include "store/store_read.h"
#include "store/trouble.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

/* Bytes that are read and written again at once. */
#define PIECE (64U * 1024U)

struct recover {
	struct append *a;
	struct store *st;
	append_leaf_fn *fn;
	void *ctx;
	struct buf tops[TREE_LEVELS]; /* what hash-L must hold */
	struct frames fr;	      /* file of the next leaf */
	struct frames_walk walk;
};

static void
recover_free(struct recover *r)
{
	for (unsigned int i = 0; i < TREE_LEVELS; i++)
		buf_free(&r->tops[i]);
	frames_close(&r->fr);
	frames_walk_free(&r->walk);
}

static int
no_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
}

static int
count(struct recover *r, const struct leaf *leaf, const struct root *hash,
	struct fault *f)
{
	struct root tops[TREE_LEVELS];
	unsigned int n = append_count(r->a, leaf, hash, tops);

	for (unsigned int i = 0; i < n; i++) {
		if (buf_append(&r->tops[i], &tops[i], sizeof(tops[i])) != 0)
			return no_memory(f);
	}
	return r->fn(r->ctx, leaf, hash, f);
}

static int
replay_signed(struct recover *r, struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (uint64_t n = 0; n < store_leaves(r->st); n++) {
		struct root hash;
		struct leaf leaf;
		int err = store_leaf(r->st, n, &b, &leaf, &hash, f);

		if (err == 0)
			err = count(r, &leaf, &hash, f);
		if (err < 0)
			return err;
	}
	r->a->signed_size = store_leaves(r->st);
	r->a->signed_last = r->a->last;
	return 0;
}

/* May this unsigned leaf be the next one? */
static bool
follows(const struct recover *r, const struct leaf *leaf)
{
	const struct append *a = r->a;

	return leaf->number == a->tree.n &&
	       store_id_equal(&leaf->store, &a->keys.store) &&
	       leaf->time >= a->time && leaf->type < APPEND_TYPES &&
	       leaf->prev == a->heads[leaf->type];
}

/* Take over frame i of the walk; *done says whether it could be. */
static int
take_over(struct recover *r, size_t i, bool *done, struct fault *f)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	struct frames_item item;
	struct root hash;
	struct leaf leaf;
	int err;

	*done = false;
	err = frames_at(&r->fr, r->walk.v[i].at, &item);
	if (err < 0)
		return trouble_io(f, err, LAYOUT_LEDGER, "reading leaves");
	if (item.kind != FRAMES_LEAF || leaf_decode(item.leaf, &leaf) != 0 ||
		!follows(r, &leaf))
		return 0;
	err = log_open(&plain, r->a->keys.log_key, leaf.ad,
		span_of(leaf.nonce.p, leaf.nonce.n + leaf.sealed.n));
	if (err == -ENOMEM)
		return no_memory(f);
	if (err < 0)
		return 0;
	digest_leaf(&hash, item.leaf);
	*done = true;
	return count(r, &leaf, &hash, f);
}

/* Append a pad that passes over [from, at) to b, whose first byte lies at
 * offset base. */
static int
add_pad(struct buf *b, uint64_t base, uint64_t from)
{
	uint8_t head[LEAF_FRAME_SIZE];
	struct span torn =
		span_of(b->p + (from - base), b->n - (size_t)(from - base));
	struct leaf_frame frame = {.kind = LEAF_FRAME_PAD,
		.length = (uint32_t)torn.n,
		.value = from};

	digest_blake2b(frame.hash, sizeof(frame.hash), &torn, 1);
	leaf_frame_encode(&frame, head);
	return buf_append(b, head, sizeof(head));
}

/* What was read as whole is written as it is. */
static int
write_again(struct recover *r, uint64_t from, uint64_t to)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	int err = buf_reserve(&b, PIECE);

	while (err == 0 && from < to) {
		size_t n = to - from < PIECE ? (size_t)(to - from) : PIECE;

		err = io_pread_full(r->fr.fd, b.p, n, from);
		if (err == 0)
			err = io_pwrite_full(r->fr.fd, b.p, n, from);
		from += n;
	}
	return err;
}

/* Bytes from base to the end of the file, and the pads that they need. An
 * unsigned frame at reject (UINT64_MAX: none) and all behind it are passed
 * over; the torn bytes get a pad of their own first, so that a reader that
 * walks up to the second one finds the way. */
static int
mend(struct recover *r, uint64_t base, uint64_t reject, struct buf *b)
{
	size_t n = (size_t)(r->fr.size - base);
	int err = buf_reserve(b, n);

	if (err == 0)
		err = io_pread_full(r->fr.fd, b->p, n, base);
	if (err < 0)
		return err;
	b->n = n;
	while (err == 0 && b->n % 8 != 0)
		err = buf_u8(b, 0);
	if (err == 0 && r->walk.end < r->fr.size)
		err = add_pad(b, base, r->walk.end);
	if (err == 0 && reject != UINT64_MAX)
		err = add_pad(b, base, reject);
	return err;
}

static int
write_tail(struct recover *r, uint64_t base, uint64_t reject, struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct append *a = r->a;
	uint64_t torn = r->fr.size - r->walk.end;
	uint64_t from = reject < r->walk.end ? reject : r->walk.end;
	int err = 0;

	if (torn > FRAMES_TORN_TAKEN)
		return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
			"%" PRIu64 " bytes behind the last leaf are torn, "
			"which is more than a crash leaves",
			torn);
	if (r->fr.size > base) {
		err = write_again(r, base, from);
		if (err == 0 && from < r->fr.size)
			err = mend(r, from, reject, &b);
		if (err == 0 && b.n > 0)
			err = io_pwrite_full(r->fr.fd, b.p, b.n, from);
		/* Nobody syncs this file again when it is full. */
		if (err == 0)
			err = io_fsync(r->fr.fd);
	}
	if (err < 0)
		return trouble_io(f, err, LAYOUT_LEDGER,
			"passing over what a crash left");
	a->end = from + b.n;
	a->fd = take_fd(&r->fr.fd);
	return 0;
}

static int
mend_file(struct recover *r, struct fault *f)
{
	struct append *a = r->a;
	uint64_t first = a->tree.n - a->tree.n % LEAF_FILE_LEAVES;
	uint64_t base = 0, reject = UINT64_MAX;
	size_t have = (size_t)(a->tree.n - first);
	bool done = true;
	int err;

	a->file = first / LEAF_FILE_LEAVES;
	err = frames_open(a->dirfd, a->file, O_RDWR, &r->fr);
	if (err == -ENOENT && have == 0)
		return 0;
	if (err == 0)
		err = frames_walk(&r->fr, first, &r->walk);
	if (err < 0)
		return trouble_file(f, FAULT_LEDGER_DAMAGED, err, LAYOUT_LEDGER,
			"reading leaves");
	if (r->walk.n < have)
		return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
			"the bytes at %" PRIu64 " of leaves-%08" PRIu64
			" are neither leaf nor pad",
			r->walk.end, a->file);
	if (have > 0)
		base = r->walk.v[have - 1].next;
	for (size_t i = have; i < r->walk.n && done; i++) {
		err = take_over(r, i, &done, f);
		if (err < 0)
			return err;
		/* A crash leaves one frame at most that nobody signed. */
		if (!done && r->walk.n - have > 1)
			return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
				"leaf %" PRIu64 " behind the checkpoint does "
				"not follow, and is not all that is there",
				a->tree.n);
		if (!done)
			reject = r->walk.v[i].at;
	}
	return write_tail(r, base, reject, f);
}

/* An older checkpoint may have more than one file behind it. */
static int
mend_tail(struct recover *r, struct fault *f)
{
	struct append *a = r->a;
	uint64_t before;
	int err;

	do {
		before = a->tree.n;
		frames_close(&r->fr);
		frames_walk_free(&r->walk);
		cleanup_close(&a->fd);
		err = mend_file(r, f);
	} while (err == 0 && a->tree.n > before &&
		 a->tree.n % LEAF_FILE_LEAVES == 0);
	return err;
}

/* Make a tile file what the leaves say, if it is not. */
static int
mend_tiles(struct recover *r, unsigned int level, struct fault *f)
{
	_cleanup_buf_ struct buf have = BUF_INIT;
	struct span want = buf_span(&r->tops[level]);
	char name[LAYOUT_NAME];
	int err;

	layout_hashes(name, level);
	/* Any failure to read it is mended as well. */
	err = io_read_file(r->a->dirfd, name, want.n, &have);
	if (err == -ENOMEM)
		return no_memory(f);
	if (want.n == 0) {
		if (err == 0 || err == -ENOENT)
			return 0;
		err = io_unlinkat(r->a->dirfd, name, 0);
	} else {
		/* Those of leaves just taken over may be in the page cache
		 * alone, as the leaves were. */
		if (err == 0 && span_eq(buf_span(&have), want) &&
			r->a->signed_size == r->a->tree.n)
			return 0;
		err = io_replace(r->a->dirfd, name, want, 0644);
	}
	return err < 0 ? trouble_file(f, FAULT_LEDGER_DAMAGED, err, name,
				 "mending hash tiles")
		       : 0;
}

/* The checkpoint, and a leaves file, may have their names in the page cache
 * alone: whoever gave them was killed before the sync. What is appended now must
 * not be durable before they are. */
static int
sync_names(const struct append *a, struct fault *f)
{
	int err = io_fsync_dirfd(a->dirfd);

	return err < 0 ? trouble_io(
				 f, err, LAYOUT_LEDGER, "making names durable")
		       : 0;
}

/*
 * Vault time counts from 1970. Every leaf would get the time of the one before
 * it; and RocksDB, which a writer opens next, ends the process.
 */
static int
check_clock(struct fault *f)
{
	if (clock_wall().sec >= 0)
		return 0;
	return fault_set(f, FAULT_LIMIT_EXCEEDED, "clock",
		"it stands before 1970, where the time of a store begins: set "
		"the vault's clock and run it again");
}

int
append_open(struct store *st, const struct append_keys *keys,
	append_leaf_fn *fn, void *ctx, struct append **ret, struct fault *f)
{
	_cleanup_append_ struct append *a = NULL;
	_cleanup_(recover_free) struct recover r = {
		.st = st, .fn = fn, .ctx = ctx, .fr = FRAMES_INIT};
	int err;

	/* Before anything is changed. */
	err = check_clock(f);
	if (err == 0)
		err = append_new(store_dirfd(st), keys, &a, f);
	if (err < 0)
		return err;
	r.a = a;
	err = sync_names(a, f);
	if (err == 0)
		err = replay_signed(&r, f);
	if (err == 0)
		err = mend_tail(&r, f);
	for (unsigned int i = 0; i < TREE_LEVELS && err == 0; i++)
		err = mend_tiles(&r, i, f);
	if (err == 0)
		err = append_sign(a, f);
	if (err < 0)
		return err;
	*ret = take_ptr(&a);
	return 0;
}
