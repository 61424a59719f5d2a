/* SPDX-License-Identifier: Apache-2.0 */

/* Packs: sealed parts, rows and their limits, and where everything lies. */

#include "format/pack.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("pack_header", TORTURE_FIXED);
	torture("pack_ref", TORTURE_FIXED);
	torture("pack_block", TORTURE_FIXED);
	torture("pack_row", TORTURE_FIXED);
	torture("pack_trailer", TORTURE_FIXED);
	torture("pack_tail", TORTURE_FIXED);
}

static void
sealed_parts(void)
{
	static const struct pack_part part = {
		PACK_REFS, 0x01020304, CODEC_LZ4, 0x0a0b0c0d};
	static const uint8_t tail[12] = {
		4, 3, 2, 1, 2, 1, 0, 0, 0x0d, 0x0c, 0x0b, 0x0a};
	static const uint8_t nonce[SEAL_NONCE] = {4, 3, 2, 1, 0, 0, 0, 0, 2};
	uint8_t context[PACK_CONTEXT_SIZE], ad[PACK_AD_SIZE];
	uint8_t got[SEAL_NONCE];

	trip_fill(context, sizeof(context), 1);
	pack_part_ad(context, &part, ad);
	CHECK_MEM(ad, context, sizeof(context));
	CHECK_MEM(ad + 64, tail, sizeof(tail));
	pack_part_nonce(&part, got);
	CHECK_MEM(got, nonce, sizeof(nonce));
}

static int
block(struct pack_block b)
{
	uint8_t bytes[PACK_BLOCK_SIZE];
	struct pack_block out;
	struct wcur w = wcur_init(bytes, sizeof(bytes));

	wcur_u32(&w, b.offset);
	wcur_u32(&w, b.sealed);
	wcur_u32(&w, b.refs_sealed);
	wcur_u32(&w, b.plain);
	wcur_u8(&w, (uint8_t)b.codec);
	wcur_zero(&w, 3);
	return pack_block_decode(span_of(bytes, sizeof(bytes)), &out);
}

static void
blocks(void)
{
	CHECK_EQ(block((struct pack_block){4096, 116, 0, 100, 0}), 0);
	CHECK_EQ(block((struct pack_block){4096, 115, 0, 100, 1}), 0);
	CHECK_EQ(block((struct pack_block){4096, 116, 56, 100, 0}), 0);
	/* Before the header's end, not the length its codec makes, empty. */
	CHECK_EQ(block((struct pack_block){4095, 116, 0, 100, 0}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 115, 0, 100, 0}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 116, 0, 100, 1}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 16, 0, 100, 1}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 16, 0, 0, 0}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 116, 0, 100, 2}), -EBADMSG);
	/* References: whole rows and a tag. */
	CHECK_EQ(block((struct pack_block){4096, 116, 16, 100, 0}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 116, 57, 100, 0}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 116, 1, 100, 0}), -EBADMSG);
	CHECK_EQ(block((struct pack_block){4096, 116,
			 16 + 40 * (FORMAT_BLOCK_REFS_MAX + 1), 100, 0}),
		-EBADMSG);
	/* Lengths near the end of u32 must not wrap. */
	CHECK_EQ(block((struct pack_block){4096, 15, 0, 0xffffffff, CODEC_RAW}),
		-EBADMSG);
	CHECK_EQ(block((struct pack_block){0xffffffff, 116, 0, 100, 0}),
		-EBADMSG);
}

static void
rows_within(void)
{
	struct pack_block b = {4096, 116, 16 + 40 * 3, 100, CODEC_RAW};
	struct pack_row row = {.offset = 90, .length = 10, .refs = 2};

	row.first_ref = 1;
	CHECK_EQ(pack_row_within(&row, &b), 0);
	row.first_ref = 2;
	CHECK_EQ(pack_row_within(&row, &b), -EBADMSG);
	row.first_ref = UINT32_MAX;
	CHECK_EQ(pack_row_within(&row, &b), -EBADMSG);
	row.refs = 0;
	CHECK_EQ(pack_row_within(&row, &b), 0);
	row.length = 11;
	CHECK_EQ(pack_row_within(&row, &b), -EBADMSG);
}

