/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Samples for the targets that take more than one message: what an agent says
 * in a whole pull, what a vault says to an agent, a snapshot's objects, a
 * pack, what lies behind the signed leaves.
 */

#include <stdio.h>

#include "format/attrs.h"
#include "format/content.h"
#include "format/leaf.h"
#include "format/pack.h"
#include "format/problem.h"
#include "format/snaproot.h"
#include "format/wire.h"
#include "tests/fuzz/encode.h"
#include "tests/fuzz/seeds.h"

static void
put(struct buf *b, const void *bytes, size_t n)
{
	TRIP_MUST(buf_append(b, bytes, n) == 0);
}

/* ---- pull: u8 of lost packs, then frames ---- */

/* A name's inode and times follow from it. */
static struct listing
listed(const char *name, enum file_kind kind)
{
	struct listing l = {.name = span_str(name),
		.kind = (uint8_t)kind,
		.mode = 0644,
		.user = 1000,
		.mtime = {1700000000, 5},
		.ctime = {1700000001, 6},
		.inode = 1,
		.device = 2049,
		.links = 1};

	for (size_t i = 0; i < l.name.n; i++)
		l.inode = l.inode * 31 + l.name.p[i];
	if (kind == FILE_DIRECTORY)
		l.flags = WIRE_ENTRY_FOLLOWS;
	return l;
}

static void
put_batch(struct buf *b, struct wire_batch batch, const struct listing *l)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;

	for (uint16_t i = 0; i < batch.n; i++)
		TRIP_MUST(wire_listing_encode(&entries, &l[i]) == 0);
	batch.entries = buf_span(&entries);
	TRIP_MUST(wire_batch_encode(b, &batch) == 0);
}

static void
put_attrs(struct buf *b, uint32_t batch, uint16_t entry, const char *value)
{
	_cleanup_buf_ struct buf set = BUF_INIT;
	struct attr attr = {span_str("user.k"), span_str(value)};
	struct wire_attrs in = {.at = {batch, entry}};

	TRIP_MUST(attrs_encode(&set, &attr, *value != '\0') == 0);
	in.set = buf_span(&set);
	TRIP_MUST(wire_attrs_encode(b, &in) == 0);
}

static void
put_end(struct buf *b, struct wire_at at, uint16_t flags, uint64_t size)
{
	const struct wire_file_end end = {
		at, flags, size, {1700000000, 5}, {1700000001, 6}};

	TRIP_MUST(wire_file_end_encode(b, &end) == 0);
}

static void
put_file(struct buf *b, uint32_t batch, uint16_t entry, struct span bytes)
{
	const struct wire_data data = {{batch, entry}, 0, bytes};

	put_attrs(b, batch, entry, "");
	if (bytes.n > 0)
		TRIP_MUST(encode_data(b, &data) == 0);
	put_end(b, data.at, 0, bytes.n);
}

static void
begin_pull(struct buf *b)
{
	const struct wire_hello hello = {64, 1900000000};
	const struct owner owner = {OWNER_USER, 1000, span_str("anna")};
	const struct listing root = listed("", FILE_DIRECTORY);

	TRIP_MUST(wire_hello_encode(b, WIRE_FROM_AGENT, &hello) == 0);
	TRIP_MUST(wire_owner_encode(b, &owner) == 0);
	put_batch(b,
		(struct wire_batch){.parent = WIRE_NO_PARENT,
			.flags = WIRE_BATCH_LAST,
			.n = 1},
		&root);
}

static void
end_batch(struct buf *b, uint32_t batch)
{
	TRIP_MUST(wire_batch_done_encode(b, batch) == 0);
}

