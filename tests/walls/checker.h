/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_WALLS_CHECKER_H
#define TESTS_WALLS_CHECKER_H

/* What the files of the checker share. */

#include "format/pack.h"
#include "format/types.h"
#include "store/packs.h"
#include "store/vault_keys.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "view/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sealed pack by its ordinal: what its leaf says, and its whole table. */
struct checked_pack {
	bool sealed; /* else nothing here counts */
	bool listed; /* by a manifest */
	struct root root;
	uint32_t compartment;
	uint64_t leaf;
	uint64_t pull;
	struct packs_file *file; /* NULL: it could not be read */
	struct pack_row *row;
	struct span *refs; /* of each row, as stored */
	struct buf *block_refs;
	uint32_t rows, blocks;
};

/* A pull by the leaf that opened it. */
struct checked_pull {
	uint64_t number;
	uint32_t compartment;
	char source[64];
	bool open;
};

struct checker {
	const char *dir;
	struct session s;
	struct vault_keys *keys; /* NULL: there are none */
	struct checked_pack *pack;
	uint32_t packs; /* ordinals below this one are there */
	struct checked_pull *pull;
	size_t pulls;
	struct root root; /* of the ledger */
	/* What was looked at. */
	uint64_t objects, index_rows, stat_records, hits;
};

/* One line each; the first makes the checker end with status 1. */
void violation(const char *fmt, ...) printf_like(1, 2);
void violation_fault(const char *what, const struct fault *f);
void note(const char *fmt, ...) printf_like(1, 2);
bool violated(void);

/* The program ends when memory is short: it is a test. */
void *grown(void *p, size_t n, size_t size);

/* The pack of an ordinal, sealed, or NULL. */
struct checked_pack *pack_at(const struct checker *c, uint32_t ordinal);

/* The row at an address when there is one with this id, in a sealed pack that
 * was read; or NULL. */
const struct pack_row *row_at(const struct checker *c, const struct ref *ref);

/* Reference i of the row at an address of a pack that was read. */
struct ref ref_of(const struct checker *c, struct addr addr, uint32_t i);

/* Leaves: what they say, in order; c->pack, c->pull, c->root. */
void check_ledger(struct checker *c);
/* Tables of all packs, and where their references lead. */
void check_packs(struct checker *c);
/* Manifests against closures. */
void check_snapshots(struct checker *c);
/* cache/index and cache/stat, which are only read. */
void check_caches(struct checker *c);
/* Open the store as the next pull does, and ask it for every object. */
void check_next(struct checker *c);

#endif
