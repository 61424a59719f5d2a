/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/file.h"

#include "format/content.h"
#include "keys/id.h"
#include "util/buf.h"
#include "util/le.h"
#include "util/mem.h"

#include <errno.h>
#include <string.h>

#define NODE_MIN 256u
#define NODE_MODULUS 768u
#define LEVELS 8u /* 256^8 entries: more than an i64 has bytes */
#define BUFFER (2u * CUT_MAX)

struct level {
	struct content_piece *pieces;
	struct ref *refs;
	uint32_t n;
	uint32_t nrefs;
	uint64_t length;
};

struct file_builder {
	struct ingest *in;
	struct cut_table table;
	enum cutter cutter;
	struct level level[LEVELS];
	struct ordinals packs;
	uint8_t *bytes; /* BUFFER: read but not cut yet */
	size_t n;
	uint64_t length;     /* of the file so far */
	uint64_t last_piece; /* length of the last data entry of level 0 */
	struct buf node;     /* scratch */
};

static int
out_of_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, "file", NULL);
}

void
file_begin(struct file_builder *b, enum cutter cutter)
{
	size_t i;

	for (i = 0; i < LEVELS; i++)
		b->level[i].n = b->level[i].nrefs = 0;
	for (i = 0; i < LEVELS; i++)
		b->level[i].length = 0;
	ordinals_clear(&b->packs);
	b->cutter = cutter;
	b->n = 0;
	b->length = 0;
	b->last_piece = 0;
}

uint64_t
file_length(const struct file_builder *b)
{
	return b->length;
}

static int add_data(struct file_builder *b, size_t level, const struct ref *ref,
	uint64_t length, struct fault *f);

/* Store the node that a level holds and empty the level. */
static int
store_node(
	struct file_builder *b, size_t level, struct ref *ret, struct fault *f)
{
	struct level *l = &b->level[level];
	int r;

	buf_clear(&b->node);
	r = content_encode(&b->node, (uint8_t)level,
		(enum content_cutter)b->cutter, l->pieces, l->n);
	if (r != 0)
		return fault_errno(
			f, FAULT_INTERNAL, r, "file", "content node");
	r = ingest_put(b->in, OBJECT_CONTENT, buf_span(&b->node), l->refs,
		l->nrefs, ret, f);
	if (r != 0)
		return r;
	if (ordinals_add(&b->packs, ret->addr.ordinal) != 0)
		return out_of_memory(f);
	l->n = l->nrefs = 0;
	l->length = 0;
	if (level == 0)
		b->last_piece = 0;
	return 0;
}

static int
close_level(struct file_builder *b, size_t level, struct fault *f)
{
	uint64_t length = b->level[level].length;
	struct ref ref;
	int r;

	if (level + 1 == LEVELS)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "file", "size");
	r = store_node(b, level, &ref, f);
	return r != 0 ? r : add_data(b, level + 1, &ref, length, f);
}

static int
add_entry(struct file_builder *b, size_t level, enum content_kind kind,
	uint64_t length, struct fault *f)
{
	struct level *l = &b->level[level];

	if (l->pieces == NULL) {
		l->pieces = mem_array(CONTENT_WRITE_MAX, sizeof(*l->pieces));
		l->refs = mem_array(CONTENT_WRITE_MAX, sizeof(*l->refs));
		if (l->pieces == NULL || l->refs == NULL)
			return out_of_memory(f);
	}
	l->length += length;
	l->pieces[l->n++] = (struct content_piece){kind, l->length};
	return 0;
}

static int
add_data(struct file_builder *b, size_t level, const struct ref *ref,
	uint64_t length, struct fault *f)
{
	struct level *l = &b->level[level];
	int r;

	r = add_entry(b, level, CONTENT_DATA, length, f);
	if (r != 0)
		return r;
	l->refs[l->nrefs++] = *ref;
	if (level == 0)
		b->last_piece = length;
	if (l->n == CONTENT_WRITE_MAX ||
		(l->n >= NODE_MIN && le32_get(ref->id.b) % NODE_MODULUS == 0))
		return close_level(b, level, f);
	return 0;
}

/* Lengthen the last entry if it is of this kind, else add one. */
static int
add_run(struct file_builder *b, enum content_kind kind, uint64_t length,
	struct fault *f)
{
	struct level *l = &b->level[0];
	int r;

	if (l->n > 0 && l->pieces[l->n - 1].kind == kind) {
		l->length += length;
		l->pieces[l->n - 1].end = l->length;
		return 0;
	}
	r = add_entry(b, 0, kind, length, f);
	if (r == 0 && l->n == CONTENT_WRITE_MAX)
		r = close_level(b, 0, f);
	return r;
}

/* Is the piece the one before it again? */
static bool
repeats(const struct file_builder *b, const struct ref *ref, size_t n)
{
	const struct level *l = &b->level[0];

	return l->n > 0 && l->pieces[l->n - 1].kind != CONTENT_HOLE &&
	       n == b->last_piece && ref_equal(&l->refs[l->nrefs - 1], ref);
}