/* The listing of a tree with one of each kind. */
static void
list_kinds(struct buf *b)
{
	struct listing l[] = {listed("a.txt", FILE_REGULAR),
		listed("b.db", FILE_REGULAR), listed("c", FILE_SYMLINK),
		listed("d", FILE_DIRECTORY), listed("e", FILE_CHAR),
		listed("f", FILE_REGULAR), listed("g", FILE_REGULAR),
		listed("h", FILE_REGULAR), listed("i", FILE_DIRECTORY)};
	struct listing x = listed("x", FILE_REGULAR);

	x.size = 3;
	l[0].size = 5;
	l[1].size = UINT64_C(1) << 20;
	l[4].major = l[4].minor = 7;
	l[5].links = l[6].links = 2;
	l[6].inode = l[5].inode;
	l[7].flags = WIRE_ENTRY_UNEXAMINED;
	l[8].flags = WIRE_ENTRY_OTHER_DEVICE;
	put_batch(b,
		(struct wire_batch){.batch = 1,
			.flags = WIRE_BATCH_LAST,
			.n = array_len(l)},
		l);
	put_batch(b,
		(struct wire_batch){.batch = 2,
			.parent = 1,
			.parent_entry = 3,
			.flags = WIRE_BATCH_LAST,
			.n = 1},
		&x);
}

/* unasked: attributes of what could not be examined too. */
static void
send_kinds(struct buf *b, bool unasked)
{
	const struct wire_hole hole = {{1, 1}, 0, (1 << 20) - 4};
	const struct wire_data data = {{1, 1}, (1 << 20) - 4, span_str("tail")};
	const struct wire_link link = {{1, 2}, span_str("../target")};

	put_file(b, 1, 0, span_str("hello"));
	put_attrs(b, 1, 1, "value");
	TRIP_MUST(wire_hole_encode(b, &hole) == 0);
	TRIP_MUST(encode_data(b, &data) == 0);
	put_end(b, hole.at, 0, 1 << 20);
	put_attrs(b, 1, 2, "");
	TRIP_MUST(wire_link_encode(b, &link) == 0);
	put_attrs(b, 1, 3, "");
	put_attrs(b, 1, 4, "");
	put_file(b, 1, 5, span_of(NULL, 0));
	put_file(b, 1, 6, span_of(NULL, 0));
	if (unasked)
		put_attrs(b, 1, 7, "");
	put_attrs(b, 1, 8, "");
	end_batch(b, 1);
	put_file(b, 2, 0, span_str("xyz"));
	end_batch(b, 2);
}

/* What comes after the listing of a pull of a tree with one of each kind. */
enum kinds {
	KINDS_ALL,
	KINDS_UNASKED, /* and more than was asked for */
	KINDS_NONE,    /* for a vault that remembers them */
	KINDS_ONE,     /* the same, but it asks for the file in d */
};

static void
pull_kinds(struct buf *b, enum kinds kinds)
{
	const struct wire_problem problem = {{1, 7}, PROBLEM_NOT_EXAMINED, 13};

	begin_pull(b);
	list_kinds(b);
	TRIP_MUST(wire_problem_encode(b, &problem) == 0);
	put_attrs(b, 0, 0, "");
	end_batch(b, 0);
	if (kinds <= KINDS_UNASKED) {
		send_kinds(b, kinds == KINDS_UNASKED);
	} else {
		end_batch(b, 1);
		if (kinds == KINDS_ONE)
			put_file(b, 2, 0, span_str("xyz"));
		end_batch(b, 2);
	}
	TRIP_MUST(wire_done_encode(b, 3) == 0);
}

/* A directory of two batches and pages; wrong: the batches' names are out of
 * order. */
static void
pull_many(struct buf *b, bool wrong)
{
	/* With it a page ends, under the keys of fuzz_pull.c. */
	static const char cut[] =
		"050 a name that ends a page, found by trying: 871";
	struct listing l[40];
	char name[40][64];

	begin_pull(b);
	for (uint16_t batch = 1; batch <= 2; batch++) {
		unsigned int first = (batch == 2) != wrong ? 40 : 0;

		for (uint16_t i = 0; i < array_len(l); i++) {
			snprintf(name[i], sizeof(name[i]),
				"%03u a name as long as it takes to fill a "
				"page",
				first + i);
			if (first + i == 50)
				strcpy(name[i], cut);
			l[i] = listed(name[i], FILE_FIFO);
		}
		put_batch(b,
			(struct wire_batch){.batch = batch,
				.flags = batch == 2 ? WIRE_BATCH_LAST : 0,
				.n = array_len(l)},
			l);
	}
	put_attrs(b, 0, 0, "");
	end_batch(b, 0);
	for (uint16_t batch = 1; batch <= 2; batch++) {
		for (uint16_t i = 0; i < array_len(l); i++)
			put_attrs(b, batch, i, "");
		end_batch(b, batch);
	}
	TRIP_MUST(wire_done_encode(b, 3) == 0);
}

