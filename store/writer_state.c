/* SPDX-License-Identifier: Apache-2.0 */
#include "store/writer_internal.h"

#include "format/field.h"
#include "format/keyblob.h"
#include "keys/log.h"
#include "store/layout.h"
#include "store/manifests.h"
#include "util/mem.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

void
state_free(struct writer_state *s)
{
	mem_free(s->packs);
	mem_free(s->pulls);
	mem_free(s->epochs);
	buf_free(&s->manifests);
	*s = (struct writer_state){.packs = NULL};
}

static int
no_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
}

static int
bad_leaf(const struct leaf *leaf, struct fault *f)
{
	return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
		"leaf %" PRIu64 " contradicts those before it", leaf->number);
}

/* ---- packs ---- */

struct writer_pack *
state_pack(const struct writer_state *s, uint32_t ordinal)
{
	if (ordinal >= s->npacks || !s->packs[ordinal].sealed)
		return NULL;
	return &s->packs[ordinal];
}

static int
grow_packs(struct writer_state *s, uint32_t ordinal, struct fault *f)
{
	uint32_t n = s->npacks > 0 ? s->npacks : 64;
	struct writer_pack *v;

	if (ordinal > FORMAT_PACKS_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, LAYOUT_PACKS,
			"a store has at most %u packs", FORMAT_PACKS_MAX);
	while (n <= ordinal)
		n *= 2;
	v = mem_realloc_array(s->packs, n, sizeof(*v));
	if (!v)
		return no_memory(f);
	memset(v + s->npacks, 0, (n - s->npacks) * sizeof(*v));
	s->packs = v;
	s->npacks = n;
	return 0;
}

int
state_add_pack(struct writer_state *s, const struct leaf_pack *pack,
	uint64_t leaf, struct fault *f)
{
	if (pack->ordinal >= s->npacks) {
		int err = grow_packs(s, pack->ordinal, f);

		if (err < 0)
			return err;
	}
	s->packs[pack->ordinal] = (struct writer_pack){.root = pack->root,
		.compartment = pack->compartment,
		.sealed = true,
		.pull = pack->pull,
		.leaf = leaf};
	return 0;
}

bool
state_open_to_hits(const struct writer_state *s, uint32_t ordinal)
{
	const struct writer_pack *p = state_pack(s, ordinal);

	return p && (p->listed || state_pull(s, p->pull));
}

/* ---- pulls ---- */

const struct writer_pull *
state_pull(const struct writer_state *s, uint64_t number)
{
	for (size_t i = 0; i < s->npulls; i++) {
		if (s->pulls[i].number == number)
			return &s->pulls[i];
	}
	return NULL;
}

int
state_open_pull(
	struct writer_state *s, const struct writer_pull *pull, struct fault *f)
{
	struct writer_pull *v =
		mem_realloc_array(s->pulls, s->npulls + 1, sizeof(*v));

	if (!v)
		return no_memory(f);
	s->pulls = v;
	v[s->npulls++] = *pull;
	return 0;
}

void
state_close_pull(struct writer_state *s, uint64_t number)
{
	for (size_t i = 0; i < s->npulls; i++) {
		if (s->pulls[i].number == number) {
			s->pulls[i] = s->pulls[--s->npulls];
			return;
		}
	}
}

/* ---- leaves ---- */

static int
take_epoch(struct writer_state *s, const struct leaf *leaf, struct fault *f)
{
	struct keyblob_epoch record;
	struct writer_epoch *e = NULL, *v;

	if (keyblob_epoch_decode(leaf->clear, &record) != 0)
		return bad_leaf(leaf, f);
	for (size_t i = 0; i < s->nepochs; i++) {
		if (s->epochs[i].compartment == record.compartment)
			e = &s->epochs[i];
	}
	if (e && record.epoch <= e->number)
		return bad_leaf(leaf, f);
	if (!e) {
		v = mem_realloc_array(s->epochs, s->nepochs + 1, sizeof(*v));
		if (!v)
			return no_memory(f);
		s->epochs = v;
		e = &v[s->nepochs++];
	}
	e->compartment = record.compartment;
	e->number = record.epoch;
	memcpy(e->pk, record.x25519, sizeof(e->pk));
	return 0;
}

