/* SPDX-License-Identifier: Apache-2.0 */

/* Content nodes: which child holds a byte, and which slot is whose. */

#include "format/content.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("content", TORTURE_FIXED);
}

static void
lookup(void)
{
	static const struct content_piece piece[] = {
		{CONTENT_HOLE, 100},
		{CONTENT_DATA, 110},
		{CONTENT_REPEAT, 140},
		{CONTENT_HOLE, 150},
		{CONTENT_REPEAT, 160},
		{CONTENT_DATA, 161},
	};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct content_entry e;
	struct content node;

	CHECK_EQ(content_encode(&b, 0, CONTENT_GEAR, piece, 6), 0);
	CHECK_EQ(content_open(buf_span(&b), &node), 0);
	CHECK_EQ(node.length, 161);
	CHECK_EQ(node.slots, 2);
	e = content_find(&node, 0);
	CHECK_EQ(e.kind, CONTENT_HOLE);
	e = content_find(&node, 100);
	CHECK_EQ(e.kind, CONTENT_DATA);
	CHECK_EQ(e.slot, 0);
	CHECK_EQ(e.piece, 10);
	e = content_find(&node, 139);
	CHECK_EQ(e.kind, CONTENT_REPEAT);
	CHECK_EQ(e.slot, 0);
	CHECK_EQ(e.start, 110);
	e = content_find(&node, 155);
	CHECK_EQ(e.index, 4);
	CHECK_EQ(e.slot, 0);
	CHECK_EQ(e.piece, 10);
	e = content_find(&node, 160);
	CHECK_EQ(e.slot, 1);
	CHECK_EQ(e.end, 161);
}

/* The largest node that a writer makes, in all its slots. */
static void
largest(void)
{
	struct content_piece *piece =
		trip_array(CONTENT_WRITE_MAX + 1, sizeof(*piece));
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct content node;

	for (uint32_t i = 0; i <= CONTENT_WRITE_MAX; i++)
		piece[i] = (struct content_piece){
			CONTENT_DATA, (i + 1) * UINT64_C(65536)};
	CHECK_EQ(content_encode(
			 &b, 0, CONTENT_GEAR, piece, CONTENT_WRITE_MAX + 1),
		-EINVAL);
	CHECK_EQ(b.n, 0);
	CHECK_EQ(content_encode(&b, 0, CONTENT_GEAR, piece, CONTENT_WRITE_MAX),
		0);
	CHECK_EQ(content_open(buf_span(&b), &node), 0);
	for (uint32_t i = 0; i < CONTENT_WRITE_MAX; i++)
		CHECK_EQ(content_find(&node, i * UINT64_C(65536)).slot, i);
	free(piece);
}

static int
encode(uint8_t level, struct content_piece a, struct content_piece z)
{
	struct content_piece piece[2] = {a, z};
	_cleanup_buf_ struct buf b = BUF_INIT;

	return content_encode(&b, level, CONTENT_GEAR, piece, 2);
}

static void
refusals(void)
{
	static const struct content_piece data = {CONTENT_DATA, 100};
	static const struct content_piece hole = {CONTENT_HOLE, 100};
	_cleanup_buf_ struct buf b = BUF_INIT;

	CHECK_EQ(encode(0, data, (struct content_piece){CONTENT_HOLE, 100}),
		-EINVAL);
	CHECK_EQ(encode(0, data, (struct content_piece){CONTENT_HOLE, 99}),
		-EINVAL);
	CHECK_EQ(encode(0, data, (struct content_piece){CONTENT_REPEAT, 150}),
		-EINVAL);
	CHECK_EQ(encode(0, hole, (struct content_piece){CONTENT_REPEAT, 200}),
		-EINVAL);
	CHECK_EQ(encode(1, data, (struct content_piece){CONTENT_REPEAT, 200}),
		-EINVAL);
	CHECK_EQ(encode(0, data,
			 (struct content_piece){
				 CONTENT_DATA, 101 + FORMAT_CHUNK_MAX}),
		-EINVAL);
	CHECK_EQ(encode(1, data,
			 (struct content_piece){
				 CONTENT_DATA, 101 + FORMAT_CHUNK_MAX}),
		0);
	CHECK_EQ(encode(0, data,
			 (struct content_piece){
				 CONTENT_HOLE, FORMAT_FILE_MAX + 1}),
		-EINVAL);
	CHECK_EQ(encode(0, data,
			 (struct content_piece){CONTENT_HOLE, FORMAT_FILE_MAX}),
		0);
	CHECK_EQ(content_encode(&b, 0, CONTENT_GEAR, NULL, 0), -EINVAL);
	CHECK_EQ(content_encode(&b, 0, (enum content_cutter)4, &data, 1),
		-EINVAL);
}

/* A reader takes twice what a writer makes, and not one more. */
static void
reader_limit(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct content node;

	TRIP_MUST(buf_u16(&b, 0x0100) == 0);
	TRIP_MUST(buf_u16(&b, CONTENT_ENTRIES_MAX) == 0);
	TRIP_MUST(buf_u32(&b, 0) == 0);
	TRIP_MUST(buf_u64(&b, CONTENT_ENTRIES_MAX) == 0);
	for (uint32_t i = 0; i < CONTENT_ENTRIES_MAX; i++) {
		TRIP_MUST(buf_u8(&b, i % 2 ? CONTENT_HOLE : CONTENT_DATA) == 0);
		TRIP_MUST(buf_u64(&b, i + 1) == 0);
	}
	CHECK_EQ(content_open(buf_span(&b), &node), 0);
	CHECK_EQ(content_find(&node, 8190).slot, 4095);
	le16_put(b.p + 2, CONTENT_ENTRIES_MAX + 1);
	le64_put(b.p + 8, CONTENT_ENTRIES_MAX + 1);
	TRIP_MUST(buf_u8(&b, CONTENT_HOLE) == 0);
	TRIP_MUST(buf_u64(&b, CONTENT_ENTRIES_MAX + 1) == 0);
	CHECK_EQ(content_open(buf_span(&b), &node), -EBADMSG);
}

static void
chunk_limit(void)
{
	static const struct content_piece data = {
		CONTENT_DATA, FORMAT_CHUNK_MAX};
	static const struct content_piece next = {
		CONTENT_DATA, 2 * FORMAT_CHUNK_MAX};
	static const uint8_t zero[2];

	CHECK_EQ(encode(0, data, next), 0);
	/* No entries; a length that the entries do not reach. */
	CHECK_EQ(torture_patch("content", 0, 2, zero, 2), -EBADMSG);
	CHECK_EQ(torture_patch("content", 0, 8, "\1", 1), -EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(lookup), TEST(largest), TEST(refusals),
	TEST(reader_limit), TEST(chunk_limit))
