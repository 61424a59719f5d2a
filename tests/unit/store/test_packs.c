/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a draft seals is what packs.h reads: rows, blocks, references;
 * with random padding and the right shape. A pack under a wrong root, ordinal
 * or store is refused, and so is a part of it whose tag is wrong. */
#include "tests/unit/store/lib.h"

#include "format/hex.h"
#include "keys/digest.h"
#include "keys/recipient.h"
#include "store/layout.h"
#include "store/manifests.h"
#include "store/packs.h"
#include "store/snapshots.h"
#include "util/io.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

static void
fake_refs(struct ref *refs, size_t n)
{
	random_bytes(refs, n * sizeof(*refs));
	for (size_t i = 0; i < n; i++)
		refs[i].addr = (struct addr){(uint32_t)i + 1, 7};
}

static struct root
root_of(struct writer *w, uint64_t pull, const uint32_t *ordinals, size_t n,
	struct manifest_file *m)
{
	const struct ref none = {.addr = {1, 0}};
	struct leaf_body body = lib_body("src", &none);
	_cleanup_store_ struct store *st = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct leaf_snapshot clear;
	struct root id, hash;
	struct leaf leaf;
	uint64_t number;
	char path[64];

	CHECK(LIB_OK(writer_commit(w, pull, 1, LEAF_COMPLETE, ordinals, n,
		&body, &number, &id, &f)));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer_dirfd(w));
	CHECK(LIB_OK(store_open(path, &st, &f)));
	CHECK(LIB_OK(store_leaf(st, number, &b, &leaf, &hash, &f)));
	CHECK(root_equal(&hash, &id));
	CHECK_EQ(leaf_snapshot_decode(leaf.clear, &clear), 0);
	memcpy(hash.b, clear.manifest, 32);
	CHECK(LIB_OK(manifests_load(
		writer_dirfd(w), store_id_peek(st), &hash, m, &f)));
	CHECK_EQ(manifests_root(m, ordinals[0], &id), 0);
	return id;
}

static void
read_block(struct packs_file *p, struct lib_draft *d, uint32_t block,
	struct buf *plain)
{
	_cleanup_buf_ struct buf sealed = BUF_INIT;
	struct pack_part part = {.domain = PACK_BLOCK, .number = block};
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE];
	struct pack_block b;

	CHECK(LIB_OK(packs_block(p, block, &b, &f)));
	CHECK(LIB_OK(packs_block_bytes(p, &b, &sealed, &f)));
	part.plain_len = b.plain;
	pack_part_ad(packs_header_bytes_peek(p).p, &part, ad);
	pack_part_nonce(&part, nonce);
	buf_clear(plain);
	CHECK_EQ(buf_reserve(plain, sealed.n), 0);
	CHECK_EQ(aead_open(plain->p, &d->key, nonce, span_of(ad, sizeof(ad)),
			 buf_span(&sealed)),
		0);
	plain->n = b.plain;
}

