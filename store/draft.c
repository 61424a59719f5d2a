/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack from its first byte to its name. Until the last step it is a file in
 * incoming/ that nobody believes in.
 *
 * I1. A pack is named by its root, under a name that no other file can have
 *     (its id is random), and is never opened for writing again.
 * I2. Order: file synced, renamed into packs/, both folders synced, flag set,
 *     *pack sealed* leaf signed.
 * I3. Index records are written after that.
 *
 * The file is written in one pass: each slice is hashed when it is full, so
 * that no byte is read again. Table and block map wait in memory (72 and 20
 * bytes a row) for the end.
 */
#include "store/writer_internal.h"

#include "keys/digest.h"
#include "keys/secmem.h"
#include "store/immut.h"
#include "store/layout.h"
#include "store/room.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Bytes that one write moves: 4 slices. */
#define BUFFER (4 * (size_t)SLICE)

/* Bytes between two looks at what the disk has left. */
#define LOOK (1024U * 1024U)

struct draft {
	int storefd;		    /* borrowed */
	const struct ref_keys *ref; /* borrowed */
	struct key *key;	    /* pack reference key, in secmem */
	struct pack_header header;
	uint8_t context[PACK_CONTEXT_SIZE];
	uint64_t pull;
	char name[LAYOUT_NAME];
	int fd;
	bool named;  /* the file in incoming/ is there */
	bool begun;  /* the header is written */
	bool failed; /* only good to be dropped */
	uint8_t *buffer;
	size_t used;
	uint64_t at;	   /* bytes so far, those in the buffer included */
	uint64_t looked;   /* at, when the disk had room */
	struct buf leaves; /* slice hashes */
	struct buf map;	   /* block map rows */
	struct buf table;  /* table rows */
	struct buf sealed; /* scratch */
	uint32_t blocks;
	uint32_t rows;
};

static int
no_memory(struct draft *d, struct fault *f)
{
	d->failed = true;
	return fault_set(f, FAULT_NO_MEMORY, d->name, NULL);
}

static int
failed(struct draft *d, struct fault *f, int err, const char *doing)
{
	d->failed = true;
	return trouble_io(f, err, d->name, doing);
}

/* ---- begin and drop ---- */

static int
open_draft(struct draft *d, struct fault *f)
{
	layout_incoming(d->name, &d->header.pack);
	d->fd = io_openat(d->storefd, d->name,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (d->fd < 0)
		return failed(d, f, d->fd, "making a pack");
	d->named = true;
	d->key = secmem_alloc(sizeof(*d->key));
	d->buffer = mem_alloc(BUFFER);
	if (!d->key || !d->buffer)
		return no_memory(d, f);
	ref_pack_key(d->key, d->ref, &d->header.store, &d->header.pack);
	pack_context(&d->header, d->context);
	return 0;
}

int
draft_begin(struct writer *w, enum pack_kind kind, uint32_t compartment,
	uint64_t pull, struct draft **ret, struct fault *f)
{
	_cleanup_draft_ struct draft *d = NULL;
	uint8_t pk[32];
	int err;

	err = writer_alive(w, f);
	if (err == 0)
		err = room_check(writer_dirfd(w), f);
	if (err < 0)
		return err;
	d = mem_zalloc(sizeof(*d));
	if (!d)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_INCOMING, NULL);
	d->fd = -1;
	d->storefd = writer_dirfd(w);
	d->pull = pull;
	d->ref = writer_ref_keys(w, compartment);
	if (!d->ref)
		return fault_set(f, FAULT_KEY_MISSING, LAYOUT_KEYS,
			"the secret of compartment %u is not held",
			compartment);
	d->header = (struct pack_header){.kind = kind,
		.store = *writer_store_peek(w),
		.compartment = compartment,
		.ordinal = w->next_ordinal,
		.wraps = 1};
	if (d->header.ordinal > FORMAT_PACKS_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, LAYOUT_PACKS,
			"a store has at most %u packs", FORMAT_PACKS_MAX);
	random_bytes(d->header.pack.b, sizeof(d->header.pack.b));
	err = writer_epoch(w, compartment, &d->header.epoch, pk, f);
	if (err == 0)
		err = open_draft(d, f);
	if (err < 0)
		return err;
	w->next_ordinal++;
	*ret = take_ptr(&d);
	return 0;
}

