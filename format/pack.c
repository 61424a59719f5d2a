/* SPDX-License-Identifier: Apache-2.0 */
#include "format/pack.h"

#include <assert.h>

#include "format/field.h"

static const char head_magic[8] = {'M', 'U', 'N', 'I', 'P', 'A', 'C', 'K'};

static_assert(PACK_REF_SIZE == FIELD_REF_SIZE, "one layout of references");

void
pack_context(
	const struct pack_header *header, uint8_t context[PACK_CONTEXT_SIZE])
{
	struct wcur w = wcur_init(context, PACK_CONTEXT_SIZE);

	wcur_bytes(&w, head_magic, sizeof(head_magic));
	wcur_u16(&w, FORMAT_VERSION);
	wcur_u16(&w, SUITE_1);
	wcur_u32(&w, (uint32_t)header->kind);
	wcur_bytes(&w, header->store.b, sizeof(header->store.b));
	wcur_u32(&w, header->compartment);
	wcur_u32(&w, header->epoch);
	wcur_u32(&w, header->ordinal);
	wcur_u32(&w, header->wraps);
	wcur_bytes(&w, header->pack.b, sizeof(header->pack.b));
	assert(!w.bad && w.at == PACK_CONTEXT_SIZE);
}

static bool
header_ok(const struct pack_header *header)
{
	if (header->kind != PACK_DATA && header->kind != PACK_META)
		return false;
	return header->compartment > 0 && header->epoch > 0 &&
	       header->ordinal > 0 && header->wraps > 0 &&
	       header->wraps <= PACK_WRAPS_MAX;
}

void
pack_header_encode(
	const struct pack_header *header, uint8_t dst[PACK_HEADER_SIZE])
{
	struct wcur w = wcur_init(dst, PACK_HEADER_SIZE);

	assert(header_ok(header));
	pack_context(header, dst);
	wcur_reserve(&w, PACK_CONTEXT_SIZE);
	for (uint32_t i = 0; i < header->wraps; i++) {
		wcur_u16(&w, SUITE_1);
		wcur_u16(&w, PACK_WRAP_SIZE);
		wcur_bytes(&w, header->wrap[i], PACK_WRAP_SIZE);
	}
	wcur_zero(&w, w.n - w.at);
	assert(!w.bad);
}

/* A wrap with its suite and length. */
static int
header_get_wrap(struct rcur *r, uint8_t wrap[PACK_WRAP_SIZE])
{
	uint16_t suite = rcur_u16(r);
	uint16_t length = rcur_u16(r);

	if (!rcur_ok(r))
		return -EBADMSG;
	if (suite != SUITE_1)
		return field_suite(suite);
	if (length != PACK_WRAP_SIZE)
		return -EBADMSG;
	rcur_bytes(r, wrap, PACK_WRAP_SIZE);
	return 0;
}

int
pack_header_decode(struct span bytes, struct pack_header *ret)
{
	struct rcur r = rcur_init(bytes);
	struct pack_header header = {0};
	int err;

	if (bytes.n != PACK_HEADER_SIZE)
		return -EBADMSG;
	if (!span_eq(rcur_span(&r, 8), span_of(head_magic, 8)))
		return -EBADMSG;
	err = field_get_version_suite(&r);
	if (err)
		return err;
	header.kind = (enum pack_kind)rcur_u32(&r);
	field_get_store(&r, &header.store);
	header.compartment = rcur_u32(&r);
	header.epoch = rcur_u32(&r);
	header.ordinal = rcur_u32(&r);
	header.wraps = rcur_u32(&r);
	rcur_bytes(&r, header.pack.b, sizeof(header.pack.b));
	if (!header_ok(&header))
		return -EBADMSG;
	for (uint32_t i = 0; i < header.wraps; i++) {
		err = header_get_wrap(&r, header.wrap[i]);
		if (err)
			return err;
	}
	rcur_zero(&r, rcur_left(&r));
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = header;
	return 0;
}

