/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger's part of the scrub: leaves, tiles, frames. */
#include "store/scrub_internal.h"

#include "format/keyblob.h"
#include "store/frames.h"
#include "store/layout.h"
#include "store/store_internal.h"
#include "store/tree.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
no_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
}

/* ---- leaves ---- */

/* The copy of a leaf's clear part in keys/. */
static int
check_copy(struct scrub *s, const char *base, struct span want, struct fault *f)
{
	_cleanup_buf_ struct buf have = BUF_INIT;
	struct fault bad = {.code = FAULT_NONE};
	char name[LAYOUT_NAME + 8];
	int err;

	snprintf(name, sizeof(name), LAYOUT_KEYS "/%s", base);
	err = io_read_file(store_dirfd(s->st), name, FORMAT_LEAF_MAX, &have);
	if (err == -ENOMEM ||
		buf_append(&s->names, base, strlen(base) + 1) != 0)
		return no_memory(f);
	if (err == -ENOENT)
		(void)fault_set(&bad, FAULT_KEY_MISSING, name,
			"the copy of what the ledger holds is missing");
	else if (err < 0 && err != -EFBIG)
		(void)trouble_file(
			&bad, FAULT_KEY_DAMAGED, err, name, "reading");
	else if (err < 0 || !span_eq(buf_span(&have), want))
		(void)fault_set(&bad, FAULT_KEY_DAMAGED, name,
			"the copy differs from what the ledger holds");
	if (bad.code != FAULT_NONE)
		scrub_report(s, &bad, false);
	return 0;
}

static int
take_recipient(struct scrub *s, const struct leaf *leaf, struct fault *f)
{
	struct keyblob_recipient r;
	char name[LAYOUT_NAME];

	if (keyblob_recipient_decode(leaf->clear, &r) != 0)
		return 0;
	layout_recipient(name, r.recipient);
	return check_copy(s, name, leaf->clear, f);
}

static int
take_epoch(struct scrub *s, const struct leaf *leaf, struct fault *f)
{
	struct keyblob_epoch e;
	char name[LAYOUT_NAME];

	if (keyblob_epoch_decode(leaf->clear, &e) != 0)
		return 0;
	layout_epoch(name, e.compartment, e.epoch);
	return check_copy(s, name, leaf->clear, f);
}

int
scrub_add_pack(struct scrub *s, uint32_t ordinal, const struct root *root,
	struct fault *f)
{
	struct scrub_pack *v;

	/* Full at 0, 1, 3, 7 and so on. */
	if ((s->npacks & (s->npacks + 1)) == 0) {
		v = mem_realloc_array(s->packs, 2 * s->npacks + 1, sizeof(*v));
		if (!v)
			return no_memory(f);
		s->packs = v;
	}
	s->packs[s->npacks++] = (struct scrub_pack){ordinal, *root};
	return 0;
}

static int
take_pack(struct scrub *s, const struct leaf *leaf, struct fault *f)
{
	struct leaf_pack pack;

	if (leaf_pack_decode(leaf->clear, &pack) != 0)
		return 0;
	return scrub_add_pack(s, pack.ordinal, &pack.root, f);
}

static int
take_snapshot(struct scrub *s, const struct leaf *leaf, struct fault *f)
{
	struct scrub_snapshot *v;
	struct leaf_snapshot clear;

	if (leaf_snapshot_decode(leaf->clear, &clear) != 0)
		return 0;
	if ((s->nsnapshots & (s->nsnapshots + 1)) == 0) {
		v = mem_realloc_array(
			s->snapshots, 2 * s->nsnapshots + 1, sizeof(*v));
		if (!v)
			return no_memory(f);
		s->snapshots = v;
	}
	v = &s->snapshots[s->nsnapshots++];
	*v = (struct scrub_snapshot){.number = leaf->number};
	memcpy(v->manifest.b, clear.manifest, sizeof(v->manifest.b));
	return 0;
}

static int
take_leaf(struct scrub *s, const struct leaf *leaf, struct fault *f)
{
	switch (leaf->type) {
	case LEAF_RECIPIENT:
		return take_recipient(s, leaf, f);
	case LEAF_EPOCH:
		return take_epoch(s, leaf, f);
	case LEAF_PACK:
		return take_pack(s, leaf, f);
	case LEAF_SNAPSHOT:
		return take_snapshot(s, leaf, f);
	case LEAF_STORE:
	case LEAF_PULL:
	case LEAF_ENDED:
		break;
	}
	return 0;
}