/* A directory of four files, or of a FIFO, and nothing else. */
static void
pull_small(struct buf *b, bool files, bool again)
{
	static const char names[] = "abcd";
	struct listing l[4] = {listed("fifo", FILE_FIFO)};
	uint16_t n = files ? array_len(l) : 1;

	for (uint16_t i = 0; files && i < n; i++) {
		l[i] = listed("", FILE_REGULAR);
		l[i].name = span_of(names + i, 1);
		l[i].size = 1;
	}
	begin_pull(b);
	put_batch(b,
		(struct wire_batch){
			.batch = 1, .flags = WIRE_BATCH_LAST, .n = n},
		l);
	put_attrs(b, 0, 0, "");
	end_batch(b, 0);
	for (uint16_t i = 0; files && i < n; i++)
		put_file(b, 1, i, l[i].name);
	if (!files && !again)
		put_attrs(b, 1, 0, "");
	end_batch(b, 1);
	TRIP_MUST(wire_done_encode(b, 2) == 0);
}

/* Files that change, are read again, or cannot be read; one of pieces that
 * repeat. */
static void
pull_changing(struct buf *b)
{
	static uint8_t same[2 * 16384 + 100];
	struct listing l[] = {listed("changed", FILE_REGULAR),
		listed("large.db", FILE_REGULAR),
		listed("restarted", FILE_REGULAR),
		listed("unread", FILE_REGULAR)};
	const struct wire_data data = {{1, 2}, 0, span_str("first")};

	for (size_t i = 0; i < array_len(l); i++)
		l[i].size = UINT64_C(1) << 30;
	begin_pull(b);
	put_batch(b,
		(struct wire_batch){.batch = 1,
			.flags = WIRE_BATCH_LAST | WIRE_BATCH_UNREAD,
			.n = array_len(l)},
		l);
	put_attrs(b, 0, 0, "");
	end_batch(b, 0);
	put_attrs(b, 1, 0, "");
	put_end(b, (struct wire_at){1, 0}, WIRE_END_CHANGED, 0);
	memset(same, 'r', sizeof(same));
	put_file(b, 1, 1, span_of(same, sizeof(same)));
	put_attrs(b, 1, 2, "");
	TRIP_MUST(encode_data(b, &data) == 0);
	TRIP_MUST(wire_restart_encode(b, data.at) == 0);
	TRIP_MUST(encode_data(b, &data) == 0);
	put_end(b, data.at, 0, 5);
	put_attrs(b, 1, 3, "");
	put_end(b, (struct wire_at){1, 3}, WIRE_END_UNREAD, 0);
	end_batch(b, 1);
	TRIP_MUST(wire_done_encode(b, 2) == 0);
}

/* Those from 6 on are refused, the last ones in their second pull. */
void
sample_pull(unsigned int i, struct buf *b)
{
	/* The packs with this number are lost; 255: none. */
	static const uint8_t lost[] = {
		255, 255, 255, 255, 1, 1, 255, 255, 255, 1, 2, 3};

	TRIP_MUST(buf_u8(b, lost[i]) == 0);
	switch (i) {
	case 0:
		pull_changing(b);
		return;
	case 1:
	case 6:
		pull_many(b, i == 6);
		return;
	case 2:
	case 7:
		pull_kinds(b, i == 2 ? KINDS_ALL : KINDS_UNASKED);
		return;
	case 4:
	case 5:
		/* Of the first only its page is lost, of the second all but
		 * that. */
		pull_small(b, i == 5, false);
		pull_small(b, i == 5, true);
		return;
	default:
		pull_kinds(b, KINDS_ALL);
		pull_kinds(b, i == 8 ? KINDS_ONE : KINDS_NONE);
	}
}

/* ---- serve: pieces of what a vault says ---- */

static void
put_piece(struct buf *b, struct buf *piece, unsigned int silences)
{
	TRIP_MUST(buf_u16(b, (uint16_t)piece->n) == 0);
	put(b, piece->p, piece->n);
	buf_clear(piece);
	while (silences-- > 0)
		TRIP_MUST(buf_u16(b, 0) == 0);
}

