/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: forge resign SRC DST             what resign.h says
 *        forge epoch STORE                the same
 *        forge reseal STORE PASSPHRASE-FILE EDIT
 *        forge edits                      list them: name, kind of pack
 *
 * reseal opens the first pack of a kind that an edit can be made in, changes one
 * thing, seals all of it again, each part with its tag, and leaves it under its
 * old name for "resign": a lie that no hash and no signature gives away.
 */
#include <fcntl.h>

#include "chunker/block.h"
#include "keys/digest.h"
#include "keys/seal.h"
#include "keys/secmem.h"
#include "store/layout.h"
#include "store/packs.h"
#include "tests/unit/store/lib.h"
#include "tests/walls/resign.h"
#include "view/session.h"

/* A pack taken apart. */
struct opened {
	struct packs_file *file;
	struct pack_header header;
	struct block_keys *keys;
	struct key ref_key;
	uint32_t blocks, rows;
	struct pack_block *map;
	struct pack_row *table;
	struct buf *plain, *refs; /* of each block */
	/* What is done when it is put together. */
	uint32_t wrap_epoch;
	uint32_t *block_number, *refs_number; /* that a block is sealed under */
	uint32_t map_number, table_number;    /* added to the slice's */
	bool map_tag, trailer_tag;	      /* that of the part is wrong */
	bool garbled;			      /* block 0 is no LZ4 inside */
};

struct edit {
	const char *name;
	enum pack_kind kind;
	uint32_t blocks, rows; /* at least */
	void (*fn)(struct opened *p);
};

static void
must(int err, const struct fault *f, const char *what)
{
	char text[FAULT_TEXT_SIZE] = "";

	if (err == 0)
		return;
	fault_text(f, text, sizeof(text));
	fprintf(stderr, "forge: %s: %d %s\n", what, err, text);
	exit(2);
}

