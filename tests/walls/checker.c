/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: checker [--list] [--after SIZE:ROOT] [--next] STORE PASSPHRASE-FILE
 *
 * Asserts, of a store as it lies, what must hold of any store at any time
 * (store/writer.c numbers the invariants). Each violation is a line on stdout;
 * the status is 1 if there was one, 2 when the checker itself was called
 * wrongly. The store is not changed, and nothing of it is trusted: a second
 * opinion where the product has one, of its own where it has none.
 *
 * --list    also print the ledger's size and root, and a line for each
 *           snapshot: number, source, id, id of the root, flags
 * --after   the ledger must have grown from this one, as --list printed it
 * --next    then open the store as the next pull would, which changes it, ask
 *           for every object (I6, I7), close it, and check it once more
 *
 * What a crash may leave (files that no leaf names, torn frames, caches that the
 * next opening replaces) is a note and no violation.
 */
#include "tests/walls/checker.h"

#include "format/hex.h"
#include "keys/secmem.h"
#include "store/scrub.h"
#include "store/tree.h"
#include "tests/lib/closure.h"
#include "util/mem.h"
#include "view/view.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CACHE ((size_t)64 << 20)

static unsigned int violations;

bool
violated(void)
{
	return violations > 0;
}

void
violation(const char *fmt, ...)
{
	va_list ap;

	violations++;
	fputs("violation: ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
violation_fault(const char *what, const struct fault *f)
{
	char text[FAULT_TEXT_SIZE];

	fault_text(f, text, sizeof(text));
	violation("%s: %s", what, text);
}

void
note(const char *fmt, ...)
{
	va_list ap;

	fputs("note: ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void *
grown(void *p, size_t n, size_t size)
{
	p = mem_realloc_array(p, n, size);
	if (!p) {
		fputs("checker: no memory\n", stderr);
		exit(2);
	}
	return p;
}

/* ---- the scrub, which needs no key ---- */

static void
on_finding(void *ctx, const struct scrub_finding *finding)
{
	char text[FAULT_TEXT_SIZE];

	(void)ctx;
	if (!finding->harmless) {
		violation_fault("scrub", &finding->fault);
		return;
	}
	fault_text(&finding->fault, text, sizeof(text));
	note("scrub: %s", text);
}

static void
check_bytes(struct checker *c)
{
	const struct scrub_sink sink = {.finding = on_finding};
	struct scrub_result result;
	struct fault f = {.code = FAULT_NONE};

	if (scrub_store(c->s.store, &sink, &result, &f) != 0)
		violation_fault("scrub", &f);
}

/* ---- snapshots ---- */

static void
on_bad_object(void *ctx, const struct ref *ref, const struct fault *why)
{
	const struct snapshot *s = ctx;
	char what[SNAPSHOT_NAME + 64];

	snprintf(what, sizeof(what), "%s: object %" PRIu32 ".%" PRIu32, s->name,
		ref->addr.ordinal, ref->addr.row);
	violation_fault(what, why);
}

/* The manifest lists exactly the packs that the closure meets. */
static void
check_manifest(struct checker *c, const struct snapshot *s,
	struct view_snap *snap, const struct closure *met)
{
	uint32_t n = view_packs(snap);

	for (uint32_t i = 0, k = 0; i < n || k < met->packs;) {
		uint32_t listed =
			i < n ? view_pack_ordinal(snap, i) : UINT32_MAX;
		uint32_t needed = k < met->packs ? met->pack[k] : UINT32_MAX;

		if (listed < needed)
			violation("%s: its manifest lists pack %" PRIu32
				  ", which it does not need",
				s->name, listed);
		if (needed < listed)
			violation("%s: its manifest does not list pack %" PRIu32
				  ", which it needs",
				s->name, needed);
		i += listed <= needed;
		k += needed <= listed;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t ordinal = view_pack_ordinal(snap, i);
		struct checked_pack *p = pack_at(c, ordinal);

		if (p)
			p->listed = true;
		if (!p || p->leaf > s->number ||
			p->compartment != s->clear.compartment)
			violation("%s: pack %" PRIu32
				  " of its manifest was not sealed before it",
				s->name, ordinal);
	}
}

static void
check_snapshot(struct checker *c, const struct snapshot *s)
{
	_cleanup_view_snap_ struct view_snap *snap = NULL;
	_cleanup_closure_ struct closure met = CLOSURE_NONE;
	struct fault f = {.code = FAULT_NONE};

	if (view_snap_open(c->s.view, s, &snap, &f) != 0) {
		violation_fault(s->name, &f);
		return;
	}
	closure_walk(
		snap, &s->body.root, on_bad_object, (void *)(uintptr_t)s, &met);
	c->objects += met.n;
	check_manifest(c, s, snap, &met);
}

void
check_snapshots(struct checker *c)
{
	for (size_t i = 0; i < c->s.snapshots.n; i++)
		check_snapshot(c, &c->s.snapshots.v[i]);
}

/* ---- the ledger only grows ---- */

/* The root over its first n leaves. */
static bool
root_after(struct checker *c, uint64_t n, struct root *ret)
{
	_cleanup_free_ struct tree *t = mem_zalloc(sizeof(*t));
	_cleanup_buf_ struct buf buf = BUF_INIT;
	struct root tops[TREE_LEVELS], hash;
	struct fault f = {.code = FAULT_NONE};
	struct leaf leaf;

	for (uint64_t i = 0; t && i < n; i++) {
		if (store_leaf(c->s.store, i, &buf, &leaf, &hash, &f) != 0)
			return false; /* reported with the leaves */
		(void)tree_add(t, &hash, tops);
	}
	if (!t || n == 0)
		return false;
	tree_root(t, ret);
	return true;
}

static void
check_after(struct checker *c, const char *after)
{
	struct root before, now;
	char *end;
	uint64_t n = strtoull(after, &end, 10);

	if (n == 0 || *end != ':' ||
		hex_decode(before.b, sizeof(before.b), span_str(end + 1)) !=
			0) {
		fprintf(stderr, "checker: --after %s\n", after);
		exit(2);
	}
	if (n > store_leaves(c->s.store))
		violation("the ledger shrank from %" PRIu64 " to %" PRIu64
			  " leaves",
			n, store_leaves(c->s.store));
	else if (!root_after(c, n, &now) || !root_equal(&now, &before))
		violation(
			"the first %" PRIu64 " leaves are not as they were", n);
}

/* ---- all of it ---- */

struct asked {
	const char *dir, *passphrase, *after;
	bool list, next;
};

static void
list(const struct checker *c)
{
	char id[HEX_SIZE(32)], root[HEX_SIZE(32)];

	hex_encode(root, span_of(c->root.b, sizeof(c->root.b)));
	printf("ledger %" PRIu64 ":%s\n", store_leaves(c->s.store), root);
	for (size_t i = 0; i < c->s.snapshots.n; i++) {
		const struct snapshot *s = &c->s.snapshots.v[i];

		hex_encode(id, span_of(s->id.b, sizeof(s->id.b)));
		hex_encode(root, span_of(s->body.root.id.b, 32));
		printf("snapshot %" PRIu64 " %s %s %s %" PRIu32 "\n", s->number,
			s->source, id, root, s->clear.flags);
	}
}

static void
close_all(struct checker *c)
{
	for (uint32_t i = 0; i < c->packs; i++) {
		struct checked_pack *p = &c->pack[i];

		packs_close(p->file);
		for (uint32_t k = 0; p->block_refs && k < p->blocks; k++)
			buf_free(&p->block_refs[k]);
		mem_free(p->block_refs);
		mem_free(p->row);
		mem_free(p->refs);
	}
	mem_free(c->pack);
	mem_free(c->pull);
	secmem_free(c->keys);
	session_close(&c->s);
	*c = (struct checker){.dir = c->dir, .hits = c->hits};
}

static void
check_all(struct checker *c, const struct asked *asked)
{
	struct fault f = {.code = FAULT_NONE};

	if (session_open(c->dir, asked->passphrase, CACHE, &c->s, &f) != 0) {
		violation_fault("opening", &f);
		return;
	}
	(void)!vault_keys_load(store_dirfd(c->s.store),
		store_id_peek(c->s.store), &c->keys, NULL);
	check_ledger(c);
	if (asked->after)
		check_after(c, asked->after);
	check_bytes(c);
	check_packs(c);
	check_snapshots(c);
	check_caches(c);
}

static void
after_next(struct checker *c, struct asked *asked, char head[128])
{
	char root[HEX_SIZE(32)];

	hex_encode(root, span_of(c->root.b, sizeof(c->root.b)));
	snprintf(head, 128, "%" PRIu64 ":%s", store_leaves(c->s.store), root);
	asked->after = head;
	check_next(c);
	close_all(c);
	check_all(c, asked);
}

static int
run(struct asked *asked)
{
	struct checker c = {.dir = asked->dir};
	char head[128];

	check_all(&c, asked);
	if (asked->next && c.s.view)
		after_next(&c, asked, head);
	if (asked->list && c.s.view)
		list(&c);
	if (c.s.view)
		printf("checked: %" PRIu64 " leaves, %zu snapshots, %" PRIu64
		       " objects, %" PRIu64 " index rows, %" PRIu64
		       " stat records, %" PRIu64 " hits\n",
			store_leaves(c.s.store), c.s.snapshots.n, c.objects,
			c.index_rows, c.stat_records, c.hits);
	close_all(&c);
	return violated() ? 1 : 0;
}

int
main(int argc, char **argv)
{
	static const struct option option[] = {
		{"list", no_argument, NULL, 'l'},
		{"after", required_argument, NULL, 'a'},
		{"next", no_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	struct asked asked = {.dir = NULL};
	int o;

	while ((o = getopt_long(argc, argv, "", option, NULL)) != -1) {
		if (o == 'l')
			asked.list = true;
		else if (o == 'n')
			asked.next = true;
		else if (o == 'a')
			asked.after = optarg;
		else
			return 2;
	}
	if (argc - optind != 2) {
		fputs("usage: checker [--list] [--after SIZE:ROOT] [--next] "
		      "STORE PASSPHRASE-FILE\n",
			stderr);
		return 2;
	}
	asked.dir = argv[optind];
	asked.passphrase = argv[optind + 1];
	if (secmem_init() < 0) {
		fputs("checker: no locked memory\n", stderr);
		return 2;
	}
	return run(&asked);
}
