/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: whatever a crash leaves of the ledger's last frame, the next writer
 * brings it to a whole state and no committed leaf is lost; what is no crash's
 * work is refused and nothing signed over it. I8, I9. */
#include "tests/unit/store/lib.h"

#include "format/checkpoint.h"
#include "keys/digest.h"
#include "keys/log.h"
#include "store/layout.h"
#include "store/scrub.h"
#include "store/snapshots.h"
#include "store/tree.h"
#include "util/hook.h"
#include "util/io.h"

#include <fcntl.h>

#define LEAVES "ledger/leaves-00000000"

/* Findings of a scrub, harmless ones not counted. */
static uint64_t
scrub(const char *dir, uint64_t *notes)
{
	static const struct scrub_sink sink = {.finding = lib_finding};
	_cleanup_store_ struct store *st = NULL;
	struct scrub_result r = {.findings = 99};

	if (!CHECK(LIB_OK(store_open(dir, &st, &f))) ||
		!CHECK(LIB_OK(scrub_store(st, &sink, &r, &f))))
		return 99;
	if (notes)
		*notes = r.notes;
	return r.findings;
}

static uint64_t
leaves_of(const char *dir)
{
	_cleanup_store_ struct store *st = NULL;

	return CHECK(LIB_OK(store_open(dir, &st, &f))) ? store_leaves(st) : 0;
}

/* Open and close a writer; the number of leaves is then so many. */
static void
recover(const char *dir, uint64_t leaves)
{
	struct writer *w = NULL;

	if (!CHECK(LIB_OK(writer_open(dir, NULL, &w, &f))))
		return;
	writer_close(w);
	CHECK_EQ(leaves_of(dir), leaves);
	CHECK_EQ(scrub(dir, NULL), 0);
}

/* The store before and after one more leaf: a pull open. */
struct grown {
	struct lib_store s;
	struct buf leaves[2], checkpoint[2], tiles[2];
};

static void
keep(struct grown *g, int i)
{
	g->leaves[i] = g->checkpoint[i] = g->tiles[i] = BUF_INIT;
	lib_read(g->s.dir, LEAVES, &g->leaves[i]);
	lib_read(g->s.dir, "ledger/checkpoint", &g->checkpoint[i]);
	lib_read(g->s.dir, "ledger/hash-0", &g->tiles[i]);
}