void
pack_part_ad(const uint8_t context[PACK_CONTEXT_SIZE],
	const struct pack_part *part, uint8_t ad[PACK_AD_SIZE])
{
	struct wcur w = wcur_init(ad, PACK_AD_SIZE);

	wcur_bytes(&w, context, PACK_CONTEXT_SIZE);
	wcur_u32(&w, part->number);
	wcur_u8(&w, (uint8_t)part->domain);
	wcur_u8(&w, (uint8_t)part->codec);
	wcur_zero(&w, 2);
	wcur_u32(&w, part->plain_len);
	assert(!w.bad && w.at == PACK_AD_SIZE);
}

void
pack_part_nonce(const struct pack_part *part, uint8_t nonce[SEAL_NONCE])
{
	struct wcur w = wcur_init(nonce, SEAL_NONCE);

	wcur_u64(&w, part->number);
	wcur_u8(&w, (uint8_t)part->domain);
	wcur_zero(&w, 15);
	assert(!w.bad && w.at == SEAL_NONCE);
}

void
pack_ref_encode(const struct ref *ref, uint8_t dst[PACK_REF_SIZE])
{
	struct wcur w = wcur_init(dst, PACK_REF_SIZE);

	assert(field_addr_ok(ref->addr));
	field_put_ref(&w, ref);
	assert(!w.bad);
}

int
pack_ref_decode(struct span bytes, struct ref *ret)
{
	struct rcur r = rcur_init(bytes);
	struct ref ref;

	field_get_ref(&r, &ref);
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = ref;
	return 0;
}

static bool
block_sealed_ok(const struct pack_block *block)
{
	switch (block->codec) {
	case CODEC_RAW:
		return block->sealed == block->plain + SEAL_TAG;
	case CODEC_LZ4:
		/* LZ4 only where it is smaller, and never empty. */
		return block->sealed > SEAL_TAG &&
		       block->sealed < block->plain + SEAL_TAG;
	}
	return false;
}

static bool
block_refs_ok(const struct pack_block *block)
{
	if (block->refs_sealed == 0)
		return true;
	return block->refs_sealed > SEAL_TAG &&
	       (block->refs_sealed - SEAL_TAG) % PACK_REF_SIZE == 0 &&
	       pack_block_refs(block) <= FORMAT_BLOCK_REFS_MAX;
}

static bool
block_ok(const struct pack_block *block)
{
	uint64_t end =
		(uint64_t)block->offset + block->sealed + block->refs_sealed;

	if (block->plain == 0 || block->plain > FORMAT_BLOCK_MAX)
		return false;
	return block->offset >= PACK_HEADER_SIZE && end < FORMAT_PACK_MAX &&
	       block_sealed_ok(block) && block_refs_ok(block);
}

void
pack_block_encode(const struct pack_block *block, uint8_t dst[PACK_BLOCK_SIZE])
{
	struct wcur w = wcur_init(dst, PACK_BLOCK_SIZE);

	assert(block_ok(block));
	wcur_u32(&w, block->offset);
	wcur_u32(&w, block->sealed);
	wcur_u32(&w, block->refs_sealed);
	wcur_u32(&w, block->plain);
	wcur_u8(&w, (uint8_t)block->codec);
	wcur_zero(&w, 3);
	assert(!w.bad && w.at == PACK_BLOCK_SIZE);
}

int
pack_block_decode(struct span bytes, struct pack_block *ret)
{
	struct rcur r = rcur_init(bytes);
	struct pack_block block;

	block.offset = rcur_u32(&r);
	block.sealed = rcur_u32(&r);
	block.refs_sealed = rcur_u32(&r);
	block.plain = rcur_u32(&r);
	block.codec = (enum codec)rcur_u8(&r);
	rcur_zero(&r, 3);
	if (rcur_end(&r) != 0 || !block_ok(&block))
		return -EBADMSG;
	*ret = block;
	return 0;
}

