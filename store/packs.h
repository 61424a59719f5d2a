/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_PACKS_H
#define STORE_PACKS_H

#include "format/pack.h"
#include "format/types.h"
#include "keys/ref.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Reading sealed packs: files of any number of readers, beside a running
 * pull. A pack is believed only as far as its slices hash to the root by which
 * it was asked for. All calls on an open pack may come from several threads.
 */
struct packs_file;

/*
 * Is packs/RR/ROOT there, a regular file of a size that a pack can have?
 * Nothing is read. Faults: pack-missing, pack-damaged, io.
 */
must_check int packs_look(
	int storefd, const struct root *root, struct fault *f);

/*
 * Open packs/RR/ROOT, compute its root from the leaf hashes it carries, check
 * and read its header: store and ordinal must be as expected (ordinal 0: any).
 * Faults: pack-missing, pack-damaged, pack-foreign, io.
 */
must_check int packs_open(int storefd, const struct store_id *store,
	uint32_t ordinal, const struct root *root, struct packs_file **ret,
	struct fault *f);
void packs_close(struct packs_file *p);

static inline void
packs_closep(struct packs_file **p)
{
	packs_close(*p);
}
#define _cleanup_pack_ _cleanup_(packs_closep)

/* The header's 4,096 bytes and their meaning; live as long as p. */
struct span packs_header_bytes_peek(const struct packs_file *p);
const struct pack_header *packs_header_peek(const struct packs_file *p);

/*
 * Open the trailer with the compartment's reference keys, which must live as
 * long as p. Needed before the calls below; again is harmless. Faults:
 * pack-damaged.
 */
must_check int packs_unlock(
	struct packs_file *p, const struct ref_keys *keys, struct fault *f);
uint32_t packs_rows(const struct packs_file *p);
uint32_t packs_blocks(const struct packs_file *p);

/* Row of the table, of the block map. Opened slices are kept with p.
 * Faults: pack-damaged; -ERANGE beyond the end (object-missing). */
must_check int packs_row(struct packs_file *p, uint32_t row,
	struct pack_row *ret, struct fault *f);
must_check int packs_block(struct packs_file *p, uint32_t block,
	struct pack_block *ret, struct fault *f);

/* The block's sealed bytes as they lie in the file, appended to out; their
 * tag is what proves them. */
must_check int packs_block_bytes(struct packs_file *p,
	const struct pack_block *row, struct buf *out, struct fault *f);

/* The block's references, opened: rows of 40 bytes, appended to out. */
must_check int packs_block_refs(struct packs_file *p, uint32_t block,
	const struct pack_block *row, struct buf *out, struct fault *f);

/*
 * Check every byte of the file against its root: each slice's hash, and the
 * bytes behind them. Needs no key. on_slice (may be NULL) is told the bytes
 * done. Faults: pack-damaged, naming the first bad slice.
 */
must_check int packs_scrub(struct packs_file *p,
	void (*on_slice)(void *ctx, uint64_t bytes), void *ctx,
	struct fault *f);

/* Does the file have the immutable flag (1), only mode 0444 (0)? Negative
 * errno when it cannot be told. */
int packs_protection(int storefd, const struct root *root);

#endif
