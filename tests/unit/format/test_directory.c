/* SPDX-License-Identifier: Apache-2.0 */

/* Directory pages and nodes: order, legal names, slots, tags. */

#include "format/directory.h"
#include "tests/unit/format/torture.h"

static const struct dirent_rec plain = {
	.name = {(const uint8_t *)"n", 1},
	.kind = FILE_REGULAR,
	.mode = 0600,
};

static int
encode(const struct dirent_rec *e)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	int err = directory_entry_encode(&b, e);

	CHECK(err == 0 || b.n == 0);
	return err;
}

static void
damage(void)
{
	torture("page", TORTURE_FIXED);
	torture("node", TORTURE_FIXED);
}

static void
entries(void)
{
	struct dirent_rec e = plain;

	CHECK_EQ(encode(&e), 0);
	e.mode = 010000;
	CHECK_EQ(encode(&e), -EINVAL);
	e = plain;
	e.flags = 64;
	CHECK_EQ(encode(&e), -EINVAL);
	e = plain;
	e.kind = (enum file_kind)8;
	CHECK_EQ(encode(&e), -EINVAL);
	e = plain;
	e.content = OBJECT_DIRPAGE;
	CHECK_EQ(encode(&e), -EINVAL);
	e = plain;
	e.mtime.ns = 1000000000;
	CHECK_EQ(encode(&e), -EINVAL);
	e = plain;
	e.size = FORMAT_FILE_MAX;
	CHECK_EQ(encode(&e), 0);
	e.size++;
	CHECK_EQ(encode(&e), -EINVAL);
	e.kind = FILE_FIFO;
	e.size = 1;
	CHECK_EQ(encode(&e), -EINVAL);
	e.kind = FILE_SYMLINK;
	e.size = LIMIT_LINK_TARGET + 1;
	CHECK_EQ(encode(&e), -EINVAL);
	e = plain;
	e.kind = FILE_DIRECTORY;
	e.flags = DIRENT_LINK_GROUP;
	CHECK_EQ(encode(&e), -EINVAL);
	e = plain;
	e.name = span_str("..");
	CHECK_EQ(encode(&e), -EINVAL);
}

static void
largest_entry(void)
{
	char name[LIMIT_NAME];
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct dirent_rec e = plain;

	memset(name, 'n', sizeof(name));
	e.name = span_of(name, sizeof(name));
	e.flags = DIRENT_LINK_GROUP;
	e.kind = FILE_CHAR;
	CHECK_EQ(directory_entry_encode(&b, &e), 0);
	CHECK_EQ(b.n, DIRENT_SIZE_MAX);
}

static int
with_tags(const void *tags, size_t n, struct span *ret_tags)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct dirent_rec e;
	struct wcur w;
	int err;

	TRIP_MUST(directory_entry_encode(&b, &plain) == 0);
	TRIP_MUST(buf_append(&b, tags, n) == 0);
	w = wcur_init(b.p, 2);
	wcur_u16(&w, (uint16_t)(b.n - 2));
	err = directory_entry_decode(span_of(b.p + 2, b.n - 2), false, &e);
	if (!err)
		*ret_tags = span_of(tags, e.tags.n);
	return err;
}

static void
unknown_tags(void)
{
	struct span tags = {NULL, 0};

	CHECK_EQ(with_tags("\x05\0\x02\0hi\x06\0\0\0", 10, &tags), 0);
	CHECK_EQ(tags.n, 10);
	CHECK_EQ(with_tags("\x05\x80\0\0", 4, &tags), -EPROTONOSUPPORT);
	CHECK_EQ(with_tags("\x05\0\0\0\x05\x80\x01\0x", 9, &tags),
		-EPROTONOSUPPORT);
	CHECK_EQ(with_tags("\x05\0\0\0\x05\0\0\0", 8, &tags), -EBADMSG);
	CHECK_EQ(with_tags("\x05\0\0\0\x04\0\0\0", 8, &tags), -EBADMSG);
	CHECK_EQ(with_tags("\x05\0\x01\0", 4, &tags), -EBADMSG);
	CHECK_EQ(with_tags("\x05\0\0", 3, &tags), -EBADMSG);
	/* Damage behind a critical tag is damage. */
	CHECK_EQ(with_tags("\x05\x80\0\0\x05", 5, &tags), -EBADMSG);
}