static void
put_want(struct buf *piece, uint32_t batch, const char *wants)
{
	uint8_t bits[16];
	struct wire_want want = {batch, span_of(bits, strlen(wants))};

	for (size_t i = 0; i < want.want.n; i++)
		bits[i] = (uint8_t)(wants[i] - '0');
	TRIP_MUST(wire_want_encode(piece, &want) == 0);
}

/* What is wanted of the batches of the tree of fuzz_serve.c: of all of it; of
 * what is not excluded; of two paths, and no more. The rest is refused: a
 * second answer, and credit beyond all bounds. */
static const char *const wants[5][6] = {
	{"2", "223332", "3", "333333332", "", NULL},
	{"2", "223332", "32", "", NULL},
	{"23", NULL},
	{"2", "223332", "3", "333333332", "", NULL},
	{"2", "223332", "3", "333333332", "", NULL},
};

void
sample_serve(unsigned int i, struct buf *b)
{
	_cleanup_buf_ struct buf piece = BUF_INIT;
	const struct wire_hello hello = {0};
	const struct wire_start start = {.paths = i == 2 ? 2 : 1,
		.excludes = i == 1 ? 2 : 0,
		.options = i == 1 ? WIRE_SKIP_CACHEDIRS : 0,
		.credit = i == 1 ? 8 : 4 << 20};
	const struct span path[] = {span_str("/t"), span_str("/ab")};
	const struct span exclude[] = {span_str("*.tmp"), span_str("!1.tmp")};

	TRIP_MUST(wire_hello_encode(&piece, WIRE_FROM_VAULT, &hello) == 0);
	TRIP_MUST(wire_start_encode(&piece, &start, path, exclude) == 0);
	put_piece(b, &piece, 8);
	for (uint32_t k = 0; wants[i][k]; k++) {
		put_want(&piece, k, wants[i][k]);
		if (i == 3)
			put_want(&piece, k, wants[i][k]);
		put_piece(b, &piece, 2);
		TRIP_MUST(wire_credit_encode(
				  &piece, i == 4 ? UINT64_MAX : 1000) == 0);
		put_piece(b, &piece, 2);
	}
	if (i == 2)
		TRIP_MUST(encode_stop(&piece) == 0);
	put_piece(b, &piece, 4);
}

/* ---- view: a path, then objects ---- */

static void
put_object(struct buf *b, enum object_type type, struct span refs,
	const struct buf *content)
{
	TRIP_MUST(buf_u8(b, (uint8_t)type) == 0);
	TRIP_MUST(buf_u16(b, (uint16_t)(refs.n + content->n)) == 0);
	TRIP_MUST(buf_u8(b, (uint8_t)refs.n) == 0);
	TRIP_MUST(buf_u8(b, (uint8_t)refs.n) == 0);
	put(b, content->p, content->n);
	put(b, refs.p, refs.n);
}

static void
put_text(struct buf *b, enum object_type type, const char *text)
{
	_cleanup_buf_ struct buf content = BUF_INIT;

	put(&content, text, strlen(text));
	put_object(b, type, span_of(NULL, 0), &content);
}

static const struct dirent_rec directory = {.kind = FILE_DIRECTORY,
	.content = OBJECT_DIRPAGE,
	.mode = 0755,
	.size = 75,
	.below = 5};

/* Objects 0 to 5: chunk, content node, one above it, link, attributes, an empty
 * page. */