#define MUST(call)                                                             \
	do {                                                                   \
		struct fault f = {.code = FAULT_NONE};                         \
		must((call), &f, #call);                                       \
	} while (0)

static void
exchange(uint32_t v[2])
{
	uint32_t first = v[0];

	v[0] = v[1];
	v[1] = first;
}

/* ---- edits ---- */

static void
edit_bytes(struct opened *p)
{
	p->plain[0].p[0] ^= 1;
}

static void
edit_ids(struct opened *p)
{
	struct id first = p->table[0].id;

	p->table[0].id = p->table[1].id;
	p->table[1].id = first;
}

static void
edit_type(struct opened *p)
{
	p->table[0].type = OBJECT_LINK;
}

static void
edit_length(struct opened *p)
{
	p->table[0].length = FORMAT_CHUNK_MAX;
}

/* The first reference of the first block that has any. */
static uint8_t *
first_reference(struct opened *p)
{
	for (uint32_t i = 0; i < p->blocks; i++) {
		if (p->refs[i].n > 0)
			return p->refs[i].p;
	}
	must(-ENOENT, &(struct fault){0}, "a reference");
	return NULL;
}

static void
edit_reference(struct opened *p)
{
	first_reference(p)[0] ^= 1;
}

static void
edit_row(struct opened *p)
{
	first_reference(p)[36] ^= 1;
}

static void
edit_ordinal_of_reference(struct opened *p)
{
	first_reference(p)[32] ^= 1;
}

static void
edit_moved(struct opened *p)
{
	exchange(p->block_number);
}

static void
edit_refs(struct opened *p)
{
	p->refs_number[0] += p->blocks;
}

static void
edit_table(struct opened *p)
{
	p->table_number = 1;
}

static void
edit_map(struct opened *p)
{
	p->map_number = 1;
}

static void
edit_map_tag(struct opened *p)
{
	p->map_tag = true;
}

static void
edit_trailer_tag(struct opened *p)
{
	p->trailer_tag = true;
}

static void
edit_codec(struct opened *p)
{
	p->garbled = true;
}

static void
edit_epoch_unknown(struct opened *p)
{
	p->header.epoch = 99;
}

static void
edit_epoch_other(struct opened *p)
{
	p->header.epoch = 2;
}

static void
edit_wrap(struct opened *p)
{
	p->wrap_epoch = 2;
}

static void
edit_compartment(struct opened *p)
{
	p->header.compartment = 2;
}

static void
edit_ordinal(struct opened *p)
{
	p->header.ordinal += 1000;
}

static void
edit_store(struct opened *p)
{
	p->header.store.b[0] ^= 1;
}

static const struct edit edits[] = {
	{"bytes", PACK_DATA, 1, 1, edit_bytes},
	{"ids", PACK_DATA, 1, 2, edit_ids},
	{"type", PACK_DATA, 1, 1, edit_type},
	{"length", PACK_DATA, 1, 1, edit_length},
	{"reference", PACK_META, 1, 1, edit_reference},
	{"reference-row", PACK_META, 1, 1, edit_row},
	{"reference-ordinal", PACK_META, 1, 1, edit_ordinal_of_reference},
	{"moved", PACK_DATA, 2, 2, edit_moved},
	{"refs", PACK_META, 1, 1, edit_refs},
	{"table", PACK_DATA, 1, TABLE_SLICE_ROWS + 1, edit_table},
	{"map", PACK_DATA, 1, 1, edit_map},
	{"map-tag", PACK_DATA, 1, 1, edit_map_tag},
	{"trailer-tag", PACK_DATA, 1, 1, edit_trailer_tag},
	{"codec", PACK_DATA, 1, 1, edit_codec},
	{"epoch-unknown", PACK_DATA, 1, 1, edit_epoch_unknown},
	{"epoch-other", PACK_DATA, 1, 1, edit_epoch_other},
	{"wrap", PACK_DATA, 1, 1, edit_wrap},
	{"compartment", PACK_DATA, 1, 1, edit_compartment},
	{"ordinal", PACK_DATA, 1, 1, edit_ordinal},
	{"store", PACK_DATA, 1, 1, edit_store},
};

/* ---- taking apart ---- */

static void
open_blocks(struct opened *p)
{
	for (uint32_t i = 0; i < p->blocks; i++) {
		_cleanup_buf_ struct buf sealed = BUF_INIT, packed = BUF_INIT;

		MUST(packs_block(p->file, i, &p->map[i], &f));
		MUST(packs_block_bytes(p->file, &p->map[i], &sealed, &f));
		MUST(buf_reserve(&p->plain[i], p->map[i].plain));
		MUST(block_open(p->plain[i].p, p->keys, i, p->map[i].codec,
			p->map[i].plain, buf_span(&sealed), &packed));
		p->plain[i].n = p->map[i].plain;
		MUST(packs_block_refs(p->file, i, &p->map[i], &p->refs[i], &f));
		p->block_number[i] = p->refs_number[i] = i;
	}
}

static void
take_apart(struct opened *p, const struct session *s)
{
	const struct ref_keys *refs = unlock_ref_keys(s->access, 1);
	const struct store_id *store = store_id_peek(s->store);
	const struct epoch *epoch;

	p->header = *packs_header_peek(p->file);
	p->wrap_epoch = p->header.epoch;
	epoch = unlock_epoch(s->access, 1, p->header.epoch);
	p->keys = secmem_alloc(sizeof(*p->keys));
	MUST(pack_key_open(
		&p->keys->pack, packs_header_bytes_peek(p->file), epoch));
	pack_context(&p->header, p->keys->context);
	ref_pack_key(&p->ref_key, refs, store, &p->header.pack);
	p->blocks = packs_blocks(p->file);
	p->rows = packs_rows(p->file);
	p->map = calloc(p->blocks, sizeof(*p->map));
	p->table = calloc(p->rows, sizeof(*p->table));
	p->plain = calloc(p->blocks, sizeof(*p->plain));
	p->refs = calloc(p->blocks, sizeof(*p->refs));
	p->block_number = calloc(p->blocks, sizeof(uint32_t));
	p->refs_number = calloc(p->blocks, sizeof(uint32_t));
	open_blocks(p);
	for (uint32_t i = 0; i < p->rows; i++)
		MUST(packs_row(p->file, i, &p->table[i], &f));
}

/* ---- putting together ---- */

static void
put(struct buf *out, const void *p, size_t n)
{
	must(buf_append(out, p, n), &(struct fault){0}, "memory");
}

static void
put_sealed(struct buf *out, const struct opened *p, enum pack_domain domain,
	uint32_t number, struct span plain)
{
	const struct pack_part part = {.domain = domain,
		.number = number,
		.plain_len = (uint32_t)plain.n};
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE];

	MUST(buf_reserve(out, plain.n + SEAL_TAG));
	pack_part_ad(p->keys->context, &part, ad);
	pack_part_nonce(&part, nonce);
	aead_seal(out->p + out->n, &p->ref_key, nonce, span_of(ad, sizeof(ad)),
		plain);
	out->n += plain.n + SEAL_TAG;
}

