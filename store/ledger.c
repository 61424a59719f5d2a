/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is believed, and why:
 *
 * - The checkpoint, by its signature under the key that the store names (and
 *   that a recipient's blob pins, store_pin).
 * - The right edge of the tiles, because the root computed from it is the
 *   checkpoint's. That is done once, at the opening, with at most 8 reads.
 * - Any other tile, because its top stands in a tile that is believed. The
 *   last one of each level is kept, so that reading in order costs one tile
 *   for 256 leaves.
 * - A leaf, because its hash stands in a tile that is believed.
 *
 * Where a leaf lies is found by reading its file once (about 1 MiB) and
 * comparing what looks like a leaf with its hash. A damaged leaf or pad
 * therefore hides no other leaf.
 */
#include "store/ledger.h"

#include "format/checkpoint.h"
#include "keys/digest.h"
#include "keys/verify.h"
#include "store/frames.h"
#include "store/layout.h"
#include "store/tree.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where a proven leaf lies. */
struct place {
	uint64_t at; /* of the leaf, not of its frame; 0: not found */
	uint64_t prev;
	uint32_t len;
	uint16_t type;
};

struct segment {
	struct place v[LEAF_FILE_LEAVES];
};

struct ledger {
	int dirfd;
	struct store_id store;
	uint64_t size;
	struct root root;
	int hashfd[TREE_LEVELS];
	int leavesfd; /* of the file that was read last */
	uint64_t leaves_file;
	struct tree edge;			  /* believed */
	uint64_t tile_no[TREE_LEVELS];		  /* UINT64_MAX: none */
	struct root tile[TREE_LEVELS][TREE_TILE]; /* believed */
	struct root *computed; /* all leaf hashes, when tiles are lost */
	struct segment **segments;
	size_t nsegments;
};

static int
leaf_fault(struct fault *f, uint64_t n, const char *what)
{
	char name[LAYOUT_NAME], object[160];

	layout_leaves(name, n / LEAF_FILE_LEAVES);
	snprintf(object, sizeof(object), LAYOUT_LEDGER "/%s leaf %" PRIu64,
		name, n);
	return fault_set(f, FAULT_LEDGER_DAMAGED, object, "%s", what);
}

/* ---- checkpoint ---- */

static int
check_signature(const struct checkpoint *cp, const struct store_id *store,
	const uint8_t pk[32], struct fault *f)
{
	uint8_t input[CHECKPOINT_KEY_INPUT], hash[32];
	const char *object = LAYOUT_LEDGER "/" LAYOUT_CHECKPOINT;
	struct span part = span_of(input, sizeof(input));

	if (!store_id_equal(&cp->store, store))
		return fault_set(f, FAULT_CHECKPOINT_FOREIGN, object,
			"it is of another store");
	checkpoint_key_input(store, pk, input);
	digest_sha256(hash, &part, 1);
	if (memcmp(hash, cp->key_hash, sizeof(cp->key_hash)) != 0)
		return fault_set(f, FAULT_CHECKPOINT_FOREIGN, object,
			"it was signed under another key");
	if (verify_message(pk, cp->text, cp->signature) != 0)
		return fault_set(f, FAULT_CHECKPOINT_DAMAGED, object,
			"its signature does not fit");
	return 0;
}

static int
load_checkpoint(struct ledger *l, const uint8_t pk[32], struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *object = LAYOUT_LEDGER "/" LAYOUT_CHECKPOINT;
	struct checkpoint cp;
	int err;

	err = io_read_file(
		l->dirfd, LAYOUT_CHECKPOINT, CHECKPOINT_SIZE_MAX, &b);
	if (err == -ENOENT)
		return fault_set(
			f, FAULT_CHECKPOINT_DAMAGED, object, "it is missing");
	if (err == -EFBIG)
		return fault_set(f, FAULT_CHECKPOINT_DAMAGED, object, NULL);
	if (err < 0)
		return trouble_file(
			f, FAULT_CHECKPOINT_DAMAGED, err, object, "reading");
	if (checkpoint_decode(buf_span(&b), &cp) != 0 || cp.size == 0)
		return fault_set(f, FAULT_CHECKPOINT_DAMAGED, object,
			"it does not read as a signed note");
	err = check_signature(&cp, &l->store, pk, f);
	if (err < 0)
		return err;
	l->size = cp.size;
	memcpy(l->root.b, cp.root, sizeof(l->root.b));
	return 0;
}

/* ---- tiles ---- */

static int
read_tops(struct ledger *l, unsigned int level, uint64_t first, size_t n,
	struct root *ret)
{
	char name[LAYOUT_NAME];

	if (l->hashfd[level] < 0) {
		layout_hashes(name, level);
		l->hashfd[level] = io_open_regular(l->dirfd, name, O_RDONLY, 0);
		if (l->hashfd[level] < 0)
			return l->hashfd[level];
	}
	return io_pread_full(
		l->hashfd[level], ret, n * sizeof(*ret), first * sizeof(*ret));
}

/* -EBADMSG when the tiles do not give the signed root. */
static int
load_edge(struct ledger *l)
{
	struct root root;

	l->edge.n = l->size;
	for (unsigned int level = 0; level < TREE_LEVELS; level++) {
		uint64_t count = l->size >> (8 * level);
		size_t n = count % TREE_TILE;

		if (n > 0 && read_tops(l, level, count - n, n,
				     l->edge.edge[level]) < 0)
			return -EBADMSG;
	}
	tree_root(&l->edge, &root);
	return root_equal(&root, &l->root) ? 0 : -EBADMSG;
}

/* Add the leaves of one file to the tree being computed. */
static int
compute_file(struct ledger *l, uint64_t file, struct tree *t,
	struct root *hashes, struct fault *f)
{
	_cleanup_frames_ struct frames fr = FRAMES_INIT;
	_cleanup_(frames_walk_free) struct frames_walk walk = {NULL, 0, 0};
	struct root tops[TREE_LEVELS];
	int err;

	err = frames_open(l->dirfd, file, O_RDONLY, &fr);
	if (err == -ENOENT)
		return leaf_fault(f, t->n, "it is missing");
	if (trouble_no_file(err))
		return leaf_fault(f, t->n, "its file is not a regular file");
	if (err == 0)
		err = frames_walk(&fr, file * LEAF_FILE_LEAVES, &walk);
	if (err < 0)
		return trouble_io(f, err, LAYOUT_LEDGER, "reading leaves");
	for (size_t i = 0; i < walk.n && t->n < l->size; i++) {
		struct frames_item item;

		err = frames_at(&fr, walk.v[i].at, &item);
		if (err < 0)
			return trouble_io(
				f, err, LAYOUT_LEDGER, "reading leaves");
		if (item.kind != FRAMES_LEAF)
			return leaf_fault(f, t->n, "it does not read");
		digest_leaf(&hashes[t->n], item.leaf);
		(void)tree_add(t, &hashes[t->n], tops);
	}
	if (t->n < l->size && t->n < (file + 1) * LEAF_FILE_LEAVES)
		return leaf_fault(f, t->n,
			"it is missing or damaged, and the tiles are lost");
	return 0;
}

/* Without tiles: all leaves must be there and give the signed root. */
static int
compute_all(struct ledger *l, struct fault *f)
{
	_cleanup_free_ struct tree *t = mem_zalloc(sizeof(*t));
	_cleanup_free_ struct root *hashes = NULL;
	struct root root;
	int err;

	/* 32 bytes a leaf; the size is signed. */
	hashes = mem_array((size_t)l->size, sizeof(*hashes));
	if (!t || !hashes)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
	for (uint64_t file = 0; t->n < l->size; file++) {
		err = compute_file(l, file, t, hashes, f);
		if (err < 0)
			return err;
	}
	tree_root(t, &root);
	if (!root_equal(&root, &l->root))
		return fault_set(f, FAULT_LEDGER_DAMAGED, LAYOUT_LEDGER,
			"its leaves do not give the signed root");
	l->computed = take_ptr(&hashes);
	return 0;
}

/* Make tile number no of a level the one that is kept. -EBADMSG when the tiles
 * are damaged. Goes up until it meets the edge or a kept tile: at most
 * TREE_LEVELS deep. */
static int
load_tile(struct ledger *l, unsigned int level, uint64_t no)
{
	struct root tile[TREE_TILE], top;
	uint64_t count = l->size >> (8 * level);

	if (l->tile_no[level] == no)
		return 0;
	if (no == count / TREE_TILE) {
		memcpy(l->tile[level], l->edge.edge[level], sizeof(tile));
		l->tile_no[level] = no;
		return 0;
	}
	if (level + 1 == TREE_LEVELS ||
		load_tile(l, level + 1, no / TREE_TILE) != 0 ||
		read_tops(l, level, no * TREE_TILE, TREE_TILE, tile) < 0)
		return -EBADMSG;
	tree_tile_top(tile, &top);
	if (!root_equal(&top, &l->tile[level + 1][no % TREE_TILE]))
		return -EBADMSG;
	memcpy(l->tile[level], tile, sizeof(tile));
	l->tile_no[level] = no;
	return 0;
}

int
ledger_hash(struct ledger *l, uint64_t n, struct root *ret, struct fault *f)
{
	int err;

	if (n >= l->size)
		return leaf_fault(f, n, "the checkpoint does not count it");
	if (!l->computed && load_tile(l, 0, n / TREE_TILE) != 0) {
		err = compute_all(l, f);
		if (err < 0)
			return err;
	}
	*ret = l->computed ? l->computed[n] : l->tile[0][n % TREE_TILE];
	return 0;
}

/* ---- leaves ---- */

/* Take what a frame holds if it is the leaf that its number says. */
static int
take_leaf(struct ledger *l, uint64_t at, const struct frames_item *item,
	struct segment *s, struct fault *f)
{
	struct place *p = &s->v[item->number % LEAF_FILE_LEAVES];
	struct root want, have;
	struct leaf leaf;
	int err;

	if (p->at > 0)
		return 0;
	err = ledger_hash(l, item->number, &want, f);
	if (err < 0)
		return err;
	digest_leaf(&have, item->leaf);
	if (!root_equal(&want, &have))
		return 0;
	/* Of a type that a later program made: it is there, and no more. */
	if (leaf_decode(item->leaf, &leaf) == 0 &&
		leaf.number == item->number) {
		p->type = (uint16_t)leaf.type;
		p->prev = leaf.prev;
	}
	p->at = at + LEAF_FRAME_SIZE;
	p->len = (uint32_t)item->leaf.n;
	return 0;
}

static int
scan_file(struct ledger *l, uint64_t file, struct segment *s, struct fault *f)
{
	_cleanup_frames_ struct frames fr = FRAMES_INIT;
	uint64_t first = file * LEAF_FILE_LEAVES, at = 0;
	uint64_t last = first + LEAF_FILE_LEAVES;
	int err;

	if (last > l->size)
		last = l->size;
	err = frames_open(l->dirfd, file, O_RDONLY, &fr);
	/* Then each of its leaves is reported when it is asked for. */
	if (err == -ENOENT)
		return 0;
	if (trouble_no_file(err))
		return leaf_fault(f, first, "its file is not a regular file");
	while (err == 0 && at < fr.size) {
		struct frames_item item;

		err = frames_at(&fr, at, &item);
		if (err < 0)
			break;
		if (item.kind == FRAMES_LEAF && item.number >= first &&
			item.number < last) {
			err = take_leaf(l, at, &item, s, f);
			if (err < 0)
				return err;
			/* The rest is not signed. */
			if (item.number + 1 == last &&
				s->v[last - 1 - first].at)
				break;
		}
		at = item.kind == FRAMES_NONE ? at + 8 : item.next;
	}
	return err < 0 ? trouble_io(f, err, LAYOUT_LEDGER, "reading leaves")
		       : 0;
}

static int
place_of(struct ledger *l, uint64_t n, struct place *ret, struct fault *f)
{
	size_t file = (size_t)(n / LEAF_FILE_LEAVES);
	_cleanup_free_ struct segment *s = NULL;
	struct root hash;
	int err;

	/* Refuses numbers beyond the signed size. */
	err = ledger_hash(l, n, &hash, f);
	if (err < 0)
		return err;
	if (file >= l->nsegments) {
		size_t want = (size_t)((l->size - 1) / LEAF_FILE_LEAVES + 1);

		l->segments = mem_array(want, sizeof(*l->segments));
		if (!l->segments)
			return fault_set(
				f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
		l->nsegments = want;
	}
	if (!l->segments[file]) {
		s = mem_zalloc(sizeof(*s));
		if (!s)
			return fault_set(
				f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
		err = scan_file(l, file, s, f);
		if (err < 0)
			return err;
		l->segments[file] = take_ptr(&s);
	}
	*ret = l->segments[file]->v[n % LEAF_FILE_LEAVES];
	return 0;
}

static int
read_leaf(struct ledger *l, uint64_t n, const struct place *p, struct buf *buf,
	struct fault *f)
{
	uint64_t file = n / LEAF_FILE_LEAVES;
	char name[LAYOUT_NAME];
	int err;

	if (l->leavesfd < 0 || l->leaves_file != file) {
		cleanup_close(&l->leavesfd);
		layout_leaves(name, file);
		l->leavesfd = io_open_regular(l->dirfd, name, O_RDONLY, 0);
		l->leaves_file = file;
	}
	buf_clear(buf);
	err = l->leavesfd < 0 ? l->leavesfd : buf_reserve(buf, p->len);
	if (err == 0)
		err = io_pread_full(l->leavesfd, buf->p, p->len, p->at);
	if (err == -ENOENT || err == -ENODATA || trouble_no_file(err))
		return leaf_fault(f, n, "it is gone");
	if (err < 0)
		return trouble_io(f, err, LAYOUT_LEDGER, "reading a leaf");
	buf->n = p->len;
	return 0;
}

int
ledger_leaf(struct ledger *l, uint64_t n, struct buf *buf, struct leaf *ret,
	struct root *hash, struct fault *f)
{
	struct root want, have;
	struct place p;
	struct leaf leaf;
	int err;

	err = place_of(l, n, &p, f);
	if (err == 0)
		err = ledger_hash(l, n, &want, f);
	if (err < 0)
		return err;
	if (p.at == 0)
		return leaf_fault(f, n, "it is missing or damaged");
	err = read_leaf(l, n, &p, buf, f);
	if (err < 0)
		return err;
	digest_leaf(&have, buf_span(buf));
	if (!root_equal(&want, &have))
		return leaf_fault(f, n, "it is damaged");
	err = leaf_decode(buf_span(buf), &leaf);
	if (err == -EPROTONOSUPPORT)
		return fault_set(f, FAULT_STORE_NEWER, LAYOUT_LEDGER,
			"leaf %" PRIu64 " is of a later kind", n);
	if (err < 0 || leaf.number != n)
		return leaf_fault(f, n, "it does not read");
	if (!store_id_equal(&leaf.store, &l->store))
		return fault_set(f, FAULT_LEDGER_FOREIGN, LAYOUT_LEDGER,
			"leaf %" PRIu64 " is of another store", n);
	*ret = leaf;
	if (hash)
		*hash = have;
	return 0;
}

int
ledger_kind(struct ledger *l, uint64_t n, enum leaf_type *type, uint64_t *prev,
	struct fault *f)
{
	struct place p;
	int err;

	err = place_of(l, n, &p, f);
	if (err < 0)
		return err;
	if (p.at == 0)
		return -EBADMSG;
	*type = (enum leaf_type)p.type;
	*prev = p.prev;
	return 0;
}

/* ---- open and close ---- */

int
ledger_open(int storefd, const struct store_id *store, const uint8_t pk[32],
	struct ledger **ret, struct fault *f)
{
	_cleanup_(ledger_closep) struct ledger *l = mem_zalloc(sizeof(*l));
	int err;

	if (!l)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
	l->dirfd = -1;
	l->leavesfd = -1;
	for (unsigned int i = 0; i < TREE_LEVELS; i++) {
		l->hashfd[i] = -1;
		l->tile_no[i] = UINT64_MAX;
	}
	l->store = *store;
	l->dirfd = io_openat(storefd, LAYOUT_LEDGER, O_RDONLY | O_DIRECTORY, 0);
	if (l->dirfd < 0)
		return trouble_folder(f, l->dirfd, LAYOUT_LEDGER);
	err = load_checkpoint(l, pk, f);
	if (err < 0)
		return err;
	if (load_edge(l) != 0) {
		err = compute_all(l, f);
		if (err < 0)
			return err;
	}
	*ret = take_ptr(&l);
	return 0;
}

void
ledger_close(struct ledger *l)
{
	if (!l)
		return;
	cleanup_close(&l->dirfd);
	cleanup_close(&l->leavesfd);
	for (unsigned int i = 0; i < TREE_LEVELS; i++)
		cleanup_close(&l->hashfd[i]);
	for (size_t i = 0; i < l->nsegments; i++)
		mem_free(l->segments[i]);
	mem_free(l->segments);
	mem_free(l->computed);
	mem_free(l);
}

uint64_t
ledger_size(const struct ledger *l)
{
	return l->size;
}