void
draft_drop(struct draft *d)
{
	if (!d)
		return;
	cleanup_close(&d->fd);
	/* What stays is swept by the next writer. */
	if (d->named)
		(void)io_unlinkat(d->storefd, d->name, 0);
	secmem_free(d->key);
	mem_free(d->buffer);
	buf_free(&d->leaves);
	buf_free(&d->map);
	buf_free(&d->table);
	buf_free(&d->sealed);
	mem_free(d);
}

uint32_t
draft_ordinal(const struct draft *d)
{
	return d->header.ordinal;
}

struct span
draft_header_context(const struct draft *d)
{
	return span_of(d->context, sizeof(d->context));
}

int
draft_wrap(struct draft *d, struct span wrap, struct fault *f)
{
	if (wrap.n != PACK_WRAP_SIZE || d->begun)
		return fault_set(f, FAULT_INTERNAL, d->name,
			"its wrap has a wrong length or comes late");
	memcpy(d->header.wrap[0], wrap.p, wrap.n);
	return 0;
}

/* ---- bytes ---- */

/* Write the buffer; hash it where it belongs to the hashed region. */
static int
flush(struct draft *d, bool hashed, struct fault *f)
{
	int err;

	for (size_t i = 0; hashed && i < d->used; i += SLICE) {
		struct root leaf;

		assert(d->used % SLICE == 0);
		digest_slice(&leaf, span_of(d->buffer + i, SLICE));
		if (buf_append(&d->leaves, &leaf, sizeof(leaf)) != 0)
			return no_memory(d, f);
	}
	err = io_write_full(d->fd, d->buffer, d->used);
	if (err < 0)
		return failed(d, f, err, "writing a pack");
	d->used = 0;
	return 0;
}

/* Room for up to n bytes at the end of the buffer. */
static size_t
room(const struct draft *d, uint64_t n)
{
	return n < BUFFER - d->used ? (size_t)n : BUFFER - d->used;
}

static int
advance(struct draft *d, size_t n, bool hashed, struct fault *f)
{
	d->used += n;
	d->at += n;
	return d->used == BUFFER ? flush(d, hashed, f) : 0;
}

static int
put(struct draft *d, struct span s, bool hashed, struct fault *f)
{
	while (s.n > 0) {
		size_t n = room(d, s.n);
		int err;

		memcpy(d->buffer + d->used, s.p, n);
		err = advance(d, n, hashed, f);
		if (err < 0)
			return err;
		s = span_of(s.p + n, s.n - n);
	}
	return 0;
}

/* Random bytes up to an offset: nobody can tell how long the padding is. */
static int
put_padding(struct draft *d, uint64_t to, struct fault *f)
{
	while (d->at < to) {
		size_t n = room(d, to - d->at);
		int err;

		random_bytes(d->buffer + d->used, n);
		err = advance(d, n, true, f);
		if (err < 0)
			return err;
	}
	return 0;
}

