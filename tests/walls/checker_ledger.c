/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaves in their order: a pack belongs to a pull that is open, a snapshot
 * ends its own pull and lists only packs whose leaves stand before it, a source
 * has one open pull at most.
 */
#include "tests/walls/checker.h"

#include "format/leaf.h"
#include "keys/log.h"
#include "store/manifests.h"
#include "store/tree.h"
#include "util/mem.h"

#include <inttypes.h>
#include <string.h>

struct checked_pack *
pack_at(const struct checker *c, uint32_t ordinal)
{
	if (ordinal >= c->packs || !c->pack[ordinal].sealed)
		return NULL;
	return &c->pack[ordinal];
}

static struct checked_pull *
open_pull(const struct checker *c, uint64_t number)
{
	for (size_t i = 0; i < c->pulls; i++) {
		if (c->pull[i].number == number && c->pull[i].open)
			return &c->pull[i];
	}
	return NULL;
}

static void
take_pull(struct checker *c, const struct leaf *leaf)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	struct checked_pull p = {.number = leaf->number, .open = true};
	struct leaf_pull clear;
	struct span source;

	if (leaf_pull_decode(leaf->clear, &clear) != 0 ||
		log_open(&plain, unlock_log_key(c->s.access), leaf->ad,
			span_of(leaf->nonce.p,
				leaf->nonce.n + leaf->sealed.n)) != 0 ||
		leaf_pull_body_decode(buf_span(&plain), &source) != 0 ||
		source.n >= sizeof(p.source)) {
		violation("leaf %" PRIu64 ": no pull can be read from it",
			leaf->number);
		return;
	}
	p.compartment = clear.compartment;
	memcpy(p.source, source.p, source.n);
	for (size_t i = 0; i < c->pulls; i++) {
		if (c->pull[i].open &&
			c->pull[i].compartment == p.compartment &&
			strcmp(c->pull[i].source, p.source) == 0)
			violation("leaf %" PRIu64
				  ": %s has an open pull, %" PRIu64,
				leaf->number, p.source, c->pull[i].number);
	}
	c->pull = grown(c->pull, c->pulls + 1, sizeof(*c->pull));
	c->pull[c->pulls++] = p;
}

static void
take_pack(struct checker *c, const struct leaf *leaf)
{
	const struct checked_pull *pull;
	struct leaf_pack p;

	if (leaf_pack_decode(leaf->clear, &p) != 0) {
		violation("leaf %" PRIu64 ": no pack can be read from it",
			leaf->number);
		return;
	}
	pull = open_pull(c, p.pull);
	if (!pull || pull->compartment != p.compartment)
		violation("leaf %" PRIu64 ": pack %" PRIu32
			  " belongs to no open pull",
			leaf->number, p.ordinal);
	if (pack_at(c, p.ordinal))
		violation("leaf %" PRIu64 ": a second pack %" PRIu32,
			leaf->number, p.ordinal);
	if (p.ordinal >= c->packs) {
		c->pack =
			grown(c->pack, (size_t)p.ordinal + 1, sizeof(*c->pack));
		memset(c->pack + c->packs, 0,
			(p.ordinal + 1 - c->packs) * sizeof(*c->pack));
		c->packs = p.ordinal + 1;
	}
	c->pack[p.ordinal] = (struct checked_pack){.sealed = true,
		.root = p.root,
		.compartment = p.compartment,
		.leaf = leaf->number,
		.pull = p.pull};
}

/* I4, as the leaves tell it: the ledger up to here names every pack. I6: no
 * pack is hit of a pull that is not open, before some manifest lists it. */
static void
check_listed(const struct checker *c, const struct leaf *leaf,
	const struct leaf_snapshot *s)
{
	_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
	struct fault f = {.code = FAULT_NONE};
	struct root hash;

	memcpy(hash.b, s->manifest, sizeof(hash.b));
	if (manifests_load(store_dirfd(c->s.store), store_id_peek(c->s.store),
		    &hash, &m, &f) != 0) {
		violation_fault("a snapshot's manifest", &f);
		return;
	}
	if (m.m.pull != s->pull)
		violation("leaf %" PRIu64 ": its manifest is of another pull",
			leaf->number);
	for (uint32_t i = 0; i < m.m.n; i++) {
		const struct manifest_row row = manifest_at(&m.m, i);
		struct checked_pack *p = pack_at(c, row.ordinal);

		if (!p || !root_equal(&p->root, &row.root))
			violation("leaf %" PRIu64
				  ": no leaf before it seals pack %" PRIu32,
				leaf->number, row.ordinal);
		else if (!p->listed && !open_pull(c, p->pull))
			violation("I6: leaf %" PRIu64 ": it lists pack %" PRIu32
				  ", which was not open to hits",
				leaf->number, row.ordinal);
		if (p)
			p->listed = true;
	}
}

static void
take_snapshot(struct checker *c, const struct leaf *leaf)
{
	struct checked_pull *pull;
	struct leaf_snapshot s;

	if (leaf_snapshot_decode(leaf->clear, &s) != 0) {
		violation("leaf %" PRIu64 ": no snapshot can be read from it",
			leaf->number);
		return;
	}
	pull = open_pull(c, s.pull);
	if (!pull || pull->compartment != s.compartment)
		violation("leaf %" PRIu64 ": a snapshot of no open pull",
			leaf->number);
	check_listed(c, leaf, &s);
	if (pull)
		pull->open = false;
}

static void
take_ended(struct checker *c, const struct leaf *leaf)
{
	struct checked_pull *pull = NULL;
	struct leaf_ended e;

	if (leaf_ended_decode(leaf->clear, &e) == 0)
		pull = open_pull(c, e.pull);
	if (!pull)
		violation("leaf %" PRIu64 " ends no open pull", leaf->number);
	else
		pull->open = false;
}

static void
take_leaf(struct checker *c, const struct leaf *leaf)
{
	switch (leaf->type) {
	case LEAF_STORE:
	case LEAF_RECIPIENT:
	case LEAF_EPOCH:
		return; /* the session and the scrub read these */
	case LEAF_PULL:
		take_pull(c, leaf);
		return;
	case LEAF_PACK:
		take_pack(c, leaf);
		return;
	case LEAF_SNAPSHOT:
		take_snapshot(c, leaf);
		return;
	case LEAF_ENDED:
		take_ended(c, leaf);
		return;
	}
}

void
check_ledger(struct checker *c)
{
	_cleanup_free_ struct tree *t = mem_zalloc(sizeof(*t));
	_cleanup_buf_ struct buf buf = BUF_INIT;
	struct root tops[TREE_LEVELS], hash;
	uint64_t time = 0;

	for (uint64_t i = 0; t && i < store_leaves(c->s.store); i++) {
		struct fault f = {.code = FAULT_NONE};
		struct leaf leaf;

		if (store_leaf(c->s.store, i, &buf, &leaf, &hash, &f) != 0) {
			violation_fault("ledger", &f);
			continue;
		}
		if (leaf.time < time)
			violation("leaf %" PRIu64 ": its time goes back", i);
		time = leaf.time;
		(void)tree_add(t, &hash, tops);
		take_leaf(c, &leaf);
	}
	if (t)
		tree_root(t, &c->root);
}
