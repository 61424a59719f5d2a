/* SPDX-License-Identifier: Apache-2.0 */

/* Frames of the wire: what a hostile agent can say is bounded. */

#include "format/attrs.h"
#include "format/wire.h"
#include "tests/fuzz/encode.h"
#include "tests/unit/format/torture.h"

static void
damage(void)
{
	torture("wire_vault", TORTURE_FIXED);
	torture("wire_agent", TORTURE_FIXED);
}

static int
head(uint32_t length, uint16_t type, enum wire_side from)
{
	struct wire_head in = {(enum wire_type)type, length}, out;
	uint8_t bytes[WIRE_HEAD_SIZE];

	wire_head_encode(&in, bytes);
	return wire_head_decode(span_of(bytes, sizeof(bytes)), from, &out);
}

static void
heads(void)
{
	CHECK_EQ(head(16, WIRE_VAULT_HELLO, WIRE_FROM_VAULT), 0);
	CHECK_EQ(head(16, WIRE_VAULT_HELLO, WIRE_FROM_AGENT), -EBADMSG);
	CHECK_EQ(head(15, WIRE_VAULT_HELLO, WIRE_FROM_VAULT), -EBADMSG);
	CHECK_EQ(head(8, WIRE_CREDIT, WIRE_FROM_VAULT), 0);
	CHECK_EQ(head(9, WIRE_CREDIT, WIRE_FROM_VAULT), -EBADMSG);
	CHECK_EQ(head(16 + WIRE_DATA_MAX, WIRE_DATA, WIRE_FROM_AGENT), 0);
	CHECK_EQ(
		head(17 + WIRE_DATA_MAX, WIRE_DATA, WIRE_FROM_AGENT), -EBADMSG);
	CHECK_EQ(head(WIRE_PAYLOAD_MAX, WIRE_ATTRS, WIRE_FROM_AGENT), 0);
	CHECK_EQ(head(WIRE_PAYLOAD_MAX + 1, WIRE_ATTRS, WIRE_FROM_AGENT),
		-EBADMSG);
	CHECK_EQ(head(0, 6, WIRE_FROM_VAULT), -EBADMSG);
	CHECK_EQ(head(0, 16, WIRE_FROM_VAULT), -EBADMSG);
	CHECK_EQ(head(0xffffffff, WIRE_BATCH, WIRE_FROM_AGENT), -EBADMSG);
	CHECK(wire_counts(WIRE_DATA) && wire_counts(WIRE_LINK));
	CHECK(!wire_counts(WIRE_BATCH) && !wire_counts(WIRE_FILE_END));
}

static void
hello(void)
{
	static const uint8_t two[2] = {2};
	struct wire_hello in = {0, 5};
	_cleanup_buf_ struct buf b = BUF_INIT;

	CHECK_EQ(torture_patch("wire_vault", 0, 16, two, 2), -EPROTONOSUPPORT);
	CHECK_EQ(torture_patch("wire_agent", 0, 16, two, 2), -EPROTONOSUPPORT);
	CHECK_EQ(wire_hello_encode(&b, WIRE_FROM_AGENT, &in), -EINVAL);
	in.batches = 257;
	CHECK_EQ(wire_hello_encode(&b, WIRE_FROM_AGENT, &in), -EINVAL);
	in.batches = 256;
	CHECK_EQ(wire_hello_encode(&b, WIRE_FROM_AGENT, &in), 0);
	CHECK_EQ(wire_hello_encode(&b, WIRE_FROM_VAULT, &in), -EINVAL);
}

static int
start(uint32_t paths, const char *path, const char *exclude)
{
	struct wire_start in = {.paths = paths, .excludes = 1};
	struct span p = span_str(path), e = span_str(exclude);
	_cleanup_buf_ struct buf b = BUF_INIT;

	return wire_start_encode(&b, &in, &p, &e);
}