static void
put_leaves(struct buf *b, bool repeat)
{
	const struct content_piece piece[] = {{CONTENT_DATA, 5},
		{repeat ? CONTENT_REPEAT : CONTENT_HOLE, 15},
		{CONTENT_HOLE, 20}};
	const struct content_piece above[] = {
		{CONTENT_DATA, 20}, {CONTENT_HOLE, 30}, {CONTENT_DATA, 50}};
	_cleanup_buf_ struct buf content = BUF_INIT;

	put_text(b, OBJECT_CHUNK, "hello");
	TRIP_MUST(content_encode(&content, 0, CONTENT_GEAR, piece,
			  array_len(piece)) == 0);
	put_object(b, OBJECT_CONTENT, span_of("\0", 1), &content);
	buf_clear(&content);
	TRIP_MUST(content_encode(&content, 1, CONTENT_GEAR, above,
			  array_len(above)) == 0);
	put_object(b, OBJECT_CONTENT, span_of("\0\0", 2), &content);
	put_text(b, OBJECT_LINK, "target");
	buf_clear(&content);
	sample_attrs(2, &content);
	put_object(b, OBJECT_ATTRS, span_of(NULL, 0), &content);
	buf_clear(&content);
	sample_page(0, &content);
	put_object(b, OBJECT_DIRPAGE, span_of(NULL, 0), &content);
}

/* Object 6: a page of one of each; its slots are 0 4 1 2 3 5, counted back. */
static void
put_page(struct buf *b)
{
	struct dirent_rec e[] = {
		{.name = span_str("a"),
			.kind = FILE_REGULAR,
			.content = OBJECT_CHUNK,
			.flags = DIRENT_ATTRS,
			.size = 5},
		{.name = span_str("b"),
			.kind = FILE_REGULAR,
			.content = OBJECT_CONTENT,
			.size = 20},
		{.name = span_str("bb"),
			.kind = FILE_REGULAR,
			.content = OBJECT_CONTENT,
			.size = 50},
		{.name = span_str("c"),
			.kind = FILE_SYMLINK,
			.content = OBJECT_LINK,
			.size = 6},
		{.name = span_str("d"),
			.kind = FILE_DIRECTORY,
			.content = OBJECT_DIRPAGE},
	};
	_cleanup_buf_ struct buf entries = BUF_INIT, page = BUF_INIT;
	const struct owner owner = {OWNER_USER, 0, span_str("root")};

	for (size_t i = 0; i < array_len(e); i++)
		TRIP_MUST(directory_entry_encode(&entries, &e[i]) == 0);
	TRIP_MUST(directory_page_encode(&page, &owner, 1, buf_span(&entries),
			  array_len(e)) == 0);
	put_object(b, OBJECT_DIRPAGE, span_of("\5\1\4\3\2\0", 6), &page);
}

void
sample_view(unsigned int i, struct buf *b)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, root = BUF_INIT,
				 node = BUF_INIT;
	const struct problem problem = {PROBLEM_NOT_READ, 0, 5, span_str("a")};
	const struct directory_child child[] = {
		{0, 5, 5, 75, span_str("a")}, {0, 5, 5, 75, span_str("e")}};
	struct snaproot_path path[] = {
		{span_str("/srv"), directory}, {span_str("/srv/d"), directory}};
	struct snaproot_parts parts = {
		.path = path, .paths = i + 1, .problems = 1};

	put(b, i == 0 ? "a/.\0............" : "srv\0............", 16);
	put_leaves(b, i == 0);
	put_page(b);
	TRIP_MUST(problem_add(&problems, &problem) == 0);
	put_object(b, OBJECT_PROBLEMS, span_of(NULL, 0), &problems);
	/* The same page twice: names do not ascend over the node. */
	TRIP_MUST(directory_node_encode(&node, 1, child, 2) == 0);
	put_object(b, OBJECT_DIRNODE, span_of("\1\1", 2), &node);
	if (i == 1) {
		path[1].entry.content = OBJECT_DIRNODE;
		path[1].entry.below = 10;
	}
	TRIP_MUST(snaproot_encode(&root, &parts) == 0);
	put_object(b, OBJECT_SNAPROOT, span_of("\1\2\0", i + 2), &root);
}

/* ---- pack: u32 of a bit, the trailer, what lies behind the header ---- */

/* Seal as sealing.c does. */
static void
put_sealed(struct buf *b, const void *plain, size_t n)
{
	static const uint8_t tag[SEAL_TAG];

	put(b, plain, n);
	put(b, tag, sizeof(tag));
}

