/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_WRITER_INTERNAL_H
#define STORE_WRITER_INTERNAL_H

/* The writer as its own files see it: writer.c, writer_state.c, lookup.c,
 * draft.c, commit.c. */

#include "store/index.h"
#include "store/ledger_append.h"
#include "store/locality.h"
#include "store/statdb.h"
#include "store/store_read.h"
#include "store/store_write.h"

/* A sealed pack, by its ordinal. */
struct writer_pack {
	struct root root;
	uint32_t compartment;
	bool sealed;   /* else nothing here counts */
	bool listed;   /* by a live snapshot's manifest */
	bool seen;     /* its file was looked at since */
	bool gone;     /* and is not there, or was cut */
	uint64_t pull; /* that wrote it */
	uint64_t leaf; /* number of its leaf */
};

/* An open pull. */
struct writer_pull {
	uint64_t number;
	uint32_t compartment;
	char source[64];
};

struct writer_epoch {
	uint32_t compartment;
	uint32_t number;
	uint8_t pk[32];
};

/* What the ledger's leaves say. */
struct writer_state {
	struct writer_pack *packs; /* by ordinal; [0] is none */
	uint32_t npacks;	   /* ordinals below this one are there */
	struct writer_pull *pulls;
	size_t npulls;
	struct writer_epoch *epochs; /* the newest of each compartment */
	size_t nepochs;
	struct buf manifests; /* roots, oldest snapshot first */
};

void state_free(struct writer_state *s);

/* An append_leaf_fn: take in a leaf. */
struct state_ctx {
	struct writer_state *state;
	const struct key *log_key;
};
int state_leaf(void *ctx, const struct leaf *leaf, const struct root *hash,
	struct fault *f);

/* The pack of an ordinal, sealed; or NULL. */
struct writer_pack *state_pack(const struct writer_state *s, uint32_t ordinal);
must_check int state_add_pack(struct writer_state *s,
	const struct leaf_pack *pack, uint64_t leaf, struct fault *f);

const struct writer_pull *state_pull(
	const struct writer_state *s, uint64_t number);
must_check int state_open_pull(struct writer_state *s,
	const struct writer_pull *pull, struct fault *f);
void state_close_pull(struct writer_state *s, uint64_t number);

bool state_open_to_hits(const struct writer_state *s, uint32_t ordinal);

/* Read the manifests and mark what they list. */
must_check int state_mark_listed(struct writer_state *s, int storefd,
	const struct store_id *store, struct fault *f);

struct writer {
	int lockfd;
	struct store *st;
	struct vault_keys *keys;
	struct ref_keys *ref; /* one for each of keys' compartments, secmem */
	struct append *ledger;
	struct writer_state state;
	uint32_t next_ordinal;
	struct index *index;
	struct statdb *stat;
	struct locality *locality;
	struct writer_stats stats;
	bool dead; /* I9 */
};

/* NULL when the compartment's secret is not held. */
const struct ref_keys *writer_ref_keys(
	const struct writer *w, uint32_t compartment);

/* The ledger as a cache that is written now reflects it. */
struct mark writer_mark(const struct writer *w);

/* I9: a fault when the writer is dead. */
must_check int writer_alive(const struct writer *w, struct fault *f);

/* Load a pack's whole table. Faults as packs_open; -ENOKEY. */
must_check int lookup_table(struct writer *w, uint32_t ordinal,
	struct locality_table **ret, bool into_index, struct fault *f);

#endif