/* Rows whose type and length, or references and digest, do not agree. */
static void
rows(void)
{
	static const uint8_t big[4] = {1, 0, 4, 0};
	static const uint8_t type_9 = 9, link = OBJECT_LINK;
	static const uint8_t zero[4], many[4] = {1, 0x20};

	CHECK_EQ(torture_patch("pack_row", 0, 56, big, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_row", 0, 68, &type_9, 1), -EBADMSG);
	CHECK_EQ(torture_patch("pack_row", 1, 68, &link, 1), -EBADMSG);
	CHECK_EQ(torture_patch("pack_row", 1, 64, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_row", 1, 64, many, 4), -EBADMSG);
}

static void
shape_of(uint32_t n_blocks, uint32_t n_rows, uint64_t map_at)
{
	struct pack_trailer t;
	struct pack_shape s, back;
	struct pack_tail tail;
	uint64_t at;

	if (!CHECK_EQ(pack_trailer_plan(n_blocks, n_rows, map_at, &t), 0))
		return;
	pack_shape_plan(&t, &s);
	CHECK(t.padding_at <= s.trailer_at);
	CHECK(s.trailer_at - t.padding_at < SLICE);
	CHECK_EQ(s.trailer_at + 80, (uint64_t)s.slices * SLICE);
	CHECK_EQ(s.zero_at, (uint64_t)s.slices * (SLICE + 32));
	CHECK_EQ(s.file_size % SLICE, 0);
	CHECK(s.tail_at >= s.zero_at && s.tail_at - s.zero_at < SLICE);
	tail = (struct pack_tail){.slices = s.slices};
	tail.file_slices = s.file_slices;
	CHECK_EQ(pack_shape_of(s.file_size, &tail, &back), 0);
	CHECK(memcmp(&back, &s, sizeof(s)) == 0);
	CHECK_EQ(pack_shape_of(s.file_size + SLICE, &tail, &back), -EBADMSG);
	tail.file_slices++;
	CHECK_EQ(pack_shape_of(s.file_size + SLICE, &tail, &back), -EBADMSG);
	CHECK_EQ(pack_tail_at(s.file_size, &at), 0);
	CHECK_EQ(at, s.tail_at);
	CHECK_EQ(pack_shape_check(&s, &t), 0);
	t.padding_at += SLICE;
	CHECK_EQ(pack_shape_check(&s, &t), -EBADMSG);
	t.padding_at = UINT64_MAX;
	CHECK_EQ(pack_shape_check(&s, &t), -EBADMSG);
}

static void
shapes(void)
{
	struct pack_trailer t;
	uint64_t at;

	shape_of(0, 0, 4096);
	shape_of(1, 1, 4096 + 116);
	shape_of(1000, 5000, 64 << 20);
	/* The padding is empty, then a whole slice less one. */
	shape_of(0, 0, SLICE - 80);
	shape_of(0, 0, SLICE - 79);
	/* The tree and the tail fill a slice, then one byte more. */
	for (uint64_t n = 2040; n <= 2052; n++)
		shape_of(0, 0, n * SLICE - 80);
	CHECK_EQ(pack_trailer_plan(0, 0, 1 << 30, &t), -EFBIG);
	CHECK_EQ(pack_trailer_plan(FORMAT_PACK_BLOCKS_MAX + 1, 0, 4096, &t),
		-EFBIG);
	CHECK_EQ(pack_trailer_plan(0, FORMAT_PACK_ROWS_MAX + 1, 4096, &t),
		-EFBIG);
	CHECK_EQ(pack_tail_at(0, &at), -EBADMSG);
	CHECK_EQ(pack_tail_at(SLICE, &at), -EBADMSG);
	CHECK_EQ(pack_tail_at(2 * SLICE + 1, &at), -EBADMSG);
	CHECK_EQ(
		pack_tail_at((uint64_t)FORMAT_PACK_MAX + SLICE, &at), -EBADMSG);
}

static void
slices(void)
{
	struct pack_trailer t;
	struct pack_slice s;

	CHECK_EQ(pack_trailer_plan(513, 300, 10000, &t), 0);
	CHECK_EQ(pack_map_slices(&t), 2);
	s = pack_map_slice(&t, 1);
	CHECK_EQ(s.at, 10000 + 512 * 20 + 16);
	CHECK_EQ(s.first, 512);
	CHECK_EQ(s.rows, 1);
	CHECK_EQ(s.sealed, 36);
	CHECK_EQ(t.table_at, s.at + s.sealed);
	CHECK_EQ(pack_table_slices(&t), 3);
	s = pack_table_slice(&t, 2);
	CHECK_EQ(s.at, t.table_at + 2 * (128 * 72 + 16));
	CHECK_EQ(s.first, 256);
	CHECK_EQ(s.rows, 44);
	CHECK_EQ(s.plain, 44 * 72);
	CHECK_EQ(t.padding_at, s.at + s.sealed);
}

static void
block_within(void)
{
	struct pack_block b = {4096, 116, 56, 100, CODEC_RAW};
	struct pack_trailer t = {.map_at = 4096 + 116 + 56};

	CHECK_EQ(pack_block_within(&b, &t), 0);
	t.map_at--;
	CHECK_EQ(pack_block_within(&b, &t), -EBADMSG);
}

static void
headers(void)
{
	static const uint8_t zero[4], five[4] = {5}, three[4] = {3};
	static const uint8_t two[2] = {2};

	/* Kind, compartment, epoch, ordinal, number of wraps. */
	CHECK_EQ(torture_patch("pack_header", 0, 12, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_header", 0, 12, three, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_header", 0, 32, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_header", 0, 36, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_header", 0, 40, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_header", 0, 44, zero, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_header", 0, 44, five, 4), -EBADMSG);
	CHECK_EQ(torture_patch("pack_header", 0, 8, two, 2), -EPROTONOSUPPORT);
	CHECK_EQ(torture_patch("pack_header", 0, 10, two, 2), -EPROTONOSUPPORT);
	/* Suite of the second wrap. */
	CHECK_EQ(torture_patch("pack_header", 1, 64 + 116, two, 2),
		-EPROTONOSUPPORT);
}

/* What is exactly at a limit is allowed. */
static void
limits(void)
{
	static const uint8_t refs[4] = {0, 0x20};
	struct pack_trailer t;
	struct pack_shape s;
	uint64_t at;

	CHECK_EQ(torture_patch("pack_row", 1, 64, refs, 4), 0);
	CHECK_EQ(block((struct pack_block){
			 4096, 116, 16 + 40 * FORMAT_BLOCK_REFS_MAX, 100, 0}),
		0);
	CHECK_EQ(pack_trailer_plan(FORMAT_PACK_BLOCKS_MAX, 0, 4096, &t), 0);
	CHECK_EQ(pack_trailer_plan(0, FORMAT_PACK_ROWS_MAX, 4096, &t), 0);
	/* 16376 slices and 8 for tree and tail are 1 GiB. */
	CHECK_EQ(pack_trailer_plan(0, 0, UINT64_C(16376) * SLICE - 80, &t), 0);
	pack_shape_plan(&t, &s);
	CHECK_EQ(s.file_size, FORMAT_PACK_MAX);
	CHECK_EQ(pack_tail_at(s.file_size, &at), 0);
	CHECK_EQ(pack_trailer_plan(0, 0, UINT64_C(16376) * SLICE - 79, &t),
		-EFBIG);
}

CHECK_MAIN(TEST(damage), TEST(sealed_parts), TEST(blocks), TEST(rows_within),
	TEST(rows), TEST(shapes), TEST(slices), TEST(block_within),
	TEST(headers), TEST(limits))