static int
compare_packs(const void *a, const void *b)
{
	const struct scrub_pack *x = a, *y = b;

	return memcmp(x->root.b, y->root.b, sizeof(x->root.b));
}

void
scrub_sort_packs(struct scrub *s)
{
	if (s->npacks > 0)
		qsort(s->packs, s->npacks, sizeof(*s->packs), compare_packs);
}

const struct scrub_pack *
scrub_find_pack(const struct scrub *s, const struct root *root)
{
	const struct scrub_pack key = {.root = *root};

	if (s->npacks == 0)
		return NULL;
	return bsearch(&key, s->packs, s->npacks, sizeof(key), compare_packs);
}

int
scrub_leaves(struct scrub *s, struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (uint64_t n = 0; n < store_leaves(s->st); n++) {
		struct fault bad = {.code = FAULT_NONE};
		struct leaf leaf;
		int err = store_leaf(s->st, n, &b, &leaf, NULL, &bad);

		if (err == -ENOMEM)
			return no_memory(f);
		if (err == 0) {
			s->result.leaves++;
			err = take_leaf(s, &leaf, f);
			if (err < 0)
				return err;
		} else {
			s->lost = true;
			scrub_report(s, &bad, false);
		}
	}
	scrub_sort_packs(s);
	s->result.snapshots = s->nsnapshots;
	return 0;
}

/* ---- tiles ---- */

/* One tile file must begin with these; what follows is not signed yet. */
static int
check_tiles(
	struct scrub *s, unsigned int level, struct span want, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ uint8_t *have = mem_alloc(want.n);
	struct fault bad = {.code = FAULT_NONE}, more = {.code = FAULT_NONE};
	char base[LAYOUT_NAME], name[LAYOUT_NAME + 8];
	uint64_t size = 0;
	int err;

	layout_hashes(base, level);
	snprintf(name, sizeof(name), LAYOUT_LEDGER "/%s", base);
	if (!have)
		return no_memory(f);
	fd = io_open_regular(store_dirfd(s->st), name, O_RDONLY, 0);
	if (fd == -ENOENT && want.n == 0)
		return 0;
	err = fd < 0 ? fd : io_pread_full(fd, have, want.n, 0);
	if (err == 0)
		err = io_file_size(fd, &size);
	if (err == 0 && size > want.n) {
		(void)fault_set(&more, FAULT_LEDGER_TORN, name,
			"%" PRIu64 " bytes behind the hashes of signed leaves",
			size - want.n);
		scrub_report(s, &more, true);
	}
	if (err == -ENOENT || err == -ENODATA)
		(void)fault_set(&bad, FAULT_LEDGER_DAMAGED, name,
			"hashes are missing; leaves prove themselves "
			"without, and the next pull writes them again");
	else if (err < 0)
		(void)trouble_file(
			&bad, FAULT_LEDGER_DAMAGED, err, name, "reading");
	else if (want.n > 0 && memcmp(have, want.p, want.n) != 0)
		(void)fault_set(&bad, FAULT_LEDGER_DAMAGED, name,
			"hashes differ from the leaves'; leaves prove "
			"themselves without, and the next pull writes them "
			"again");
	if (bad.code != FAULT_NONE)
		scrub_report(s, &bad, false);
	return 0;
}

int
scrub_tiles(struct scrub *s, struct fault *f)
{
	_cleanup_free_ struct tree *t = mem_zalloc(sizeof(*t));
	struct ledger *l = store_ledger_peek(s->st);
	struct buf want[TREE_LEVELS] = {{NULL, 0, 0}};
	int err = t ? 0 : -ENOMEM;

	for (uint64_t n = 0; n < ledger_size(l) && err == 0; n++) {
		struct root hash, tops[TREE_LEVELS];
		unsigned int levels;

		err = ledger_hash(l, n, &hash, f);
		if (err < 0)
			break;
		levels = tree_add(t, &hash, tops);
		for (unsigned int i = 0; i < levels && err == 0; i++)
			err = buf_append(&want[i], &tops[i], sizeof(tops[i]));
	}
	for (unsigned int i = 0; i < TREE_LEVELS; i++) {
		if (err == 0)
			err = check_tiles(s, i, buf_span(&want[i]), f);
		buf_free(&want[i]);
	}
	return err == -ENOMEM ? no_memory(f) : err;
}

/* ---- frames ---- */