static void
grow(struct grown *g)
{
	struct writer *w = NULL;
	uint64_t pull;

	lib_make(&g->s, "store");
	keep(g, 0);
	CHECK(LIB_OK(writer_open(g->s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	writer_close(w);
	keep(g, 1);
}

static void
grow_done(struct grown *g)
{
	for (int i = 0; i < 2; i++) {
		buf_free(&g->leaves[i]);
		buf_free(&g->checkpoint[i]);
		buf_free(&g->tiles[i]);
	}
	lib_done(&g->s);
}

/* The files as they were before, with n bytes of the later leaves. */
static void
cut(struct grown *g, size_t n)
{
	lib_write(g->s.dir, LEAVES, span_of(g->leaves[1].p, n));
	lib_write(g->s.dir, "ledger/hash-0", buf_span(&g->tiles[0]));
	lib_write(g->s.dir, "ledger/checkpoint", buf_span(&g->checkpoint[0]));
}

/* Torn at each byte of the last frame; then one more leaf can be written. */
static void
test_torn(void)
{
	struct grown g;

	grow(&g);
	for (size_t n = g.leaves[0].n; n < g.leaves[1].n; n++) {
		uint64_t pull;
		struct writer *w = NULL;

		cut(&g, n);
		CHECK_EQ(scrub(g.s.dir, NULL), 0);
		recover(g.s.dir, 3);
		if (!CHECK(LIB_OK(writer_open(g.s.dir, NULL, &w, &f))))
			break;
		CHECK(LIB_OK(writer_pull(w, "again", 1, &pull, &f)));
		CHECK_EQ(pull, 3);
		writer_close(w);
		CHECK_EQ(scrub(g.s.dir, NULL), 0);
	}
	grow_done(&g);
}

struct order {
	bool synced;
	unsigned int writes, early;
};

static int
on_order(void *ctx, enum hook_op op, size_t *len)
{
	struct order *o = ctx;

	(void)len;
	o->synced = o->synced || op == HOOK_FSYNC;
	if (op == HOOK_PWRITE) {
		o->writes++;
		o->early += !o->synced;
	}
	return 0;
}

/* A writer takes up the ledger, under a hook. */
static void
open_under(const struct grown *g, hook_fn *fn, void *ctx)
{
	struct writer *w = NULL;

	hook_set(fn, ctx);
	CHECK(LIB_OK(writer_open(g->s.dir, NULL, &w, &f)));
	hook_set(NULL, NULL);
	writer_close(w);
}

/* I9: names that a killed writer left in the page cache alone are durable before
 * anything is written behind them. */
static void
test_names_first(void)
{
	struct order o = {0};
	struct grown g;

	grow(&g);
	cut(&g, g.leaves[0].n + 9);
	open_under(&g, on_order, &o);
	CHECK(o.writes > 0);
	CHECK_EQ(o.early, 0);
	grow_done(&g);
}

struct again {
	size_t whole; /* bytes of the frame that nobody signed */
	bool written, synced;
	unsigned int later, early; /* writes of something else */
};

static int
on_again(void *ctx, enum hook_op op, size_t *len)
{
	struct again *a = ctx;

	if (op == HOOK_PWRITE && *len == a->whole && !a->written) {
		a->written = true;
	} else if (op == HOOK_PWRITE || op == HOOK_WRITE) {
		a->later++;
		a->early += !a->synced;
	}
	a->synced = a->synced || (op == HOOK_FSYNC && a->written);
	return 0;
}

/* I9: after a sync that failed, what is read may not be on the disk, and no later
 * sync brings it there: what is taken over is written once more, and durable
 * before tiles and checkpoint count it. */
static void
test_written_again(void)
{
	struct again a = {0};
	struct grown g;

	grow(&g);
	cut(&g, g.leaves[1].n);
	a.whole = g.leaves[1].n - g.leaves[0].n;
	open_under(&g, on_again, &a);
	CHECK(a.later > 0);
	CHECK_EQ(a.early, 0);
	CHECK_EQ(leaves_of(g.s.dir), 4);
	grow_done(&g);
}

/* As a power cut may leave it: whole length, any of its bytes zero; and torn
 * once more in the pad that a recovery wrote. */
static void
test_torn_twice(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT, padded = BUF_INIT;
	struct grown g;
	size_t from;

	grow(&g);
	from = g.leaves[0].n;
	CHECK_EQ(buf_append(&b, g.leaves[1].p, g.leaves[1].n), 0);
	memset(b.p + from + 40, 0, b.n - from - 40);
	cut(&g, from);
	lib_write(g.s.dir, LEAVES, buf_span(&b));
	recover(g.s.dir, 3);
	lib_read(g.s.dir, LEAVES, &padded);
	CHECK_EQ(padded.n, b.n + 32);
	for (size_t n = b.n; n < padded.n; n++) {
		cut(&g, from);
		lib_write(g.s.dir, LEAVES, span_of(padded.p, n));
		recover(g.s.dir, 3);
	}
	grow_done(&g);
}

/* Whole, but not signed: taken over, with or without its tile. */
static void
test_taken_over(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct grown g;
	uint64_t notes = 0;

	grow(&g);
	for (unsigned int i = 0; i < 2; i++) {
		cut(&g, g.leaves[1].n);
		lib_write(g.s.dir, "ledger/hash-0", buf_span(&g.tiles[i]));
		CHECK_EQ(leaves_of(g.s.dir), 3);
		CHECK_EQ(scrub(g.s.dir, &notes), 0);
		/* The leaf, and its hash where that was written too. */
		CHECK_EQ(notes, 1 + i);
		recover(g.s.dir, 4);
		/* I8: the same leaves give the same checkpoint. */
		lib_read(g.s.dir, "ledger/checkpoint", &b);
		CHECK(span_eq(buf_span(&b), buf_span(&g.checkpoint[1])));
		lib_read(g.s.dir, "ledger/hash-0", &b);
		CHECK(span_eq(buf_span(&b), buf_span(&g.tiles[1])));
	}
	grow_done(&g);
}

/* Flip one bit of the sealed body of the frame at a place; its hash fits. */
static void
spoil(struct buf *b, size_t at)
{
	struct leaf_frame frame;
	struct span leaf;

	CHECK_EQ(leaf_frame_decode(
			 span_of(b->p + at, LEAF_FRAME_SIZE), at, &frame),
		0);
	b->p[at + LEAF_FRAME_SIZE + frame.length - 1] ^= 1;
	leaf = span_of(b->p + at + LEAF_FRAME_SIZE, frame.length);
	digest_blake2b(frame.hash, sizeof(frame.hash), &leaf, 1);
	leaf_frame_encode(&frame, b->p + at);
}

/* A frame that reads well but is no leaf of ours is passed over. */
static void
test_passed_over(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct grown g;
	size_t at;

	grow(&g);
	at = g.leaves[0].n;
	for (int torn = 0; torn < 2; torn++) {
		struct writer *w = NULL;
		uint64_t pull;

		buf_clear(&b);
		CHECK_EQ(buf_append(&b, g.leaves[1].p, g.leaves[1].n), 0);
		spoil(&b, at);
		if (torn)
			CHECK_EQ(buf_append(&b, "torn", 4), 0);
		cut(&g, at);
		lib_write(g.s.dir, LEAVES, buf_span(&b));
		recover(g.s.dir, 3);
		recover(g.s.dir, 3);
		CHECK(LIB_OK(writer_open(g.s.dir, NULL, &w, &f)));
		CHECK(LIB_OK(writer_pull(w, "again", 1, &pull, &f)));
		CHECK_EQ(pull, 3);
		writer_close(w);
		recover(g.s.dir, 4);
	}
	grow_done(&g);
}

/* As many torn bytes as a writer passes over; docs/format.md, section 1.1. */
static void
add_torn(struct buf *b)
{
	const size_t most = 1024 * 1024 - 128 * 1024;

	CHECK_EQ(buf_reserve(b, most), 0);
	random_bytes(b->p + b->n, most);
	b->n += most;
}

/* Verify and the next writer agree on how much a crash may have left. */
static void
test_torn_much(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct writer *w = NULL;
	struct grown g;
	uint64_t notes = 0;

	grow(&g);
	CHECK_EQ(buf_append(&b, g.leaves[1].p, g.leaves[1].n), 0);
	add_torn(&b);
	/* Behind a leaf that is signed, and behind one that is not. */
	for (int i = 0; i < 2; i++) {
		lib_write(g.s.dir, LEAVES, buf_span(&b));
		if (i == 1)
			lib_write(g.s.dir, "ledger/checkpoint",
				buf_span(&g.checkpoint[0]));
		CHECK_EQ(scrub(g.s.dir, &notes), 0);
		CHECK(notes > 0);
		recover(g.s.dir, 4);
		recover(g.s.dir, 4);
	}
	CHECK_EQ(buf_append(&b, "", 1), 0);
	lib_write(g.s.dir, LEAVES, buf_span(&b));
	CHECK_EQ(scrub(g.s.dir, NULL), 1);
	LIB_FAULT(FAULT_LEDGER_DAMAGED, writer_open(g.s.dir, NULL, &w, &f));
	grow_done(&g);
}

/* A file that is longer than any disk, and none of it there. */
static void
test_torn_hole(void)
{
	struct writer *w = NULL;
	char path[LIB_PATH];
	struct grown g;

	grow(&g);
	lib_path(path, g.s.dir, LEAVES);
	CHECK(truncate(path, (off_t)200 << 30) == 0);
	CHECK_EQ(scrub(g.s.dir, NULL), 1);
	LIB_FAULT(FAULT_LEDGER_DAMAGED, writer_open(g.s.dir, NULL, &w, &f));
	CHECK(truncate(path, (off_t)g.leaves[1].n) == 0);
	recover(g.s.dir, 4);
	grow_done(&g);
}

/* An unsigned leaf that does not open, and as many torn bytes behind it as may
 * be: both pads are ones that a reader takes. */
static void
test_torn_much_behind_reject(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct grown g;
	size_t at;

	grow(&g);
	at = g.leaves[0].n;
	CHECK_EQ(buf_append(&b, g.leaves[1].p, g.leaves[1].n), 0);
	spoil(&b, at);
	add_torn(&b);
	cut(&g, at);
	lib_write(g.s.dir, LEAVES, buf_span(&b));
	recover(g.s.dir, 3);
	recover(g.s.dir, 3);
	grow_done(&g);
}

/* Leaves that the checkpoint counts are gone, or changed. */
static void
test_rolled_back(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct writer *w;
	struct store *st;
	struct grown g;

	grow(&g);
	lib_write(g.s.dir, LEAVES, buf_span(&g.leaves[0]));
	LIB_FAULT(FAULT_LEDGER_DAMAGED, writer_open(g.s.dir, NULL, &w, &f));
	lib_write(g.s.dir, "ledger/hash-0", buf_span(&g.tiles[0]));
	LIB_FAULT(FAULT_LEDGER_DAMAGED, writer_open(g.s.dir, NULL, &w, &f));
	LIB_FAULT(FAULT_LEDGER_DAMAGED, store_open(g.s.dir, &st, &f));
	lib_write(g.s.dir, "ledger/hash-0", buf_span(&g.tiles[1]));
	CHECK_EQ(buf_append(&b, g.leaves[1].p, g.leaves[1].n), 0);
	b.p[g.leaves[0].n + 60] ^= 4;
	lib_write(g.s.dir, LEAVES, buf_span(&b));
	LIB_FAULT(FAULT_LEDGER_DAMAGED, writer_open(g.s.dir, NULL, &w, &f));
	/* Nothing was signed over it. */
	lib_read(g.s.dir, "ledger/checkpoint", &b);
	CHECK(span_eq(buf_span(&b), buf_span(&g.checkpoint[1])));
	grow_done(&g);
}

/* Tiles lost or damaged: readers compute, the writer writes them again. */
static void
test_tiles(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct grown g;
	char path[LIB_PATH];

	grow(&g);
	lib_path(path, g.s.dir, "ledger/hash-0");
	for (int i = 0; i < 4; i++) {
		buf_clear(&b);
		CHECK_EQ(buf_append(&b, g.tiles[1].p, g.tiles[1].n), 0);
		b.p[7] ^= 1;
		if (i == 0)
			CHECK(unlink(path) == 0);
		if (i == 1)
			lib_write(g.s.dir, "ledger/hash-0", buf_span(&b));
		if (i == 2)
			lib_write(g.s.dir, "ledger/hash-0",
				span_of(g.tiles[1].p, 50));
		if (i == 3) {
			b.p[7] ^= 1;
			CHECK_EQ(buf_append(&b, "behind", 6), 0);
			lib_write(g.s.dir, "ledger/hash-0", buf_span(&b));
		}
		CHECK_EQ(leaves_of(g.s.dir), 4);
		recover(g.s.dir, 4);
		lib_read(g.s.dir, "ledger/hash-0", &b);
		CHECK(span_eq(buf_span(&b), buf_span(&g.tiles[1])));
	}
	grow_done(&g);
}

/* Many leaves: more than a tile of tiles, more than a file. */
static void
test_many(void)
{
	struct lib_store s;
	struct writer *w = NULL;
	struct store *st = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct leaf leaf;
	uint64_t pull, n;
	char name[32];
	const uint64_t want = 4096 + 300;

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	for (uint64_t i = 3; i < want; i++) {
		snprintf(name, sizeof(name), "src-%d", (int)i);
		if (!LIB_OK(writer_pull(w, name, 1, &pull, &f)) ||
			!CHECK_EQ(pull, i))
			break;
	}
	writer_close(w);
	CHECK_EQ(scrub(s.dir, NULL), 0);
	CHECK(LIB_OK(store_open(s.dir, &st, &f)));
	CHECK_EQ(store_leaves(st), want);
	for (uint64_t i = want; i-- > 0;) {
		CHECK(LIB_OK(store_leaf(st, i, &b, &leaf, NULL, &f)));
		CHECK_EQ(leaf.number, i);
	}
	CHECK_EQ(store_leaf_before(st, LEAF_EPOCH, UINT64_MAX, &n, NULL), 0);
	CHECK_EQ(n, 2);
	store_close(st);
	recover(s.dir, want);
	/* A damaged interior tile. */
	lib_read(s.dir, "ledger/hash-0", &b);
	b.p[1000 * 32] ^= 1;
	lib_write(s.dir, "ledger/hash-0", buf_span(&b));
	CHECK(LIB_OK(store_open(s.dir, &st, &f)));
	CHECK(LIB_OK(store_leaf(st, 1000, &b, &leaf, NULL, &f)));
	store_close(st);
	recover(s.dir, want);
	lib_done(&s);
}

/* The tree against RFC 6962's own definition. */
static void
reference(const struct root *v, size_t n, struct root *ret)
{
	struct root left, right;
	size_t k = 1;

	if (n == 1) {
		*ret = v[0];
		return;
	}
	while (2 * k < n)
		k *= 2;
	reference(v, k, &left);
	reference(v + k, n - k, &right);
	digest_node(ret, &left, &right);
}

static void
test_tree(void)
{
	struct tree *t = calloc(1, sizeof(*t));
	struct root *v = calloc(700, sizeof(*v));

	for (size_t i = 0; i < 700; i++) {
		struct root tops[TREE_LEVELS], a, b;

		random_bytes(&v[i], sizeof(v[i]));
		(void)tree_add(t, &v[i], tops);
		tree_root(t, &a);
		reference(v, i + 1, &b);
		CHECK(root_equal(&a, &b));
	}
	free(t);
	free(v);
}

/* Seal a pack and commit a snapshot of it while a plan is armed. */
static int
seal_and_commit(struct lib_store *s, struct writer *w, struct hook_plan *plan,
	struct fault *fault)
{
	struct lib_object o = {.type = OBJECT_CHUNK, .content = "content"};
	struct lib_draft d;
	struct leaf_body body;
	struct root id;
	struct ref ref;
	uint64_t pull, leaf;
	uint32_t ordinal;
	int err;

	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	lib_begin(s, w, PACK_DATA, pull, &d);
	lib_block(s, &d, &o, 1, &ref);
	ordinal = draft_ordinal(d.d);
	body = lib_body("src", &ref);
	hook_set(hook_plan_run, plan);
	err = draft_seal(w, d.d, NULL, fault);
	if (err == 0)
		err = writer_commit(w, pull, 1, LEAF_COMPLETE, &ordinal, 1,
			&body, &leaf, &id, fault);
	hook_set(NULL, NULL);
	/* I9 */
	if (err < 0 && plan->op == HOOK_FSYNC)
		LIB_FAULT(
			FAULT_IO, draft_begin(w, PACK_DATA, 1, pull, &d.d, &f));
	return err;
}

/* Each call of a pull fails once; then a new writer finds a whole ledger. */
static void
test_faults(void)
{
	static const enum hook_op ops[] = {
		HOOK_FSYNC, HOOK_WRITE, HOOK_PWRITE, HOOK_RENAME, HOOK_MKDIR};
	struct lib_store s;
	int done = 0;

	lib_make(&s, "store");
	for (size_t k = 0; k < array_len(ops); k++) {
		int err = -1;

		for (unsigned long at = 1; err < 0 && at < 100; at++) {
			struct hook_plan plan = {.op = ops[k],
				.act = HOOK_FAIL,
				.err = -ENOSPC,
				.at = at};
			struct fault fault = {.code = FAULT_NONE};
			struct writer *w = NULL;

			if (!CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f))))
				return;
			err = seal_and_commit(&s, w, &plan, &fault);
			CHECK(err == 0 || fault.code == FAULT_STORE_FULL);
			writer_close(w);
			CHECK_EQ(scrub(s.dir, NULL), 0);
			done += err < 0;
		}
	}
	CHECK(done > 10);
	lib_done(&s);
}