static int
put_zero(struct draft *d, uint64_t to, struct fault *f)
{
	while (d->at < to) {
		size_t n = room(d, to - d->at);
		int err;

		memset(d->buffer + d->used, 0, n);
		err = advance(d, n, false, f);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Seal under the pack reference key and write. */
static int
put_sealed(struct draft *d, enum pack_domain domain, uint32_t number,
	struct span plain, struct fault *f)
{
	const struct pack_part part = {.domain = domain,
		.number = number,
		.plain_len = (uint32_t)plain.n};
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE];

	buf_clear(&d->sealed);
	if (buf_reserve(&d->sealed, plain.n + SEAL_TAG) != 0)
		return no_memory(d, f);
	pack_part_ad(d->context, &part, ad);
	pack_part_nonce(&part, nonce);
	aead_seal(d->sealed.p, d->key, nonce, span_of(ad, sizeof(ad)), plain);
	return put(d, span_of(d->sealed.p, plain.n + SEAL_TAG), true, f);
}

/* ---- blocks ---- */

static int
begin_file(struct draft *d, struct fault *f)
{
	uint8_t bytes[PACK_HEADER_SIZE];

	if (d->begun)
		return 0;
	pack_header_encode(&d->header, bytes);
	d->begun = true;
	return put(d, span_of(bytes, sizeof(bytes)), true, f);
}

/* Table rows of a block's objects; their references are used up in order. */
static int
add_rows(struct draft *d, const struct draft_block *b,
	const struct pack_block *block, struct fault *f)
{
	uint32_t first = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct draft_object *o = &b->objects[i];
		struct pack_row row = {.id = o->id,
			.block = d->blocks,
			.offset = o->offset,
			.length = o->length,
			.first_ref = o->nrefs > 0 ? first : 0,
			.refs = o->nrefs,
			.type = o->type};
		uint8_t bytes[PACK_ROW_SIZE];

		if (o->nrefs > FORMAT_REFS_MAX ||
			pack_row_within(&row, block) != 0)
			return -EINVAL;
		ref_digest(row.digest, d->ref,
			span_of(b->refs.p + (size_t)first * PACK_REF_SIZE,
				(size_t)o->nrefs * PACK_REF_SIZE));
		pack_row_encode(&row, bytes);
		if (buf_append(&d->table, bytes, sizeof(bytes)) != 0)
			return no_memory(d, f);
		first += o->nrefs;
	}
	return (size_t)first * PACK_REF_SIZE == b->refs.n ? 0 : -EINVAL;
}

/* Would the pack with this block be within the limits? */
static int
check_block(const struct draft *d, const struct draft_block *b)
{
	uint64_t end = d->at + b->sealed.n + b->refs.n + SEAL_TAG;
	struct pack_trailer plan;

	if (b->n == 0 || b->sealed.n < SEAL_TAG ||
		b->sealed.n > FORMAT_BLOCK_MAX + SEAL_TAG ||
		b->plain_len > FORMAT_BLOCK_MAX ||
		b->n > FORMAT_PACK_ROWS_MAX ||
		b->refs.n > (uint64_t)b->n * FORMAT_REFS_MAX * PACK_REF_SIZE ||
		b->refs.n > FORMAT_PACK_MAX / 2)
		return -EINVAL;
	if (!d->begun)
		end += PACK_HEADER_SIZE;
	return pack_trailer_plan(d->blocks + 1, d->rows + b->n, end, &plan);
}

int
draft_block(struct draft *d, const struct draft_block *b, struct fault *f)
{
	struct pack_block block = {.sealed = (uint32_t)b->sealed.n,
		.plain = b->plain_len,
		.codec = b->codec};
	uint8_t bytes[PACK_BLOCK_SIZE];
	int err;

	if (d->failed)
		return fault_set(f, FAULT_IO, d->name,
			"an earlier write to this pack failed");
	if (d->at - d->looked >= LOOK) {
		err = room_check(d->storefd, f);
		if (err < 0) {
			d->failed = true;
			return err;
		}
		d->looked = d->at;
	}
	err = check_block(d, b);
	if (err == 0)
		err = begin_file(d, f);
	if (err < 0)
		goto bad;
	block.offset = (uint32_t)d->at;
	if (b->refs.n > 0)
		block.refs_sealed = (uint32_t)(b->refs.n + SEAL_TAG);
	err = add_rows(d, b, &block, f);
	if (err < 0)
		goto bad;
	pack_block_encode(&block, bytes);
	if (buf_append(&d->map, bytes, sizeof(bytes)) != 0)
		return no_memory(d, f);
	err = put(d, b->sealed, true, f);
	if (err == 0 && b->refs.n > 0)
		err = put_sealed(d, PACK_REFS, d->blocks, b->refs, f);
	if (err < 0)
		return err;
	d->blocks++;
	d->rows += b->n;
	return 0;
bad:
	d->failed = true;
	if (err == -EFBIG)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, d->name,
			"the pack would be too large");
	if (err == -EINVAL)
		return fault_set(f, FAULT_INTERNAL, d->name,
			"a block's parts contradict each other");
	return err;
}