struct ledger *
scrub_ledger_now(struct scrub *s)
{
	struct fault bad = {.code = FAULT_NONE};
	struct ledger *l = NULL;

	if (ledger_open(store_dirfd(s->st), store_id_peek(s->st),
		    store_ledger_pk_peek(s->st), &l, &bad) < 0)
		return NULL;
	return l;
}

/* A crash leaves at most one whole leaf that is not signed: each append signs.
 * More of them were signed once. What a running pull has signed since the
 * store was opened does not count. */
static void
judge_unsigned(struct scrub *s, const char *name, uint64_t leaves)
{
	_cleanup_(ledger_closep) struct ledger *now = NULL;
	struct fault bad = {.code = FAULT_NONE};
	uint64_t size = store_leaves(s->st), n = leaves - size;

	if (n > 1) {
		now = scrub_ledger_now(s);
		if (now)
			size = ledger_size(now);
		n = leaves > size ? leaves - size : 0;
	}
	if (n > 1) {
		(void)fault_set(&bad, FAULT_CHECKPOINT_DAMAGED,
			LAYOUT_LEDGER "/" LAYOUT_CHECKPOINT,
			"%" PRIu64 " leaves behind it: an older checkpoint "
			"was put back",
			n);
		scrub_report(s, &bad, false);
		return;
	}
	(void)fault_set(&bad, FAULT_LEDGER_TORN, name,
		"%" PRIu64 " leaves are not signed yet",
		leaves - store_leaves(s->st));
	scrub_report(s, &bad, true);
}

static void
judge_torn(struct scrub *s, const char *name, uint64_t torn)
{
	struct fault bad = {.code = FAULT_NONE};
	bool crash = torn <= FRAMES_TORN_TAKEN;

	(void)fault_set(&bad, crash ? FAULT_LEDGER_TORN : FAULT_LEDGER_DAMAGED,
		name, "%" PRIu64 " bytes behind the last leaf are torn%s", torn,
		crash ? "" : ", which is more than a crash leaves");
	scrub_report(s, &bad, crash);
}

/* What stands in a leaves file behind the signed leaves, or between leaves. */
static void
judge_file(struct scrub *s, const char *name, const struct frames *fr,
	const struct frames_walk *walk, uint64_t first, uint64_t want)
{
	struct fault bad = {.code = FAULT_NONE};

	if (walk->n < want) {
		(void)fault_set(&bad, FAULT_LEDGER_DAMAGED, name,
			"the bytes at %" PRIu64 " are neither leaf nor pad",
			walk->end);
		scrub_report(s, &bad, false);
		return;
	}
	if (walk->n > want && (walk->n > want + 1 || walk->end == fr->size))
		judge_unsigned(s, name, first + walk->n);
	if (walk->end < fr->size)
		judge_torn(s, name, fr->size - walk->end);
}

int
scrub_frames(struct scrub *s, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	uint64_t size = store_leaves(s->st);

	fd = io_openat(
		store_dirfd(s->st), LAYOUT_LEDGER, O_RDONLY | O_DIRECTORY, 0);
	/* Up to the file of the next leaf: it may be there. */
	for (uint64_t file = 0; file <= size / LEAF_FILE_LEAVES; file++) {
		_cleanup_frames_ struct frames fr = FRAMES_INIT;
		_cleanup_(frames_walk_free) struct frames_walk walk = {
			NULL, 0, 0};
		uint64_t first = file * LEAF_FILE_LEAVES;
		uint64_t want = size - first < LEAF_FILE_LEAVES
					? size - first
					: LEAF_FILE_LEAVES;
		char base[LAYOUT_NAME], name[LAYOUT_NAME + 8];
		int err;

		layout_leaves(base, file);
		snprintf(name, sizeof(name), LAYOUT_LEDGER "/%s", base);
		err = fd < 0 ? fd : frames_open(fd, file, O_RDONLY, &fr);
		/* Its leaves were reported, if it has any. */
		if (err == -ENOENT)
			continue;
		if (err == 0)
			err = frames_walk(&fr, first, &walk);
		if (err == -ENOMEM)
			return no_memory(f);
		if (err < 0) {
			struct fault bad = {.code = FAULT_NONE};

			(void)trouble_file(&bad, FAULT_LEDGER_DAMAGED, err,
				name, "reading");
			scrub_report(s, &bad, false);
		} else {
			judge_file(s, name, &fr, &walk, first, want);
		}
	}
	return 0;
}