/* As LZ4, which it is not. */
static void
put_garbled(struct buf *out, const struct opened *p, struct pack_block *row)
{
	const struct pack_part part = {.domain = PACK_BLOCK,
		.codec = CODEC_LZ4,
		.plain_len = row->plain};
	struct span in = span_of(p->plain[0].p, row->plain - 1);
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE];

	MUST(buf_reserve(out, in.n + SEAL_TAG));
	pack_part_ad(p->keys->context, &part, ad);
	pack_part_nonce(&part, nonce);
	aead_seal(out->p + out->n, &p->keys->pack, nonce,
		span_of(ad, sizeof(ad)), in);
	out->n += in.n + SEAL_TAG;
	row->codec = CODEC_LZ4;
	row->sealed = (uint32_t)(in.n + SEAL_TAG);
}

static void
put_blocks(struct buf *out, struct opened *p)
{
	struct block_scratch scratch = {BUF_INIT, BUF_INIT};

	for (uint32_t i = 0; i < p->blocks; i++) {
		_cleanup_buf_ struct buf sealed = BUF_INIT;
		struct pack_block *row = &p->map[i];
		size_t at = out->n;

		row->offset = (uint32_t)at;
		if (i == 0 && p->garbled) {
			put_garbled(out, p, row);
		} else {
			MUST(block_seal(&sealed, &row->codec, p->keys,
				p->block_number[i], buf_span(&p->plain[i]),
				&scratch));
			put(out, sealed.p, sealed.n);
			row->sealed = (uint32_t)sealed.n;
		}
		if (p->refs[i].n > 0)
			put_sealed(out, p, PACK_REFS, p->refs_number[i],
				buf_span(&p->refs[i]));
	}
	block_scratch_free(&scratch);
}

static void
put_tables(
	struct buf *out, const struct opened *p, const struct pack_trailer *t)
{
	_cleanup_buf_ struct buf map = BUF_INIT, table = BUF_INIT;
	uint8_t row[PACK_ROW_SIZE];

	for (uint32_t i = 0; i < p->blocks; i++) {
		pack_block_encode(&p->map[i], row);
		put(&map, row, PACK_BLOCK_SIZE);
	}
	for (uint32_t i = 0; i < p->rows; i++) {
		pack_row_encode(&p->table[i], row);
		put(&table, row, PACK_ROW_SIZE);
	}
	for (uint32_t i = 0; i < pack_map_slices(t); i++) {
		struct pack_slice s = pack_map_slice(t, i);

		put_sealed(out, p, PACK_MAP, i + p->map_number,
			span_of(map.p + (size_t)s.first * PACK_BLOCK_SIZE,
				s.plain));
		if (p->map_tag)
			out->p[out->n - 1] ^= 1;
	}
	for (uint32_t i = 0; i < pack_table_slices(t); i++) {
		struct pack_slice s = pack_table_slice(t, i);

		put_sealed(out, p, PACK_TABLE, i + p->table_number,
			span_of(table.p + (size_t)s.first * PACK_ROW_SIZE,
				s.plain));
	}
}

static void
put_header(struct buf *out, struct opened *p, const struct session *s)
{
	const struct epoch *epoch = unlock_epoch(s->access, 1, p->wrap_epoch);
	uint8_t bytes[PACK_HEADER_SIZE];

	pack_context(&p->header, p->keys->context);
	MUST(seal_wrap(p->header.wrap[0], &epoch->pair.pk, "pack",
		span_of(p->keys->context, sizeof(p->keys->context)),
		span_of(p->keys->pack.b, sizeof(p->keys->pack.b))));
	pack_header_encode(&p->header, bytes);
	put(out, bytes, sizeof(bytes));
}