uint32_t
pack_block_refs(const struct pack_block *block)
{
	if (block->refs_sealed < SEAL_TAG)
		return 0;
	return (block->refs_sealed - SEAL_TAG) / PACK_REF_SIZE;
}

static bool
row_refs_ok(const struct pack_row *row)
{
	static const uint8_t zero[16];

	switch (row->type) {
	case OBJECT_CHUNK:
	case OBJECT_ATTRS:
	case OBJECT_LINK:
		if (row->refs > 0)
			return false;
		break;
	case OBJECT_CONTENT:
	case OBJECT_DIRPAGE:
	case OBJECT_DIRNODE:
	case OBJECT_SNAPROOT:
	case OBJECT_PROBLEMS:
		break;
	default:
		return false;
	}
	if (row->refs == 0)
		return memcmp(row->digest, zero, sizeof(zero)) == 0;
	return row->refs <= FORMAT_REFS_MAX;
}

static bool
row_ok(const struct pack_row *row)
{
	uint32_t max = row->type == OBJECT_CHUNK ? FORMAT_CHUNK_MAX
						 : FORMAT_OBJECT_MAX;

	return row_refs_ok(row) && row->block < FORMAT_PACK_BLOCKS_MAX &&
	       row->length <= max &&
	       row->offset <= FORMAT_BLOCK_MAX - row->length;
}

void
pack_row_encode(const struct pack_row *row, uint8_t dst[PACK_ROW_SIZE])
{
	struct wcur w = wcur_init(dst, PACK_ROW_SIZE);

	assert(row_ok(row));
	field_put_id(&w, &row->id);
	wcur_bytes(&w, row->digest, sizeof(row->digest));
	wcur_u32(&w, row->block);
	wcur_u32(&w, row->offset);
	wcur_u32(&w, row->length);
	wcur_u32(&w, row->first_ref);
	wcur_u32(&w, row->refs);
	wcur_u8(&w, (uint8_t)row->type);
	wcur_zero(&w, 3);
	assert(!w.bad && w.at == PACK_ROW_SIZE);
}

int
pack_row_decode(struct span bytes, struct pack_row *ret)
{
	struct rcur r = rcur_init(bytes);
	struct pack_row row;

	field_get_id(&r, &row.id);
	rcur_bytes(&r, row.digest, sizeof(row.digest));
	row.block = rcur_u32(&r);
	row.offset = rcur_u32(&r);
	row.length = rcur_u32(&r);
	row.first_ref = rcur_u32(&r);
	row.refs = rcur_u32(&r);
	row.type = (enum object_type)rcur_u8(&r);
	rcur_zero(&r, 3);
	if (rcur_end(&r) != 0 || !row_ok(&row))
		return -EBADMSG;
	*ret = row;
	return 0;
}

int
pack_row_within(const struct pack_row *row, const struct pack_block *block)
{
	uint64_t end = (uint64_t)row->offset + row->length;
	uint64_t refs_end = (uint64_t)row->first_ref + row->refs;

	if (end > block->plain)
		return -EBADMSG;
	if (row->refs > 0 && refs_end > pack_block_refs(block))
		return -EBADMSG;
	return 0;
}

/* Sealed length of rows of size bytes in slices of per. */
static uint64_t
sliced_size(uint32_t rows, uint32_t size, uint32_t per)
{
	uint64_t slices = ((uint64_t)rows + per - 1) / per;

	return (uint64_t)rows * size + slices * SEAL_TAG;
}

int
pack_trailer_plan(uint32_t blocks, uint32_t rows, uint64_t map_at,
	struct pack_trailer *ret)
{
	struct pack_trailer t = {blocks, rows, map_at, 0, 0};
	struct pack_shape shape;