static int
add_chunk(struct file_builder *b, const uint8_t *p, size_t n, struct fault *f)
{
	struct ref ref;
	int r;

	r = ingest_put(b->in, OBJECT_CHUNK, span_of(p, n), NULL, 0, &ref, f);
	if (r != 0)
		return r;
	if (repeats(b, &ref, n))
		return add_run(b, CONTENT_REPEAT, n, f);
	if (ordinals_add(&b->packs, ref.addr.ordinal) != 0)
		return out_of_memory(f);
	return add_data(b, 0, &ref, n, f);
}

/* Cut what is there; all of it at an end, else while a window is full. */
static int
cut(struct file_builder *b, bool end, struct fault *f)
{
	size_t window = cut_window(b->cutter), at = 0, n;
	int r = 0;

	while (r == 0 && b->n > at && (end || b->n - at >= window)) {
		n = cut_next(
			&b->table, b->cutter, b->bytes + at, b->n - at, end);
		r = add_chunk(b, b->bytes + at, n, f);
		at += n;
	}
	memmove(b->bytes, b->bytes + at, b->n - at);
	b->n -= at;
	return r;
}

int
file_data(struct file_builder *b, struct span bytes, struct fault *f)
{
	size_t n;
	int r;

	b->length += bytes.n;
	while (bytes.n > 0) {
		n = BUFFER - b->n;
		if (n > bytes.n)
			n = bytes.n;
		memcpy(b->bytes + b->n, bytes.p, n);
		b->n += n;
		bytes.p += n;
		bytes.n -= n;
		r = cut(b, false, f);
		if (r != 0)
			return r;
	}
	return 0;
}

int
file_hole(struct file_builder *b, uint64_t length, struct fault *f)
{
	int r;

	r = cut(b, true, f);
	if (r != 0)
		return r;
	b->length += length;
	return add_run(b, CONTENT_HOLE, length, f);
}

/* Close the levels from below; what is alone at the top is the root. */
static int
close_tree(struct file_builder *b, struct ref *ret, struct fault *f)
{
	size_t level, top = LEVELS - 1;
	int r;

	while (b->level[top].n == 0)
		top--;
	for (level = 0; level < top; level++) {
		if (b->level[level].n == 0)
			continue;
		r = close_level(b, level, f);
		if (r != 0)
			return r;
	}
	/* Closing a level may have closed those above it, the top too. */
	while (b->level[top].n == 0)
		top++;
	if (top > 0 && b->level[top].n == 1) {
		*ret = b->level[top].refs[0];
		return 0;
	}
	return store_node(b, top, ret, f);
}

/* Is the whole file one entry? */
static bool
single(const struct file_builder *b)
{
	size_t i;

	for (i = 1; i < LEVELS; i++)
		if (b->level[i].n != 0)
			return false;
	return b->level[0].n == 1;
}

int
file_end(struct file_builder *b, struct file_content *ret, struct fault *f)
{
	const struct level *l = &b->level[0];
	int r;

	r = cut(b, true, f);
	if (r != 0)
		return r;
	ret->packs = &b->packs;
	ret->content = 0;
	if (b->length == 0 || (single(b) && l->pieces[0].kind == CONTENT_HOLE))
		return 0;
	if (single(b)) {
		ret->content = OBJECT_CHUNK;
		ret->ref = l->refs[0];
		return 0;
	}
	ret->content = OBJECT_CONTENT;
	return close_tree(b, &ret->ref, f);
}

enum cutter
file_cutter(struct span name, uint64_t size, uint32_t links)
{
	static const char *const suffixes[] = {".img", ".raw", ".qcow2",
		".vmdk", ".vdi", ".vhd", ".vhdx", ".ibd", ".mdf", ".ldf",
		".sqlite", ".sqlite3", ".db", ".mdb", ".edb", ".pst"};
	size_t i, n;

	if (size <= CUT_MAX || links > 1)
		return CUTTER_CONTENT;
	for (i = 0; i < array_len(suffixes); i++) {
		n = strlen(suffixes[i]);
		if (name.n > n &&
			memcmp(name.p + name.n - n, suffixes[i], n) == 0)
			break;
	}
	if (i == array_len(suffixes) && !span_eq(name, span_str("ibdata1")))
		return CUTTER_CONTENT;
	return size >= (UINT64_C(64) << 30) ? CUTTER_FIXED_64K
					    : CUTTER_FIXED_16K;
}

int
file_builder_new(struct ingest *in, struct file_builder **ret, struct fault *f)
{
	struct file_builder *b = mem_zalloc(sizeof(*b));

	if (b == NULL)
		return out_of_memory(f);
	b->in = in;
	b->bytes = mem_alloc(BUFFER);
	if (b->bytes == NULL) {
		file_builder_free(b);
		return out_of_memory(f);
	}
	id_gear_table(b->table.gear, ingest_id_keys(in));
	*ret = b;
	return 0;
}

void
file_builder_free(struct file_builder *b)
{
	size_t i;

	if (b == NULL)
		return;
	for (i = 0; i < LEVELS; i++) {
		mem_free(b->level[i].pieces);
		mem_free(b->level[i].refs);
	}
	ordinals_free(&b->packs);
	buf_free(&b->node);
	mem_free(b->bytes);
	mem_free(b);
}