static void
test_round_trip(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	_cleanup_pack_ struct packs_file *p = NULL;
	_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
	_cleanup_buf_ struct buf plain = BUF_INIT, refs = BUF_INIT,
				 rows = BUF_INIT;
	static struct ref to[7], at[300][2];
	struct lib_store s;
	struct lib_draft d;
	struct pack_row row;
	struct pack_block block;
	struct root root;
	uint64_t pull, bytes;
	uint32_t ordinal;
	char text[40];

	lib_make(&s, "store");
	fake_refs(to, array_len(to));
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	lib_begin(&s, w, PACK_META, pull, &d);
	for (size_t i = 0; i < 300; i++) {
		struct lib_object o[2] = {{.type = OBJECT_DIRPAGE,
						  .content = text,
						  .refs = to,
						  .nrefs = i % 7},
			{.type = OBJECT_ATTRS, .content = "attributes"}};

		snprintf(text, sizeof(text), "page %zu", i);
		lib_block(&s, &d, o, 2, at[i]);
	}
	ordinal = draft_ordinal(d.d);
	CHECK(LIB_OK(draft_seal(w, d.d, &bytes, &f)));
	CHECK_EQ(bytes % SLICE, 0);
	root = root_of(w, pull, &ordinal, 1, &m);
	CHECK(LIB_OK(packs_open(
		writer_dirfd(w), &s.keys->store, ordinal, &root, &p, &f)));
	CHECK(LIB_OK(packs_unlock(p, &s.ref, &f)));
	CHECK_EQ(packs_rows(p), 600);
	CHECK_EQ(packs_blocks(p), 300);
	for (size_t i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "page %zu", i);
		CHECK(LIB_OK(packs_row(p, at[i][0].addr.row, &row, &f)));
		CHECK(id_equal(&row.id, &at[i][0].id));
		CHECK_EQ(row.refs, i % 7);
		CHECK_EQ(row.length, strlen(text));
		read_block(p, &d, row.block, &plain);
		CHECK_EQ(plain.n, strlen(text) + 10);
		CHECK_MEM(plain.p + row.offset, text, row.length);
		CHECK(LIB_OK(packs_block(p, row.block, &block, &f)));
		buf_clear(&refs);
		CHECK(LIB_OK(
			packs_block_refs(p, row.block, &block, &refs, &f)));
		lib_rows(to, i % 7, &rows);
		CHECK(span_eq(buf_span(&refs), buf_span(&rows)));
	}
	LIB_FAULT(FAULT_OBJECT_MISSING, packs_row(p, 600, &row, &f));
	LIB_FAULT(FAULT_OBJECT_MISSING, packs_block(p, 300, &block, &f));
	CHECK(LIB_OK(packs_scrub(p, NULL, NULL, &f)));
	CHECK(packs_protection(writer_dirfd(w), &root) >= 0);
	lib_done(&s);
}

/* Rows and references from several threads at once. */
static void *
read_rows(void *arg)
{
	struct packs_file *p = arg;
	_cleanup_buf_ struct buf refs = BUF_INIT;

	for (uint32_t i = 0; i < packs_rows(p); i++) {
		struct pack_row row;
		struct pack_block block;

		CHECK(LIB_OK(packs_row(p, i, &row, &f)));
		CHECK(LIB_OK(packs_block(p, row.block, &block, &f)));
		buf_clear(&refs);
		CHECK(LIB_OK(
			packs_block_refs(p, row.block, &block, &refs, &f)));
		CHECK_EQ(refs.n, (size_t)row.refs * PACK_REF_SIZE);
	}
	return NULL;
}

static void
test_threads(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	_cleanup_pack_ struct packs_file *p = NULL;
	_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
	static struct ref to[3];
	pthread_t threads[4];
	struct lib_store s;
	struct lib_draft d;
	struct root root;
	uint64_t pull;
	uint32_t ordinal;
	char text[40];

	lib_make(&s, "store");
	fake_refs(to, array_len(to));
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	lib_begin(&s, w, PACK_META, pull, &d);
	for (size_t i = 0; i < 2000; i++) {
		struct lib_object o = {.type = OBJECT_DIRPAGE,
			.content = text,
			.refs = to,
			.nrefs = i % 4};

		snprintf(text, sizeof(text), "page %zu", i);
		lib_block(&s, &d, &o, 1, NULL);
	}
	ordinal = draft_ordinal(d.d);
	CHECK(LIB_OK(draft_seal(w, d.d, NULL, &f)));
	root = root_of(w, pull, &ordinal, 1, &m);
	CHECK(LIB_OK(packs_open(
		writer_dirfd(w), &s.keys->store, ordinal, &root, &p, &f)));
	CHECK(LIB_OK(packs_unlock(p, &s.ref, &f)));
	for (size_t i = 0; i < array_len(threads); i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, read_rows, p), 0);
	for (size_t i = 0; i < array_len(threads); i++)
		pthread_join(threads[i], NULL);
	lib_done(&s);
}

#define TINY "tiny"