	if (blocks > FORMAT_PACK_BLOCKS_MAX || rows > FORMAT_PACK_ROWS_MAX ||
		map_at > FORMAT_PACK_MAX)
		return -EFBIG;
	t.table_at = map_at +
		     sliced_size(blocks, PACK_BLOCK_SIZE, BLOCKMAP_SLICE_ROWS);
	t.padding_at =
		t.table_at + sliced_size(rows, PACK_ROW_SIZE, TABLE_SLICE_ROWS);
	pack_shape_plan(&t, &shape);
	if (shape.file_size > FORMAT_PACK_MAX)
		return -EFBIG;
	*ret = t;
	return 0;
}

static bool
trailer_ok(const struct pack_trailer *trailer)
{
	struct pack_trailer plan;

	if (trailer->map_at < PACK_HEADER_SIZE)
		return false;
	if (pack_trailer_plan(trailer->blocks, trailer->rows, trailer->map_at,
		    &plan) != 0)
		return false;
	return trailer->table_at == plan.table_at &&
	       trailer->padding_at == plan.padding_at;
}

void
pack_trailer_encode(
	const struct pack_trailer *trailer, uint8_t dst[PACK_TRAILER_SIZE])
{
	struct wcur w = wcur_init(dst, PACK_TRAILER_SIZE);

	assert(trailer_ok(trailer));
	wcur_u32(&w, trailer->blocks);
	wcur_u32(&w, trailer->rows);
	wcur_u64(&w, trailer->map_at);
	wcur_u64(&w, trailer->table_at);
	wcur_u64(&w, trailer->padding_at);
	wcur_zero(&w, 32);
	assert(!w.bad && w.at == PACK_TRAILER_SIZE);
}

int
pack_trailer_decode(struct span bytes, struct pack_trailer *ret)
{
	struct rcur r = rcur_init(bytes);
	struct pack_trailer trailer;

	trailer.blocks = rcur_u32(&r);
	trailer.rows = rcur_u32(&r);
	trailer.map_at = rcur_u64(&r);
	trailer.table_at = rcur_u64(&r);
	trailer.padding_at = rcur_u64(&r);
	rcur_zero(&r, 32);
	if (rcur_end(&r) != 0 || !trailer_ok(&trailer))
		return -EBADMSG;
	*ret = trailer;
	return 0;
}

int
pack_block_within(
	const struct pack_block *block, const struct pack_trailer *trailer)
{
	uint64_t end =
		(uint64_t)block->offset + block->sealed + block->refs_sealed;

	if (block->offset < PACK_HEADER_SIZE || end > trailer->map_at)
		return -EBADMSG;
	return 0;
}

uint32_t
pack_map_slices(const struct pack_trailer *trailer)
{
	return (trailer->blocks + BLOCKMAP_SLICE_ROWS - 1) /
	       BLOCKMAP_SLICE_ROWS;
}

uint32_t
pack_table_slices(const struct pack_trailer *trailer)
{
	return (trailer->rows + TABLE_SLICE_ROWS - 1) / TABLE_SLICE_ROWS;
}

/* Slice i of total rows of size bytes, per to a slice, from offset at on. */
static struct pack_slice
slice_of(uint32_t total, uint32_t size, uint32_t per, uint32_t i)
{
	struct pack_slice s;

	assert((uint64_t)i * per < total);
	s.first = i * per;
	s.rows = total - s.first < per ? total - s.first : per;
	s.plain = s.rows * size;
	s.sealed = s.plain + SEAL_TAG;
	s.at = (uint64_t)i * (per * size + SEAL_TAG);
	return s;
}

struct pack_slice
pack_map_slice(const struct pack_trailer *trailer, uint32_t i)
{
	struct pack_slice s = slice_of(
		trailer->blocks, PACK_BLOCK_SIZE, BLOCKMAP_SLICE_ROWS, i);

	s.at += trailer->map_at;
	return s;
}

struct pack_slice
pack_table_slice(const struct pack_trailer *trailer, uint32_t i)
{
	struct pack_slice s =
		slice_of(trailer->rows, PACK_ROW_SIZE, TABLE_SLICE_ROWS, i);

	s.at += trailer->table_at;
	return s;
}