static void
put_zero(struct buf *out, uint64_t to)
{
	while (out->n < to)
		put(out, "", 1);
}

static void
put_together(struct buf *out, struct opened *p, const struct session *s)
{
	struct pack_trailer trailer;
	struct pack_shape shape;
	struct pack_tail tail;
	uint8_t plain[PACK_TRAILER_SIZE], bytes[PACK_TAIL_SIZE];

	put_header(out, p, s);
	put_blocks(out, p);
	MUST(pack_trailer_plan(p->blocks, p->rows, out->n, &trailer));
	put_tables(out, p, &trailer);
	pack_shape_plan(&trailer, &shape);
	put_zero(out, shape.trailer_at);
	pack_trailer_encode(&trailer, plain);
	put_sealed(out, p, PACK_TRAILER, 0, span_of(plain, sizeof(plain)));
	if (p->trailer_tag)
		out->p[out->n - 1] ^= 1;
	put_zero(out, shape.tail_at);
	tail = (struct pack_tail){
		.slices = shape.slices, .file_slices = shape.file_slices};
	pack_tail_encode(&tail, bytes);
	put(out, bytes, sizeof(bytes));
}

/* ---- verbs ---- */

/* Open the first pack that an edit can be made in; NULL: there is none. */
static struct packs_file *
find_pack(const struct session *s, const struct edit *edit, struct root *ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (uint64_t n = 0; n < store_leaves(s->store); n++) {
		_cleanup_pack_ struct packs_file *p = NULL;
		struct leaf_pack pack;
		struct leaf leaf;

		MUST(store_leaf(s->store, n, &b, &leaf, NULL, &f));
		if (leaf.type != LEAF_PACK ||
			leaf_pack_decode(leaf.clear, &pack) != 0)
			continue;
		MUST(packs_open(store_dirfd(s->store), store_id_peek(s->store),
			pack.ordinal, &pack.root, &p, &f));
		MUST(packs_unlock(p, unlock_ref_keys(s->access, 1), &f));
		*ret = pack.root;
		if (packs_header_peek(p)->kind == edit->kind &&
			packs_blocks(p) >= edit->blocks &&
			packs_rows(p) >= edit->rows)
			return take_ptr(&p);
	}
	return NULL;
}

static int
reseal(const char *dir, const char *pass, const char *name)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	_cleanup_buf_ struct buf out = BUF_INIT;
	const struct edit *edit = NULL;
	struct opened p = {.file = NULL};
	char path[LAYOUT_NAME];
	struct root root;

	for (size_t i = 0; i < array_len(edits); i++) {
		if (strcmp(edits[i].name, name) == 0)
			edit = &edits[i];
	}
	if (!edit)
		return 2;
	MUST(session_open(dir, pass, 1U << 20, &s, &f));
	p.file = find_pack(&s, edit, &root);
	if (!p.file) {
		fprintf(stderr, "forge: no pack for %s\n", name);
		return 2;
	}
	take_apart(&p, &s);
	edit->fn(&p);
	put_together(&out, &p, &s);
	layout_pack(path, &root);
	lib_write(dir, path, buf_span(&out));
	return 0;
}

int
main(int argc, char **argv)
{
	if (secmem_init() == -EIO)
		return 2;
	if (argc == 4 && strcmp(argv[1], "resign") == 0) {
		resign_store(argv[2], argv[3]);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "epoch") == 0) {
		resign_add_epoch(argv[2]);
		return 0;
	}
	if (argc == 5 && strcmp(argv[1], "reseal") == 0)
		return reseal(argv[2], argv[3], argv[4]);
	if (argc == 2 && strcmp(argv[1], "edits") == 0) {
		for (size_t i = 0; i < array_len(edits); i++)
			puts(edits[i].name);
		return 0;
	}
	fputs("usage: forge resign SRC DST | epoch STORE | edits |\n"
	      "       reseal STORE PASSPHRASE-FILE EDIT\n",
		stderr);
	return 2;
}