/* Names of snapshots, and how they are found. */
static void
test_names(void)
{
	_cleanup_snapshots_ struct snapshot_list list = {NULL, 0};
	_cleanup_store_ struct store *st = NULL;
	const struct snapshot *found;
	struct writer *w = NULL;
	struct lib_store s;
	struct lib_pull p;

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	for (unsigned int i = 0; i < 3; i++) {
		lib_pull(&s, w, i == 1 ? "b" : "a", i, 2, &p);
		free(p.chunks);
	}
	writer_close(w);
	CHECK(LIB_OK(store_open(s.dir, &st, &f)));
	CHECK(LIB_OK(snapshots_load(st, NULL, &list, &f)));
	CHECK_EQ(strlen(list.v[0].name), 16);
	CHECK(LIB_OK(snapshots_find(&list, list.v[1].name, &found, &f)));
	CHECK(found == &list.v[1]);
	snapshots_free(&list);
	CHECK(LIB_OK(snapshots_load(st, &s.keys->log_key, &list, &f)));
	CHECK_EQ(list.n, 3);
	CHECK_STR(list.v[0].name, "a@2026-11-22T03:00:00Z");
	CHECK_STR(list.v[1].name, "b@2026-11-22T03:00:00Z");
	CHECK_STR(list.v[2].name, "a@2026-11-22T03:00:00Z-2");
	CHECK_STR(list.v[2].location, "/srv");
	CHECK_EQ(list.v[2].body.entries, 3);
	CHECK(LIB_OK(snapshots_find(&list, "a@latest", &found, &f)));
	CHECK(found == &list.v[2]);
	CHECK(LIB_OK(
		snapshots_find(&list, "a@2026-11-22T03:00:00Z", &found, &f)));
	CHECK(found == &list.v[0]);
	LIB_FAULT(FAULT_SNAPSHOT_UNKNOWN,
		snapshots_find(&list, "c@latest", &found, &f));
	LIB_FAULT(FAULT_SNAPSHOT_UNKNOWN,
		snapshots_find(&list, "0123", &found, &f));
	LIB_FAULT(FAULT_SNAPSHOT_UNKNOWN,
		snapshots_find(&list, "0123456789", &found, &f));
	/* Two that begin alike. */
	memset(list.v[0].id.b, 0xab, 8);
	memset(list.v[1].id.b, 0xab, 5);
	LIB_FAULT(FAULT_SNAPSHOT_AMBIGUOUS,
		snapshots_find(&list, "ababababab", &found, &f));
	CHECK(LIB_OK(snapshots_find(&list, "abababababab", &found, &f)));
	CHECK(found == &list.v[0]);
	lib_done(&s);
}