static void
starts(void)
{
	char path[WIRE_PATH_MAX + 2];

	CHECK_EQ(start(1, "/", "x"), 0);
	CHECK_EQ(start(1, "x", "x"), -EINVAL);
	CHECK_EQ(start(1, "", "x"), -EINVAL);
	CHECK_EQ(start(1, "/", ""), -EINVAL);
	CHECK_EQ(start(0, "/", "x"), -EINVAL);
	memset(path, '/', sizeof(path));
	path[WIRE_PATH_MAX + 1] = 0;
	CHECK_EQ(start(1, path, "x"), -EINVAL);
	path[WIRE_PATH_MAX] = 0;
	CHECK_EQ(start(1, path, "x"), 0);
}

static int
batch(const struct wire_batch *head_, const struct listing *e, size_t n)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct wire_batch in = *head_;
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = wire_listing_encode(&entries, &e[i]);
	if (err)
		return err;
	in.n = (uint16_t)n;
	in.entries = buf_span(&entries);
	return wire_batch_encode(&b, &in);
}

static void
batches(void)
{
	struct wire_batch roots = {.parent = WIRE_NO_PARENT};
	struct wire_batch deep = {.batch = 5, .parent = 4};
	struct listing e[2] = {
		{.name = span_str("a"), .kind = FILE_REGULAR},
		{.name = span_str("b"), .kind = FILE_DIRECTORY},
	};
	struct listing root[2] = {
		{.kind = FILE_DIRECTORY}, {.kind = FILE_DIRECTORY}};

	CHECK_EQ(batch(&roots, root, 2), 0);
	CHECK_EQ(batch(&roots, e, 2), -EINVAL);
	CHECK_EQ(batch(&deep, e, 2), 0);
	CHECK_EQ(batch(&deep, root, 1), -EINVAL);
	CHECK_EQ(batch(&deep, NULL, 0), 0);
	e[1].name = span_str("a");
	CHECK_EQ(batch(&deep, e, 2), -EINVAL);
	e[1].name = span_str("A");
	CHECK_EQ(batch(&deep, e, 2), -EINVAL);
	deep.parent = 5;
	CHECK_EQ(batch(&deep, e, 1), -EINVAL);
	deep.parent = 4;
	deep.parent_entry = WIRE_ENTRIES_MAX;
	CHECK_EQ(batch(&deep, e, 1), -EINVAL);
	deep.parent_entry = 0;
	deep.flags = 4;
	CHECK_EQ(batch(&deep, e, 1), -EINVAL);
	roots.parent_entry = 1;
	CHECK_EQ(batch(&roots, root, 1), -EINVAL);
	roots = (struct wire_batch){.parent = 0};
	CHECK_EQ(batch(&roots, root, 1), -EINVAL);
}

static int
listing(struct listing e)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	return wire_listing_encode(&b, &e);
}

static void
listings(void)
{
	struct listing dir = {.name = span_str("d"), .kind = FILE_DIRECTORY};
	struct listing file = {.name = span_str("f"), .kind = FILE_REGULAR};
	struct listing e;

	CHECK_EQ(listing(dir), 0);
	dir.flags = WIRE_ENTRY_FOLLOWS;
	CHECK_EQ(listing(dir), 0);
	dir.flags = WIRE_ENTRY_FOLLOWS | WIRE_ENTRY_CACHEDIR;
	CHECK_EQ(listing(dir), -EINVAL);
	dir.flags = 16;
	CHECK_EQ(listing(dir), -EINVAL);
	e = file;
	e.flags = WIRE_ENTRY_FOLLOWS;
	CHECK_EQ(listing(e), -EINVAL);
	e = file;
	e.kind = 0;
	CHECK_EQ(listing(e), -EINVAL);
	e.flags = WIRE_ENTRY_UNEXAMINED;
	CHECK_EQ(listing(e), 0);
	e = file;
	e.kind = 8;
	CHECK_EQ(listing(e), -EINVAL);
	e = file;
	e.mode = 0100644;
	CHECK_EQ(listing(e), -EINVAL);
	e = file;
	e.size = FORMAT_FILE_MAX + 1;
	CHECK_EQ(listing(e), -EINVAL);
	e = file;
	e.ctime.ns = 1000000000;
	CHECK_EQ(listing(e), -EINVAL);
	e = file;
	e.name = span_str("a/b");
	CHECK_EQ(listing(e), -EINVAL);
	e.name = span_str("..");
	CHECK_EQ(listing(e), -EINVAL);
}