static int
page_of(const char *first, const char *second, struct buf *b)
{
	_cleanup_buf_ struct buf list = BUF_INIT;
	struct dirent_rec e = plain;

	e.content = OBJECT_CHUNK;
	e.flags = DIRENT_ATTRS;
	e.name = span_str(first);
	TRIP_MUST(directory_entry_encode(&list, &e) == 0);
	e.content = 0;
	e.name = span_str(second);
	TRIP_MUST(directory_entry_encode(&list, &e) == 0);
	return directory_page_encode(b, NULL, 0, buf_span(&list), 2);
}

static void
pages(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct directory_page page;
	struct directory_at at;
	struct dirent_rec e;

	CHECK_EQ(page_of("b", "a", &b), -EINVAL);
	CHECK_EQ(page_of("a", "a", &b), -EINVAL);
	CHECK_EQ(page_of("ab", "a", &b), -EINVAL);
	CHECK_EQ(b.n, 0);
	CHECK_EQ(page_of("a", "ab", &b), 0);
	CHECK_EQ(directory_page_open(buf_span(&b), &page), 0);
	CHECK_EQ(page.slots, 3);
	at = directory_page_start(&page);
	CHECK(directory_page_next(&at, &e));
	CHECK_EQ(e.content_slot, 0);
	CHECK_EQ(e.attrs_slot, 1);
	CHECK(directory_page_next(&at, &e));
	CHECK_EQ(e.attrs_slot, 2);
	CHECK(!directory_page_next(&at, &e));
	/* A count that does not fit the entries. */
	CHECK_EQ(torture_patch("page", 2, 0, "\0\0", 2), -EBADMSG);
	CHECK_EQ(torture_patch("page", 2, 0, "\2\0", 2), -EBADMSG);
}

static void
owners(void)
{
	struct owner list[] = {
		{OWNER_USER, 5, span_str("five")},
		{OWNER_GROUP, 5, span_str("five")},
	};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct directory_owners out;
	struct rcur r;
	struct span name;

	CHECK_EQ(directory_owners_put(&b, list, 2), 0);
	r = rcur_init(buf_span(&b));
	directory_owners_get(&r, 2, &out);
	CHECK_EQ(rcur_end(&r), 0);
	CHECK_EQ(directory_owners_find(&out, OWNER_GROUP, 5, &name), 0);
	CHECK_EQ(directory_owners_find(&out, OWNER_GROUP, 6, &name), -ENOENT);
	list[1].kind = OWNER_USER;
	CHECK_EQ(directory_owners_put(&b, list, 2), -EINVAL);
	list[1].number = 4;
	CHECK_EQ(directory_owners_put(&b, list, 2), -EINVAL);
	list[1] = (struct owner){OWNER_GROUP, 1, span_str("")};
	CHECK_EQ(directory_owners_put(&b, list, 2), -EINVAL);
	list[1].name = span_of("a\0b", 3);
	CHECK_EQ(directory_owners_put(&b, list, 2), -EINVAL);
	list[1] = (struct owner){(enum owner_kind)3, 1, span_str("x")};
	CHECK_EQ(directory_owners_put(&b, list, 2), -EINVAL);
}

static void
nodes(void)
{
	struct directory_child child[] = {
		{0, 2, 5, 100, span_str("b")},
		{0, 3, 3, 200, span_str("m")},
	};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct directory_node node;

	CHECK_EQ(directory_node_encode(&b, 1, child, 2), 0);
	CHECK_EQ(directory_node_open(buf_span(&b), &node), 0);
	CHECK_EQ(node.direct, 5);
	CHECK_EQ(node.below, 8);
	CHECK_EQ(node.bytes, 300);
	CHECK_EQ(directory_node_encode(&b, 0, child, 2), -EINVAL);
	CHECK_EQ(directory_node_encode(&b, 1, child, 0), -EINVAL);
	child[1].below = 2;
	CHECK_EQ(directory_node_encode(&b, 1, child, 2), -EINVAL);
	child[1].below = UINT64_MAX;
	CHECK_EQ(directory_node_encode(&b, 1, child, 2), -EINVAL);
	child[1].below = 3;
	child[1].direct = 0;
	CHECK_EQ(directory_node_encode(&b, 1, child, 2), -EINVAL);
	child[1].direct = 3;
	child[1].name = span_str("b");
	CHECK_EQ(directory_node_encode(&b, 1, child, 2), -EINVAL);
}

