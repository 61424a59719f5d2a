/* SPDX-License-Identifier: Apache-2.0 */
/* The scrub's part for keys/, manifests/ and files that belong to nothing. */
#include "store/scrub_internal.h"

#include "format/hex.h"
#include "keys/secmem.h"
#include "store/layout.h"
#include "store/manifests.h"
#include "store/packs.h"
#include "store/store_internal.h"
#include "store/tree.h"
#include "store/vault_keys.h"
#include "util/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * Packs that a writer has open at a time: one for data, one for metadata
 * (pull/ingest.h). Each writer gives out ordinals from behind the highest that
 * has a leaf, one as a pack is begun, and a pack gets its name just before its
 * leaf. So what a crash leaves without one is at most so many above it.
 */
#define PACKS_OPEN 2U

/* Room for a folder's and a file's name. */
#define PATH_SIZE 400

static void
report_unknown(struct scrub *s, enum fault_code code, const char *path,
	bool harmless, const char *what)
{
	struct fault bad = {.code = FAULT_NONE};

	(void)fault_set(&bad, code, path, "%s", what);
	scrub_report(s, &bad, harmless);
}

/* ---- keys ---- */

static int
stray_key(
	struct scrub *s, const char *folder, const char *name, struct fault *f)
{
	char path[PATH_SIZE];
	size_t at = 0;

	(void)f;
	while (at < s->names.n) {
		const char *known = (const char *)s->names.p + at;

		if (strcmp(known, name) == 0)
			return 0;
		at += strlen(known) + 1;
	}
	/* A leaf that is lost may have spoken of it. */
	if (strcmp(name, LAYOUT_VAULT) == 0 || s->lost)
		return 0;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	report_unknown(s, FAULT_STORE_FOREIGN, path, name[0] == '.',
		"nothing in the ledger speaks of this file");
	return 0;
}

int
scrub_keys(struct scrub *s, struct fault *f)
{
	_cleanup_secret_ struct vault_keys *keys = NULL;
	struct fault bad = {.code = FAULT_NONE};
	int err;

	err = vault_keys_load(
		store_dirfd(s->st), store_id_peek(s->st), &keys, &bad);
	/* Who may not read it may still scrub the rest. */
	if (err < 0 && err != -EACCES)
		scrub_report(s, &bad, false);
	return scrub_each(s, LAYOUT_KEYS, stray_key, f);
}

/* ---- manifests ---- */

static int
take_manifest(struct scrub *s, struct scrub_snapshot *snap,
	const struct manifest_file *m, struct fault *f)
{
	struct fault bad = {.code = FAULT_NONE};
	char name[LAYOUT_NAME];
	bool added = false;
	int err;

	snap->ordinals = mem_array(m->m.n, sizeof(*snap->ordinals));
	if (!snap->ordinals)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_MANIFESTS, NULL);
	snap->n = m->m.n;
	s->result.manifests++;
	for (uint32_t i = 0; i < m->m.n; i++) {
		struct manifest_row row = manifest_at(&m->m, i);
		const struct scrub_pack *pack = scrub_find_pack(s, &row.root);

		snap->ordinals[i] = row.ordinal;
		if ((pack && pack->ordinal == row.ordinal) ||
			bad.code != FAULT_NONE)
			continue;
		/* The leaf that is lost may have been this pack's: the
		 * snapshot's own leaf proves the manifest as well. */
		if (s->lost && !pack) {
			err = scrub_add_pack(s, row.ordinal, &row.root, f);
			if (err < 0)
				return err;
			added = true;
			continue;
		}
		layout_manifest(name, &snap->manifest);
		(void)fault_set(&bad, FAULT_MANIFEST_DAMAGED, name,
			"it lists pack %u, of which no leaf of the ledger "
			"speaks",
			row.ordinal);
	}
	/* Once: a manifest lists a pack but once, so none was missed above. */
	if (added)
		scrub_sort_packs(s);
	if (bad.code != FAULT_NONE)
		scrub_report_needed(s, &bad, &snap->number, 1);
	return 0;
}