static int
take_pull(const struct state_ctx *ctx, const struct leaf *leaf, struct fault *f)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	struct writer_pull pull = {.number = leaf->number};
	struct leaf_pull clear;
	struct span source;
	int err;

	err = log_open(&plain, ctx->log_key, leaf->ad,
		span_of(leaf->nonce.p, leaf->nonce.n + leaf->sealed.n));
	if (err == -ENOMEM)
		return no_memory(f);
	if (err < 0 || leaf_pull_body_decode(buf_span(&plain), &source) != 0 ||
		leaf_pull_decode(leaf->clear, &clear) != 0 ||
		source.n >= sizeof(pull.source))
		return bad_leaf(leaf, f);
	pull.compartment = clear.compartment;
	memcpy(pull.source, source.p, source.n);
	return state_open_pull(ctx->state, &pull, f);
}

static int
take_pack(struct writer_state *s, const struct leaf *leaf, struct fault *f)
{
	struct leaf_pack pack;

	if (leaf_pack_decode(leaf->clear, &pack) != 0 ||
		state_pack(s, pack.ordinal))
		return bad_leaf(leaf, f);
	return state_add_pack(s, &pack, leaf->number, f);
}

static int
take_snapshot(struct writer_state *s, const struct leaf *leaf, struct fault *f)
{
	struct leaf_snapshot clear;

	if (leaf_snapshot_decode(leaf->clear, &clear) != 0)
		return bad_leaf(leaf, f);
	state_close_pull(s, clear.pull);
	return buf_append(&s->manifests, clear.manifest, 32) != 0 ? no_memory(f)
								  : 0;
}

static int
take_ended(struct writer_state *s, const struct leaf *leaf, struct fault *f)
{
	struct leaf_ended clear;

	if (leaf_ended_decode(leaf->clear, &clear) != 0)
		return bad_leaf(leaf, f);
	state_close_pull(s, clear.pull);
	return 0;
}

int
state_leaf(void *ctx, const struct leaf *leaf, const struct root *hash,
	struct fault *f)
{
	struct state_ctx *c = ctx;

	(void)hash;
	switch (leaf->type) {
	case LEAF_STORE:
	case LEAF_RECIPIENT:
		return 0;
	case LEAF_EPOCH:
		return take_epoch(c->state, leaf, f);
	case LEAF_PULL:
		return take_pull(c, leaf, f);
	case LEAF_PACK:
		return take_pack(c->state, leaf, f);
	case LEAF_SNAPSHOT:
		return take_snapshot(c->state, leaf, f);
	case LEAF_ENDED:
		return take_ended(c->state, leaf, f);
	}
	return bad_leaf(leaf, f);
}

/* ---- manifests ---- */

static size_t
unlisted(const struct writer_state *s)
{
	size_t n = 0;

	for (uint32_t i = 0; i < s->npacks; i++)
		n += s->packs[i].sealed && !s->packs[i].listed;
	return n;
}

static size_t
mark(struct writer_state *s, const struct manifest *m)
{
	size_t n = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		struct manifest_row row = manifest_at(m, i);
		struct writer_pack *p = state_pack(s, row.ordinal);

		if (p && !p->listed && root_equal(&p->root, &row.root)) {
			p->listed = true;
			n++;
		}
	}
	return n;
}

int
state_mark_listed(struct writer_state *s, int storefd,
	const struct store_id *store, struct fault *f)
{
	size_t left = unlisted(s);

	/* From the newest: it lists most, and once all packs are listed the
	 * rest need not be read. */
	for (size_t i = s->manifests.n / 32; i-- > 0 && left > 0;) {
		_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
		struct root hash;
		int err;

		memcpy(hash.b, s->manifests.p + 32 * i, sizeof(hash.b));
		err = manifests_load(storefd, store, &hash, &m, NULL);
		if (err == -ENOMEM)
			return no_memory(f);
		/* A damaged one is for verify to report. Here it only opens
		 * fewer packs to hits: what they hold is stored again. */
		if (err == 0)
			left -= mark(s, &m.m);
	}
	return 0;
}
