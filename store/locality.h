/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_LOCALITY_H
#define STORE_LOCALITY_H

/*
 * Whole tables of packs that were hit lately. Duplicates come in runs: with
 * them a second reading of known data costs one index look-up a pack and not
 * one a chunk. Internal to store/.
 */

#include "format/pack.h"
#include "format/types.h"
#include "util/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds: this many tables, and this many bytes, but always one table. */
#define LOCALITY_TABLES 24U
#define LOCALITY_BYTES ((size_t)32 << 20)

/* One pack's table, being filled or in the cache. */
struct locality_table;

struct locality_pack {
	uint32_t ordinal;
	uint32_t compartment;
	uint32_t rows;
};

/* Room for all rows. NULL when memory is short. */
struct locality_table *locality_table_new(const struct locality_pack *pack);
void locality_table_free(struct locality_table *t);

static inline void
locality_table_freep(struct locality_table **t)
{
	locality_table_free(*t);
}

/* Row number row; each once, below rows. */
void locality_table_put(
	struct locality_table *t, uint32_t row, const struct pack_row *r);

struct locality;

must_check struct locality *locality_new(void);
void locality_free(struct locality *l);

/* Takes t, which becomes the newest; older ones make room. */
void locality_add(struct locality *l, struct locality_table *t);

/* Throw a pack's table away, if it is there. */
void locality_remove(struct locality *l, uint32_t ordinal);

/* Is this pack's table here? */
bool locality_has(const struct locality *l, uint32_t ordinal);

/* An object: its id, how many references it has and their digest (of zeros
 * for none). */
struct locality_key {
	uint32_t compartment;
	struct id id;
	uint32_t refs;
	uint8_t digest[16];
};

/* Where it lies, in the table that was of use last before others. */
bool locality_find(
	struct locality *l, const struct locality_key *key, struct addr *ret);

#endif