int
scrub_manifests(struct scrub *s, struct fault *f)
{
	for (size_t i = 0; i < s->nsnapshots; i++) {
		_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
		struct scrub_snapshot *snap = &s->snapshots[i];
		struct fault bad = {.code = FAULT_NONE};
		int err;

		err = manifests_load(store_dirfd(s->st), store_id_peek(s->st),
			&snap->manifest, &m, &bad);
		if (err == 0)
			err = take_manifest(s, snap, &m, f);
		else if (err != -ENOMEM)
			scrub_report_needed(s, &bad, &snap->number, 1);
		if (err == -ENOMEM)
			return fault_set(
				f, FAULT_NO_MEMORY, LAYOUT_MANIFESTS, NULL);
	}
	return 0;
}

/* The leaf that opens a pull is signed before anything of it is written. A
 * pull may have begun since the store was opened. */
static bool
is_unknown_pull(struct scrub *s, uint64_t pull)
{
	_cleanup_(ledger_closep) struct ledger *now = NULL;
	struct ledger *l = store_ledger_peek(s->st);
	struct fault bad = {.code = FAULT_NONE};
	enum leaf_type type;
	uint64_t prev;

	if (pull >= ledger_size(l)) {
		now = scrub_ledger_now(s);
		if (now)
			l = now;
	}
	if (pull >= ledger_size(l))
		return true;
	/* A leaf that is lost was reported, and proves nothing. */
	return ledger_kind(l, pull, &type, &prev, &bad) == 0 &&
	       type != LEAF_PULL;
}

static int
stray_manifest(
	struct scrub *s, const char *folder, const char *name, struct fault *f)
{
	_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
	struct fault bad = {.code = FAULT_NONE};
	char path[PATH_SIZE];
	struct root hash;
	int err;

	(void)f;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (name[0] == '.') {
		report_unknown(s, FAULT_LEFTOVER, path, true,
			"it has no name yet: its commit was cut off, or is "
			"going on");
		return 0;
	}
	if (hex_decode(hash.b, sizeof(hash.b), span_str(name)) != 0) {
		report_unknown(s, FAULT_MANIFEST_FOREIGN, path, false,
			"it is not named as a manifest is");
		return 0;
	}
	for (size_t i = 0; i < s->nsnapshots; i++) {
		if (root_equal(&s->snapshots[i].manifest, &hash))
			return 0;
	}
	err = manifests_load(
		store_dirfd(s->st), store_id_peek(s->st), &hash, &m, &bad);
	if (err == 0 && is_unknown_pull(s, m.m.pull)) {
		err = fault_set(&bad, FAULT_LEDGER_DAMAGED, path,
			"it belongs to pull %" PRIu64 ", which this ledger "
			"does not know: an older ledger was put back",
			m.m.pull);
	} else if (err == 0 && s->lost) {
		return 0; /* the leaf that is lost may have named it */
	} else if (err == 0) {
		(void)fault_set(&bad, FAULT_LEFTOVER, path,
			"no snapshot names it: its commit was cut off, or is "
			"going on");
	}
	scrub_report(s, &bad, err == 0);
	return 0;
}

/* ---- packs that have no leaf ---- */

/* The highest ordinal that has a leaf. */
static uint32_t
highest_ordinal(const struct scrub *s)
{
	uint32_t highest = 0;

	for (size_t i = 0; i < s->npacks; i++) {
		if (s->packs[i].ordinal > highest)
			highest = s->packs[i].ordinal;
	}
	return highest;
}

/* Given that, the same with the packs that a pull has sealed since the store
 * was opened. UINT32_MAX when it cannot be told. */
static uint32_t
highest_ordinal_now(struct scrub *s, uint32_t highest)
{
	_cleanup_(ledger_closep) struct ledger *now = scrub_ledger_now(s);
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (!now)
		return UINT32_MAX;
	for (uint64_t n = store_leaves(s->st); n < ledger_size(now); n++) {
		struct leaf_pack pack;
		struct leaf leaf;

		if (ledger_leaf(now, n, &b, &leaf, NULL, NULL) != 0)
			return UINT32_MAX;
		if (leaf.type == LEAF_PACK &&
			leaf_pack_decode(leaf.clear, &pack) == 0 &&
			pack.ordinal > highest)
			highest = pack.ordinal;
	}
	return highest;
}

static bool
is_far_above(uint32_t ordinal, uint32_t highest)
{
	return ordinal > highest && ordinal - highest > PACKS_OPEN;
}