/* The fullest batch fits its frame. */
static void
largest_batch(void)
{
	_cleanup_buf_ struct buf entries = BUF_INIT, b = BUF_INIT;
	struct wire_batch in = {.batch = 1, .n = WIRE_ENTRIES_MAX};
	char name[LIMIT_NAME + 1];
	struct listing e = {.kind = FILE_REGULAR};

	memset(name, 'n', sizeof(name));
	for (unsigned int i = 0; i < WIRE_ENTRIES_MAX; i++) {
		snprintf(name, 5, "%04u", i);
		name[4] = 'n';
		e.name = span_of(name, LIMIT_NAME);
		TRIP_MUST(wire_listing_encode(&entries, &e) == 0);
	}
	CHECK_EQ(entries.n, WIRE_ENTRIES_MAX * WIRE_LISTING_MAX);
	in.entries = buf_span(&entries);
	CHECK_EQ(wire_batch_encode(&b, &in), 0);
	in.n++;
	CHECK_EQ(wire_batch_encode(&b, &in), -EINVAL);
}

static void
extents(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint8_t *bytes = trip_array(WIRE_DATA_MAX + 1, 1);
	struct wire_data data = {{0, 0}, 0, {bytes, WIRE_DATA_MAX}};
	struct wire_hole hole = {{0, 0}, 0, FORMAT_FILE_MAX};
	uint8_t head_[WIRE_HEAD_SIZE + WIRE_DATA_HEAD];

	CHECK_EQ(encode_data(&b, &data), 0);
	CHECK_EQ(wire_data_head(data.at, 0, WIRE_DATA_MAX, head_), 0);
	CHECK_MEM(b.p, head_, sizeof(head_));
	data.bytes.n++;
	CHECK_EQ(encode_data(&b, &data), -EINVAL);
	data.bytes.n = 0;
	CHECK_EQ(encode_data(&b, &data), -EINVAL);
	data.bytes.n = 1;
	data.offset = FORMAT_FILE_MAX - 1;
	CHECK_EQ(encode_data(&b, &data), 0);
	data.offset++;
	CHECK_EQ(encode_data(&b, &data), -EINVAL);
	data.offset = 0;
	data.at.entry = WIRE_ENTRIES_MAX;
	CHECK_EQ(encode_data(&b, &data), -EINVAL);
	CHECK_EQ(wire_hole_encode(&b, &hole), 0);
	hole.offset = 1;
	CHECK_EQ(wire_hole_encode(&b, &hole), -EINVAL);
	hole.offset = UINT64_MAX;
	hole.length = UINT64_MAX;
	CHECK_EQ(wire_hole_encode(&b, &hole), -EINVAL);
	hole = (struct wire_hole){{0, 0}, 0, 0};
	CHECK_EQ(wire_hole_encode(&b, &hole), -EINVAL);
	free(bytes);
}

static void
others(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	char target[LIMIT_LINK_TARGET + 1];
	struct wire_link link = {{0, 0}, {(uint8_t *)target, 0}};
	struct wire_problem problem = {{0, 0}, (enum problem_reason)0, 1};
	struct wire_file_end end = {.flags = 4};
	struct wire_attrs attrs = {{0, 0}, span_str("no attribute set")};
	struct wire_want want = {0, span_str("\4")};
	struct owner owner = {OWNER_USER, 1, span_str("")};

	memset(target, 't', sizeof(target));
	CHECK_EQ(wire_link_encode(&b, &link), -EINVAL);
	link.target.n = LIMIT_LINK_TARGET;
	CHECK_EQ(wire_link_encode(&b, &link), 0);
	link.target.n++;
	CHECK_EQ(wire_link_encode(&b, &link), -EINVAL);
	CHECK_EQ(wire_problem_encode(&b, &problem), -EINVAL);
	CHECK_EQ(wire_file_end_encode(&b, &end), -EINVAL);
	CHECK_EQ(wire_attrs_encode(&b, &attrs), -EINVAL);
	CHECK_EQ(wire_want_encode(&b, &want), -EINVAL);
	CHECK_EQ(wire_owner_encode(&b, &owner), -EINVAL);
}