/* A store with one pack of one tiny chunk; the pack's bytes. */
static void
make_tiny(struct lib_store *s, struct writer **w, struct buf *pack)
{
	_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
	struct lib_object o = {.type = OBJECT_CHUNK, .content = TINY};
	char name[LAYOUT_NAME];
	struct lib_draft d;
	struct root root;
	uint64_t pull;
	uint32_t ordinal;

	lib_make(s, "store");
	CHECK(LIB_OK(writer_open(s->dir, NULL, w, &f)));
	CHECK(LIB_OK(writer_pull(*w, "src", 1, &pull, &f)));
	lib_begin(s, *w, PACK_DATA, pull, &d);
	lib_block(s, &d, &o, 1, NULL);
	ordinal = draft_ordinal(d.d);
	CHECK(LIB_OK(draft_seal(*w, d.d, NULL, &f)));
	root = root_of(*w, pull, &ordinal, 1, &m);
	layout_pack(name, &root);
	lib_read(s->dir, name, pack);
}

/* Where the padding is there is no run of zeros (32 zero bytes come by chance
 * once in 2^240). */
static void
test_padding(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct lib_store s;
	size_t run = 0, longest = 0;

	make_tiny(&s, &w, &b);
	CHECK_EQ(b.n, 2 * SLICE);
	for (size_t i = PACK_HEADER_SIZE; i < SLICE; i++) {
		run = b.p[i] == 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	CHECK(longest < 32);
	lib_done(&s);
}

static void
test_refusals(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	_cleanup_pack_ struct packs_file *p = NULL;
	_cleanup_manifest_ struct manifest_file m = {.bytes = BUF_INIT};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct lib_store s, other;
	struct root first, second;
	struct lib_pull pull;
	struct root wrong = {{1}};
	char name[LAYOUT_NAME], path[LIB_PATH];
	int fd;

	lib_make(&s, "store");
	lib_make(&other, "other");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 30, &pull);
	free(pull.chunks);
	fd = writer_dirfd(w);
	{
		_cleanup_store_ struct store *st = NULL;
		_cleanup_snapshots_ struct snapshot_list list = {NULL, 0};
		struct root hash;

		CHECK(LIB_OK(store_open(s.dir, &st, &f)));
		CHECK(LIB_OK(snapshots_load(st, &s.keys->log_key, &list, &f)));
		if (!CHECK_EQ(list.n, 1))
			return;
		memcpy(hash.b, list.v[0].clear.manifest, 32);
		CHECK(LIB_OK(
			manifests_load(fd, &s.keys->store, &hash, &m, &f)));
		LIB_FAULT(FAULT_MANIFEST_FOREIGN,
			manifests_load(fd, &other.keys->store, &hash, &m, &f));
		LIB_FAULT(FAULT_MANIFEST_MISSING,
			manifests_load(fd, &s.keys->store, &wrong, &m, &f));
	}
	CHECK_EQ(manifests_root(&m, pull.ordinals[0], &first), 0);
	CHECK_EQ(manifests_root(&m, pull.ordinals[1], &second), 0);
	CHECK_EQ(manifests_root(&m, 99, &wrong), -ENOENT);
	LIB_FAULT(FAULT_PACK_MISSING,
		packs_open(fd, &s.keys->store, 1, &wrong, &p, &f));
	LIB_FAULT(FAULT_PACK_DAMAGED,
		packs_open(fd, &s.keys->store, 2, &first, &p, &f));
	LIB_FAULT(FAULT_PACK_FOREIGN,
		packs_open(fd, &other.keys->store, 1, &first, &p, &f));
	/* Names exchanged. */
	lib_unprotect(s.dir);
	layout_pack(name, &first);
	lib_read(s.dir, name, &b);
	layout_pack(name, &second);
	lib_path(path, s.dir, name);
	CHECK(unlink(path) == 0);
	lib_write(s.dir, name, buf_span(&b));
	LIB_FAULT(FAULT_PACK_DAMAGED,
		packs_open(fd, &s.keys->store, 0, &second, &p, &f));
	/* Another compartment's keys open nothing. */
	CHECK(LIB_OK(packs_open(fd, &s.keys->store, 0, &first, &p, &f)));
	LIB_FAULT(FAULT_PACK_DAMAGED, packs_unlock(p, &other.ref, &f));
	/* Too short, too long. */
	lib_write(s.dir, name, span_of(b.p, b.n - SLICE));
	LIB_FAULT(FAULT_PACK_DAMAGED,
		packs_open(fd, &s.keys->store, 0, &second, &p, &f));
	lib_write(s.dir, name, span_of(b.p, 100));
	LIB_FAULT(FAULT_PACK_DAMAGED,
		packs_open(fd, &s.keys->store, 0, &second, &p, &f));
	lib_done(&s);
	lib_done(&other);
}