/* ---- seal ---- */

static int
put_map(struct draft *d, const struct pack_trailer *trailer, struct fault *f)
{
	for (uint32_t i = 0; i < pack_map_slices(trailer); i++) {
		struct pack_slice s = pack_map_slice(trailer, i);
		int err;

		assert(s.at == d->at);
		err = put_sealed(d, PACK_MAP, i,
			span_of(d->map.p + (size_t)s.first * PACK_BLOCK_SIZE,
				s.plain),
			f);
		if (err < 0)
			return err;
	}
	return 0;
}

static int
put_table(struct draft *d, const struct pack_trailer *trailer, struct fault *f)
{
	for (uint32_t i = 0; i < pack_table_slices(trailer); i++) {
		struct pack_slice s = pack_table_slice(trailer, i);
		int err;

		assert(s.at == d->at);
		err = put_sealed(d, PACK_TABLE, i,
			span_of(d->table.p + (size_t)s.first * PACK_ROW_SIZE,
				s.plain),
			f);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Slice tree, zero bytes, tail. */
static int
put_end(struct draft *d, const struct pack_shape *shape, struct root *root,
	struct fault *f)
{
	struct pack_tail tail = {
		.slices = shape->slices, .file_slices = shape->file_slices};
	uint8_t bytes[PACK_TAIL_SIZE];
	_cleanup_free_ struct root *leaves = mem_dup(d->leaves.p, d->leaves.n);
	int err;

	if (!leaves)
		return no_memory(d, f);
	assert(d->leaves.n == shape->slices * sizeof(*leaves));
	digest_slice_root(&tail.root, leaves, shape->slices);
	pack_tail_encode(&tail, bytes);
	err = put(d, buf_span(&d->leaves), false, f);
	if (err == 0)
		err = put_zero(d, shape->tail_at, f);
	if (err == 0)
		err = put(d, span_of(bytes, sizeof(bytes)), false, f);
	if (err == 0 && d->used > 0)
		err = flush(d, false, f);
	if (err < 0)
		return err;
	assert(d->at == shape->file_size);
	*root = tail.root;
	return 0;
}

static int
finish_file(struct draft *d, struct root *root, struct fault *f)
{
	struct pack_trailer trailer;
	struct pack_shape shape;
	uint8_t bytes[PACK_TRAILER_SIZE];
	int err;

	if (d->failed || d->blocks == 0)
		return fault_set(f, FAULT_INTERNAL, d->name,
			"a failed or empty pack cannot be sealed");
	if (pack_trailer_plan(d->blocks, d->rows, d->at, &trailer) != 0)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, d->name,
			"the pack would be too large");
	pack_shape_plan(&trailer, &shape);
	pack_trailer_encode(&trailer, bytes);
	err = put_map(d, &trailer, f);
	if (err == 0)
		err = put_table(d, &trailer, f);
	if (err == 0)
		err = put_padding(d, shape.trailer_at, f);
	if (err == 0)
		err = put_sealed(
			d, PACK_TRAILER, 0, span_of(bytes, sizeof(bytes)), f);
	/* The region ends with a slice; what follows is not hashed. */
	if (err == 0 && d->used > 0)
		err = flush(d, true, f);
	return err < 0 ? err : put_end(d, &shape, root, f);
}

static int
sync_folder(int storefd, const char *name)
{
	_cleanup_close_ int fd = -1;

	fd = io_openat(storefd, name, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? fd : io_fsync_dirfd(fd);
}

/* Give the synced file its name: I1, I2. */
static int
name_file(struct draft *d, const struct root *root)
{
	char folder[LAYOUT_NAME], name[LAYOUT_NAME];
	int err;

	layout_pack_folder(folder, root);
	layout_pack(name, root);
	err = io_mkdirat(d->storefd, folder, 0700);
	if (err < 0 && err != -EEXIST)
		return err;
	err = io_renameat(d->storefd, d->name, d->storefd, name, true);
	/* A filesystem that cannot promise not to replace; there is nothing
	 * that could be replaced. */
	if (err == -EINVAL)
		err = io_renameat(d->storefd, d->name, d->storefd, name, false);
	if (err < 0)
		return err;
	d->named = false;
	err = sync_folder(d->storefd, folder);
	/* After the folder that it names. One that was there may be the work
	 * of a process that was killed before this. */
	if (err == 0)
		err = sync_folder(d->storefd, LAYOUT_PACKS);
	if (err == 0)
		err = sync_folder(d->storefd, LAYOUT_INCOMING);
	return err;
}

static int
place_file(struct draft *d, const struct root *root, struct fault *f)
{
	int err = 0;

	if (fchmod(d->fd, 0444) < 0)
		err = -errno;
	if (err == 0)
		err = io_fsync(d->fd);
	if (err == 0)
		err = name_file(d, root);
	if (err < 0)
		return failed(d, f, err, "making a pack durable");
	/* Where there is no such flag, or no right to it, the mode is all
	 * that can be had: packs_protection tells. */
	(void)immut_set(d->fd);
	return 0;
}

/* The *pack sealed* leaf, and the state that it makes. */
static int
announce(struct writer *w, const struct draft *d, const struct root *root,
	struct fault *f)
{
	const struct leaf_pack pack = {.ordinal = d->header.ordinal,
		.compartment = d->header.compartment,
		.pull = d->pull,
		.root = *root};
	uint8_t clear[LEAF_PACK_SIZE];
	uint64_t number;
	int err;

	leaf_pack_encode(&pack, clear);
	err = append_put(w->ledger, LEAF_PACK, span_of(clear, sizeof(clear)),
		span_of(NULL, 0), &number, NULL, f);
	if (err == 0)
		err = append_sign(w->ledger, f);
	if (err == 0)
		err = state_add_pack(&w->state, &pack, number, f);
	return err;
}

/* Index and cache. Nothing here is needed: failures cost time. */
static void
remember(struct writer *w, const struct draft *d)
{
	const struct locality_pack pack = {.ordinal = d->header.ordinal,
		.compartment = d->header.compartment,
		.rows = d->rows};
	const struct mark mark = writer_mark(w);
	struct locality_table *t = locality_table_new(&pack);

	for (uint32_t i = 0; i < d->rows; i++) {
		struct pack_row row;

		if (pack_row_decode(
			    span_of(d->table.p + (size_t)i * PACK_ROW_SIZE,
				    PACK_ROW_SIZE),
			    &row) != 0)
			continue;
		index_put(w->index, &row.id, (struct addr){pack.ordinal, i});
		if (t)
			locality_table_put(t, i, &row);
	}
	index_write(w->index, &mark);
	if (t)
		locality_add(w->locality, t);
}

static int
seal(struct writer *w, struct draft *d, struct fault *f)
{
	struct root root;
	int err;

	err = writer_alive(w, f);
	if (err == 0)
		err = room_check(d->storefd, f);
	if (err == 0)
		err = finish_file(d, &root, f);
	if (err < 0)
		return err;
	err = place_file(d, &root, f);
	if (err == 0)
		err = announce(w, d, &root, f);
	if (err < 0) {
		/* I9 */
		w->dead = true;
		return err;
	}
	remember(w, d);
	return 0;
}

int
draft_seal(struct writer *w, struct draft *d, uint64_t *bytes, struct fault *f)
{
	int err = seal(w, d, f);

	if (err == 0 && bytes)
		*bytes = d->at;
	draft_drop(d);
	return err;
}