static void
owners(void)
{
	static const uint8_t three = 3, zero = 0;
	_cleanup_buf_ struct buf b = BUF_INIT;
	char name[256];
	struct owner o = {OWNER_GROUP, 0, {(uint8_t *)name, 255}};

	memset(name, 'n', sizeof(name));
	CHECK_EQ(wire_owner_encode(&b, &o), 0);
	o.name.n = 256;
	CHECK_EQ(wire_owner_encode(&b, &o), -EINVAL);
	CHECK_EQ(torture_patch("wire_agent", 1, 8, &three, 1), -EBADMSG);
	CHECK_EQ(torture_patch("wire_agent", 1, 8, &zero, 1), -EBADMSG);
	/* A NUL in the name. */
	CHECK_EQ(torture_patch("wire_agent", 1, 14, &zero, 1), -EBADMSG);
	CHECK_EQ(wire_owner_decode(span_of("\1\0\0\0\0\0", 6), &o), -EBADMSG);
}

static void
counts(void)
{
	struct span *path = trip_array(WIRE_PATHS_MAX + 1, sizeof(*path));
	uint8_t *bits = trip_array(WIRE_ENTRIES_MAX + 1, 1);
	struct wire_start in = {.paths = WIRE_PATHS_MAX};
	struct wire_want want = {0, {bits, WIRE_ENTRIES_MAX}};
	struct wire_at at = {0, WIRE_ENTRIES_MAX - 1};
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (uint32_t i = 0; i <= WIRE_PATHS_MAX; i++)
		path[i] = span_str("/p");
	CHECK_EQ(wire_start_encode(&b, &in, path, NULL), 0);
	in.paths++;
	CHECK_EQ(wire_start_encode(&b, &in, path, NULL), -EINVAL);
	in.paths = 1;
	in.options = 4;
	CHECK_EQ(wire_start_encode(&b, &in, path, NULL), -EINVAL);
	CHECK_EQ(wire_want_encode(&b, &want), 0);
	want.want.n++;
	CHECK_EQ(wire_want_encode(&b, &want), -EINVAL);
	CHECK_EQ(wire_restart_encode(&b, at), 0);
	at.entry++;
	CHECK_EQ(wire_restart_encode(&b, at), -EINVAL);
	CHECK_EQ(torture_patch("wire_agent", 8, 8 + 4, "\0\4", 2), -EBADMSG);
	/* No path. */
	CHECK_EQ(torture_patch("wire_vault", 1, 8, "\0\0\3", 3), -EBADMSG);
	free(path);
	free(bits);
}

/* Payloads that no sender of ours makes. */
static void
foreign(void)
{
	struct wire_link link;
	struct wire_attrs attrs;

	CHECK_EQ(wire_link_decode(span_of("\0\0\0\0\0\0\0\0", 8), &link),
		-EBADMSG);
	CHECK_EQ(wire_link_decode(span_of("\0\0\0\0\0\0\0\0t\0t", 11), &link),
		-EBADMSG);
	CHECK_EQ(wire_attrs_decode(
			 span_of("\0\0\0\0\0\0\0\0\1\0\0\0", 12), &attrs),
		-EBADMSG);
	CHECK_EQ(torture_patch("wire_agent", 9, 8 + 6, "\0", 1), -EBADMSG);
	CHECK_EQ(torture_patch("wire_agent", 9, 8 + 6, "\x9", 1), -EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(heads), TEST(hello), TEST(starts), TEST(batches),
	TEST(listings), TEST(largest_batch), TEST(extents), TEST(others),
	TEST(owners), TEST(counts), TEST(foreign))