/* A whole pack of this store that no leaf speaks of: what a crash left, or the
 * proof that the ledger was longer once. The ledger is looked at after the
 * pack: one that is sealed meanwhile has its leaf, or will have it next. */
static void
judge_leftover(struct scrub *s, const char *path, uint32_t ordinal)
{
	struct fault bad = {.code = FAULT_NONE};
	uint32_t highest = highest_ordinal(s);
	/* A leaf that is lost may have been this pack's. */
	bool older = !s->lost && is_far_above(ordinal, highest);

	if (older) {
		highest = highest_ordinal_now(s, highest);
		older = is_far_above(ordinal, highest);
	}
	if (older)
		(void)fault_set(&bad, FAULT_LEDGER_DAMAGED, path,
			"it is pack %" PRIu32 ", and the last that this ledger "
			"knows is %" PRIu32 ": an older ledger was put back",
			ordinal, highest);
	else
		(void)fault_set(&bad, FAULT_LEFTOVER, path,
			"no leaf speaks of it: a pull was cut off before, or "
			"is going on");
	scrub_report(s, &bad, !older);
}

static int
stray_pack(
	struct scrub *s, const char *folder, const char *name, struct fault *f)
{
	_cleanup_pack_ struct packs_file *p = NULL;
	struct fault bad = {.code = FAULT_NONE};
	char path[PATH_SIZE];
	struct root root;
	int err;

	(void)f;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (hex_decode(root.b, sizeof(root.b), span_str(name)) != 0 ||
		strncmp(layout_base(folder), name, 2) != 0) {
		report_unknown(s, FAULT_PACK_FOREIGN, path, false,
			"it is not named as a pack is");
		return 0;
	}
	if (scrub_find_pack(s, &root))
		return 0;
	err = packs_open(
		store_dirfd(s->st), store_id_peek(s->st), 0, &root, &p, &bad);
	if (err == 0)
		judge_leftover(s, path, packs_header_peek(p)->ordinal);
	else
		scrub_report(s, &bad, false);
	return 0;
}

static int
stray_folder(
	struct scrub *s, const char *folder, const char *name, struct fault *f)
{
	char path[PATH_SIZE];
	uint8_t byte;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (hex_decode(&byte, 1, span_str(name)) != 0) {
		report_unknown(s, FAULT_PACK_FOREIGN, path, false,
			"it is no folder of packs");
		return 0;
	}
	return scrub_each(s, path, stray_pack, f);
}

/* ---- the ledger's folder ---- */

/* One of the files of so many leaves; a crash may have made that of the
 * next. */
static bool
is_leaves(const char *name, uint64_t leaves)
{
	char known[LAYOUT_NAME];

	for (uint64_t file = 0; file <= leaves / LEAF_FILE_LEAVES; file++) {
		layout_leaves(known, file);
		if (strcmp(name, known) == 0)
			return true;
	}
	return false;
}

/* What the other steps of the scrub look at. */
static bool
is_of_ledger(struct scrub *s, const char *name)
{
	_cleanup_(ledger_closep) struct ledger *now = NULL;
	char known[LAYOUT_NAME];

	if (strcmp(name, LAYOUT_CHECKPOINT) == 0)
		return true;
	for (unsigned int level = 0; level < TREE_LEVELS; level++) {
		layout_hashes(known, level);
		if (strcmp(name, known) == 0)
			return true;
	}
	if (is_leaves(name, store_leaves(s->st)))
		return true;
	now = scrub_ledger_now(s);
	return now && is_leaves(name, ledger_size(now));
}

static int
stray_ledger(
	struct scrub *s, const char *folder, const char *name, struct fault *f)
{
	char path[PATH_SIZE];

	(void)f;
	if (is_of_ledger(s, name))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	/* A dot: a checkpoint, or tiles, on their way in. */
	report_unknown(s,
		name[0] == '.' ? FAULT_LEFTOVER : FAULT_LEDGER_DAMAGED, path,
		name[0] == '.',
		"it is no part of the ledger that the checkpoint signs");
	return 0;
}

int
scrub_strays(struct scrub *s, struct fault *f)
{
	int err = scrub_each(s, LAYOUT_MANIFESTS, stray_manifest, f);

	if (err == 0)
		err = scrub_each(s, LAYOUT_LEDGER, stray_ledger, f);
	return err < 0 ? err : scrub_each(s, LAYOUT_PACKS, stray_folder, f);
}
