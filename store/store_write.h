/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_STORE_WRITE_H
#define STORE_STORE_WRITE_H

#include "format/leaf.h"
#include "format/pack.h"
#include "format/types.h"
#include "keys/ref.h"
#include "store/vault_keys.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The write door: the sole writer of packs, ledger and index. It can neither
 * open a block nor remove a pack. One process at a time holds it.
 *
 * Thread rules: lookups, pull, commit and stat calls come from one thread;
 * draft_block may come from another, one at a time for each draft.
 */
struct writer;

/* What makes a new store; the blobs come from keys/recipient.h. */
struct store_seed {
	const struct vault_keys *keys;
	struct span recipient; /* recipient 1 */
	struct span epoch;     /* compartment 1, epoch 1 */
};

/*
 * Make a store in DIR, which must not exist or be an empty folder. All or
 * nothing: on failure what was made is removed again. Faults: store-exists,
 * store-not-empty, store-full, io.
 */
must_check int store_create(
	const char *dir, const struct store_seed *seed, struct fault *f);

/* How to wait for a store that another process writes to. */
struct writer_wait {
	const atomic_bool *stop; /* set by a signal: it ends the waiting */
	/* Called when there is something to wait for, with the refusal that
	 * it would be, and with NULL once the store is free. */
	void (*told)(void *ctx, const struct fault *busy);
	void *ctx;
};

/*
 * Open DIR for writing: take the lock, bring the ledger to a whole state, sweep
 * what a crash left in incoming/ and, under temporary names, in manifests/,
 * bring the index up to the ledger (rebuild it if it is lost or damaged).
 * Without wait (NULL) a store that is busy is refused; else it is waited for,
 * however long it takes, and of several that wait any may be the next. Faults:
 * those of store_open, store-busy or interrupted, those of vault_keys_load.
 */
must_check int writer_open(const char *dir, const struct writer_wait *wait,
	struct writer **ret, struct fault *f);
void writer_close(struct writer *w);

static inline void
writer_closep(struct writer **w)
{
	writer_close(*w);
}
#define _cleanup_writer_ _cleanup_(writer_closep)

/* Borrowed; live as long as w. */
const struct store_id *writer_store_peek(const struct writer *w);
const struct vault_keys *writer_keys_peek(const struct writer *w);
int writer_dirfd(const struct writer *w);

/* Number and public key of a compartment's newest epoch. */
must_check int writer_epoch(struct writer *w, uint32_t compartment,
	uint32_t *number, uint8_t pk[32], struct fault *f);

/*
 * Begin a pull of a source, or go on with the one that is open: its packs
 * stay open to hits. *pull is its number. Faults: io, store-full.
 */
must_check int writer_pull(struct writer *w, const char *source,
	uint32_t compartment, uint64_t *pull, struct fault *f);

/* ---- which of these are known? ---- */

enum lookup {
	LOOKUP_MISS,
	LOOKUP_HIT
};

/*
 * Is the object known at an address that this pull may use? Only in packs
 * open to hits, after that pack's own table showed the whole id; an object
 * with references only if those stored with it equal rows (40 bytes each),
 * id and address. Returns enum lookup, or a negative errno. A damaged pack or
 * index answers as a miss.
 */
must_check int writer_lookup(struct writer *w, uint32_t compartment,
	const struct id *id, struct span rows, struct addr *ret);

/* Is this pack open to hits, and its file there as far as its size tells? What
 * was in one that is gone is read and stored anew. */
bool writer_open_to_hits(const struct writer *w, uint32_t ordinal);

/* Look-ups asked of the index and answered by the locality cache, for tests
 * and statistics. */
struct writer_stats {
	uint64_t index_gets;
	uint64_t table_loads;
	uint64_t hits;
	uint64_t misses;
};
struct writer_stats writer_stats(const struct writer *w);

/* ---- here is a block ---- */

/* A pack that is being written in incoming/. */
struct draft;

/* Begin one. The header is made but for its wraps: the caller wraps the pack key
 * (context: draft_header_context) and hands it in before the first block. */
must_check int draft_begin(struct writer *w, enum pack_kind kind,
	uint32_t compartment, uint64_t pull, struct draft **ret,
	struct fault *f);
uint32_t draft_ordinal(const struct draft *d);
/* Bytes 0 to 63 of the header; live as long as d. */
struct span draft_header_context(const struct draft *d);
must_check int draft_wrap(struct draft *d, struct span wrap, struct fault *f);

/* One object of a block, in the order of the block. */
struct draft_object {
	struct id id;
	enum object_type type;
	uint32_t offset; /* in the block's plain bytes */
	uint32_t length;
	uint32_t nrefs; /* its rows follow those of the one before */
};

struct draft_block {
	struct span sealed; /* ciphertext and tag */
	enum codec codec;
	uint32_t plain_len;
	const struct draft_object *objects;
	uint32_t n;
	struct span refs; /* rows of 40 bytes, of all objects in order */
};

/* Append the next block. Faults: store-full, io; the draft is then only good
 * for draft_drop. */
must_check int draft_block(
	struct draft *d, const struct draft_block *b, struct fault *f);

/*
 * Seal: table, slice tree, sync, file into packs/, folder, mode and flag,
 * *pack sealed* leaf, index; in this order. d is gone afterwards, whatever
 * the result. *bytes (may be NULL) is the size of the file.
 */
must_check int draft_seal(
	struct writer *w, struct draft *d, uint64_t *bytes, struct fault *f);

/* Throw away. NULL is fine. */
void draft_drop(struct draft *d);

static inline void
draft_dropp(struct draft **d)
{
	draft_drop(*d);
}
#define _cleanup_draft_ _cleanup_(draft_dropp)

/* ---- commit this snapshot ---- */

/*
 * Write the manifest over the ordinals (ascending, each sealed; refused with
 * -EINVAL else, and pack-missing when a file is not there) and the snapshot leaf.
 * *number is the leaf's. The pull is closed.
 */
must_check int writer_commit(struct writer *w, uint64_t pull,
	uint32_t compartment, uint32_t flags, const uint32_t *ordinals,
	size_t n, const struct leaf_body *body, uint64_t *number,
	struct root *id, struct fault *f);

/* ---- stat records: sealed bytes under opaque keys ---- */

/* 0 and the value in out (cleared first), or -ENOENT. Any damage of the cache
 * reads as -ENOENT. */
must_check int writer_stat_get(
	struct writer *w, struct span key, struct buf *out);
/* Collect; written together by writer_stat_flush or at close. A failure costs
 * time only, so it is not reported. */
void writer_stat_put(struct writer *w, struct span key, struct span value);
void writer_stat_flush(struct writer *w);

#endif