/* Flip a bit at an offset of a pack of one slice and make its hashes anew; it
 * is stored under its new root. */
static struct root
flip(const char *dir, const struct buf *pack, uint64_t at)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct pack_tail tail;
	struct pack_shape shape;
	char name[LAYOUT_NAME], path[LIB_PATH];
	struct root leaf;

	CHECK_EQ(buf_append(&b, pack->p, pack->n), 0);
	CHECK_EQ(pack_tail_decode(
			 span_of(b.p + b.n - PACK_TAIL_SIZE, PACK_TAIL_SIZE),
			 &tail),
		0);
	CHECK_EQ(pack_shape_of(b.n, &tail, &shape), 0);
	CHECK_EQ(tail.slices, 1);
	b.p[at] ^= 1;
	digest_slice(&leaf, span_of(b.p, SLICE));
	memcpy(b.p + shape.tree_at, leaf.b, sizeof(leaf.b));
	digest_slice_root(&tail.root, &leaf, 1);
	pack_tail_encode(&tail, b.p + b.n - PACK_TAIL_SIZE);
	layout_pack_folder(name, &tail.root);
	lib_path(path, dir, name);
	(void)mkdir(path, 0700);
	layout_pack(name, &tail.root);
	lib_write(dir, name, buf_span(&b));
	return tail.root;
}

/* The last byte of a sealed part is of its tag. */
static void
test_tags(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	_cleanup_pack_ struct packs_file *whole = NULL, *map = NULL,
					 *table = NULL, *trailer = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct lib_store s;
	struct root root;
	struct pack_block block;
	struct pack_row row;
	uint64_t map_at;
	int fd;

	make_tiny(&s, &w, &b);
	fd = writer_dirfd(w);
	/* One block, of four bytes, behind the header. */
	map_at = PACK_HEADER_SIZE + strlen(TINY) + SEAL_TAG;

	root = flip(s.dir, &b, SLICE - PACK_TRAILER_SEALED - 1);
	CHECK(LIB_OK(packs_open(fd, &s.keys->store, 0, &root, &whole, &f)));
	CHECK(LIB_OK(packs_unlock(whole, &s.ref, &f)));
	CHECK(LIB_OK(packs_block(whole, 0, &block, &f)));
	CHECK(LIB_OK(packs_row(whole, 0, &row, &f)));

	root = flip(s.dir, &b, map_at + PACK_BLOCK_SIZE + SEAL_TAG - 1);
	CHECK(LIB_OK(packs_open(fd, &s.keys->store, 0, &root, &map, &f)));
	CHECK(LIB_OK(packs_unlock(map, &s.ref, &f)));
	LIB_FAULT(FAULT_PACK_DAMAGED, packs_block(map, 0, &block, &f));
	CHECK(LIB_OK(packs_row(map, 0, &row, &f)));

	root = flip(s.dir, &b,
		map_at + PACK_BLOCK_SIZE + PACK_ROW_SIZE + 2 * SEAL_TAG - 1);
	CHECK(LIB_OK(packs_open(fd, &s.keys->store, 0, &root, &table, &f)));
	CHECK(LIB_OK(packs_unlock(table, &s.ref, &f)));
	CHECK(LIB_OK(packs_block(table, 0, &block, &f)));
	LIB_FAULT(FAULT_PACK_DAMAGED, packs_row(table, 0, &row, &f));

	root = flip(s.dir, &b, SLICE - 1);
	CHECK(LIB_OK(packs_open(fd, &s.keys->store, 0, &root, &trailer, &f)));
	LIB_FAULT(FAULT_PACK_DAMAGED, packs_unlock(trailer, &s.ref, &f));
	lib_done(&s);
}

CHECK_MAIN(TEST(test_round_trip), TEST(test_threads), TEST(test_padding),
	TEST(test_refusals), TEST(test_tags))