void
sample_pack(unsigned int i, struct buf *b)
{
	/* 64 times the same letter, as LZ4 has it. */
	static const uint8_t lz4[] = {
		0x1f, 'a', 1, 0, 39, 0x50, 'a', 'a', 'a', 'a', 'a'};
	uint8_t bytes[PACK_REF_SIZE] = {0}, map[2 * PACK_BLOCK_SIZE],
		table[3 * PACK_ROW_SIZE], trailer[PACK_TRAILER_SIZE];
	struct pack_block block[2] = {
		{.offset = PACK_HEADER_SIZE,
			.sealed = 40 + SEAL_TAG,
			.refs_sealed = PACK_REF_SIZE + SEAL_TAG,
			.plain = 40},
		{.offset = PACK_HEADER_SIZE + 40 + PACK_REF_SIZE + 2 * SEAL_TAG,
			.sealed = sizeof(lz4) + SEAL_TAG,
			.plain = 64,
			.codec = CODEC_LZ4}};
	struct pack_row row[3] = {{.length = 30, .type = OBJECT_LINK},
		{.offset = 30, .length = 10, .refs = 1, .type = OBJECT_DIRPAGE},
		{.block = 1, .length = 64, .type = OBJECT_CHUNK}};
	const struct ref ref = {.addr = {1, 2}};
	struct pack_trailer t;
	_cleanup_buf_ struct buf rest = BUF_INIT;

	memset(row[1].digest, 1, sizeof(row[1].digest));
	put_sealed(&rest, "thirty bytes of a link target.its a page", 40);
	pack_ref_encode(&ref, bytes);
	put_sealed(&rest, bytes, sizeof(bytes));
	put_sealed(&rest, lz4, sizeof(lz4));
	/* The last one is of a longer file. */
	TRIP_MUST(pack_trailer_plan(2, 3,
			  PACK_HEADER_SIZE + rest.n + (i == 2 ? SLICE : 0),
			  &t) == 0);
	for (size_t k = 0; k < 2; k++)
		pack_block_encode(&block[k], map + k * PACK_BLOCK_SIZE);
	for (size_t k = 0; k < 3; k++)
		pack_row_encode(&row[k], table + k * PACK_ROW_SIZE);
	put_sealed(&rest, map, sizeof(map));
	put_sealed(&rest, table, sizeof(table));
	pack_trailer_encode(&t, trailer);
	TRIP_MUST(buf_u32(b, i == 1 ? 1000000 : 0) == 0);
	put(b, trailer, sizeof(trailer));
	put(b, rest.p, rest.n);
}

/* ---- recover: u8 of flags, then bytes behind the signed leaves ---- */

/* Where they begin: behind the two leaves of fuzz_recover.c. */
#define SIGNED_END 288U

static void
put_frame(struct buf *b, enum leaf_frame_kind kind, uint64_t value, size_t n)
{
	const struct leaf_frame frame = {
		.kind = kind, .length = (uint32_t)n, .value = value};
	uint8_t head[LEAF_FRAME_SIZE];

	leaf_frame_encode(&frame, head);
	put(b, head, sizeof(head));
}

/* A whole leaf that nobody signed; its hash is made right by the target. */
static void
put_unsigned(struct buf *b, uint64_t prev)
{
	static const uint8_t clear[LEAF_PULL_SIZE] = {1}, sealed[40];
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	const struct leaf leaf = {.type = LEAF_PULL,
		.number = 2,
		.time = UINT64_C(1800000000) * 1000000000,
		.prev = prev,
		.store = {{3}},
		.clear = span_of(clear, sizeof(clear))};

	TRIP_MUST(leaf_encode(&bytes, &leaf) == 0);
	put(&bytes, sealed, sizeof(sealed));
	put_frame(b, LEAF_FRAME_LEAF, leaf.number, bytes.n);
	put(b, bytes.p, bytes.n);
}

void
sample_recover(unsigned int i, struct buf *b)
{
	TRIP_MUST(buf_u8(b, i == 3 ? 3 : 1) == 0);
	if (i == 1 || i == 3)
		put_unsigned(b, 2);
	if (i == 2) {
		put(b, "torn off", 8);
		put_frame(b, LEAF_FRAME_PAD, SIGNED_END, 8);
		put_unsigned(b, 2);
	}
	if (i == 3)
		put(b, "and what is torn", 16);
	/* It does not follow. */
	if (i == 4)
		put_unsigned(b, 0);
}