/* A page of n entries that use a slot each. */
static int
page_with_slots(uint32_t n, uint32_t *ret_slots)
{
	_cleanup_buf_ struct buf list = BUF_INIT, b = BUF_INIT;
	struct directory_page page;
	struct dirent_rec e = plain;
	int err;

	e.content = OBJECT_CHUNK;
	for (uint32_t i = 0; i < n; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%05u", i);
		e.name = span_str(name);
		TRIP_MUST(directory_entry_encode(&list, &e) == 0);
	}
	err = directory_page_encode(&b, NULL, 0, buf_span(&list), n);
	if (err)
		return err;
	TRIP_MUST(directory_page_open(buf_span(&b), &page) == 0);
	*ret_slots = page.slots;
	return 0;
}

static void
slot_limit(void)
{
	uint32_t slots = 0;

	CHECK_EQ(page_with_slots(FORMAT_REFS_MAX, &slots), 0);
	CHECK_EQ(slots, FORMAT_REFS_MAX);
	CHECK_EQ(page_with_slots(FORMAT_REFS_MAX + 1, &slots), -EINVAL);
}

/* A node of n children, with or without a writer's limit. */
static int
node_of(uint16_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct directory_node node;

	TRIP_MUST(buf_u16(&b, n) == 0);
	TRIP_MUST(buf_u16(&b, 1) == 0);
	TRIP_MUST(buf_u32(&b, 0) == 0);
	for (uint16_t i = 0; i < n; i++) {
		char name[8];

		snprintf(name, sizeof(name), "%05u", i);
		TRIP_MUST(buf_u64(&b, 1) == 0);
		TRIP_MUST(buf_u64(&b, 1) == 0);
		TRIP_MUST(buf_u64(&b, 1) == 0);
		TRIP_MUST(buf_u8(&b, 5) == 0);
		TRIP_MUST(buf_append(&b, name, 5) == 0);
	}
	return directory_node_open(buf_span(&b), &node);
}

static void
node_limits(void)
{
	struct directory_child *child =
		trip_array(DIRECTORY_WRITE_MAX + 1, sizeof(*child));
	char name[DIRECTORY_WRITE_MAX + 1][6];
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (uint32_t i = 0; i <= DIRECTORY_WRITE_MAX; i++) {
		snprintf(name[i], sizeof(name[i]), "%05u", i);
		child[i] =
			(struct directory_child){i, 1, 1, 0, span_str(name[i])};
	}
	CHECK_EQ(directory_node_encode(&b, 1, child, DIRECTORY_WRITE_MAX), 0);
	CHECK_EQ(directory_node_encode(&b, 1, child, DIRECTORY_WRITE_MAX + 1),
		-EINVAL);
	CHECK_EQ(node_of(DIRECTORY_CHILDREN_MAX), 0);
	CHECK_EQ(node_of(DIRECTORY_CHILDREN_MAX + 1), -EBADMSG);
	CHECK_EQ(node_of(0), -EBADMSG);
	free(child);
}

static void
name_limits(void)
{
	char name[256];
	struct owner o = {OWNER_USER, 1, {(uint8_t *)name, 255}};
	struct directory_child child = {0, 1, 1, 1, {(uint8_t *)name, 255}};
	struct dirent_rec link = {.name = span_str("l"), .kind = FILE_SYMLINK};
	_cleanup_buf_ struct buf b = BUF_INIT;

	memset(name, 'n', sizeof(name));
	CHECK_EQ(directory_owners_put(&b, &o, 1), 0);
	o.name.n = 256;
	CHECK_EQ(directory_owners_put(&b, &o, 1), -EINVAL);
	CHECK_EQ(directory_node_encode(&b, 1, &child, 1), 0);
	child.name.n = 256;
	CHECK_EQ(directory_node_encode(&b, 1, &child, 1), -EINVAL);
	child.name.n = 0;
	CHECK_EQ(directory_node_encode(&b, 1, &child, 1), -EINVAL);
	link.size = LIMIT_LINK_TARGET;
	CHECK_EQ(encode(&link), 0);
}

CHECK_MAIN(TEST(damage), TEST(entries), TEST(largest_entry), TEST(unknown_tags),
	TEST(pages), TEST(owners), TEST(nodes), TEST(slot_limit),
	TEST(node_limits), TEST(name_limits))