/* The checkpoint alone as it was before: told from what a crash leaves, and
 * each leaf behind it is taken over. */
static void
test_checkpoint_put_back(void)
{
	_cleanup_buf_ struct buf old = BUF_INIT, now = BUF_INIT, b = BUF_INIT;
	struct lib_store s;
	struct lib_pull p;
	struct writer *w = NULL;
	uint64_t leaves;

	lib_make(&s, "put-back");
	lib_read(s.dir, "ledger/checkpoint", &old);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "a", 1, &leaves, &f)));
	CHECK(LIB_OK(writer_pull(w, "b", 1, &leaves, &f)));
	writer_close(w);
	lib_write(s.dir, "ledger/checkpoint", buf_span(&old));
	CHECK_EQ(scrub(s.dir, NULL), 1);
	recover(s.dir, 5);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 3, &p);
	free(p.chunks);
	writer_close(w);
	leaves = leaves_of(s.dir);
	CHECK(leaves > 5);
	lib_read(s.dir, "ledger/checkpoint", &now);
	lib_write(s.dir, "ledger/checkpoint", buf_span(&old));
	CHECK(scrub(s.dir, NULL) > 0);
	recover(s.dir, leaves);
	lib_read(s.dir, "ledger/checkpoint", &b);
	CHECK(span_eq(buf_span(&b), buf_span(&now)));
	lib_done(&s);
}

CHECK_MAIN(TEST(test_tree), TEST(test_torn), TEST(test_names_first),
	TEST(test_written_again), TEST(test_torn_twice), TEST(test_taken_over),
	TEST(test_passed_over), TEST(test_torn_much), TEST(test_torn_hole),
	TEST(test_torn_much_behind_reject), TEST(test_rolled_back),
	TEST(test_tiles), TEST(test_many), TEST(test_faults), TEST(test_names),
	TEST(test_checkpoint_put_back))
