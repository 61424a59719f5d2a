/* SPDX-License-Identifier: Apache-2.0 */

/* Snapshot roots: parts, their order, and whose slot is which. */

#include "format/snaproot.h"
#include "tests/unit/format/torture.h"

static const struct dirent_rec folder = {
	.kind = FILE_DIRECTORY,
	.content = OBJECT_DIRPAGE,
	.flags = DIRENT_ATTRS,
};

static void
damage(void)
{
	torture("snaproot", TORTURE_FIXED);
}

static void
slots(void)
{
	struct snaproot_path path[2] = {
		{span_str("/a"), folder}, {span_str("/b"), folder}};
	struct snaproot_parts parts = {.path = path, .paths = 2, .problems = 9};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct directory_at at;
	struct snaproot_path out;
	struct snaproot root;

	CHECK_EQ(snaproot_encode(&b, &parts), 0);
	CHECK_EQ(snaproot_open(buf_span(&b), &root), 0);
	CHECK_EQ(root.problems, 9);
	CHECK_EQ(root.problems_slot, 0);
	CHECK_EQ(root.slots, 5);
	at = snaproot_start(&root);
	CHECK(snaproot_next(&at, &out));
	CHECK(span_eq(out.path, span_str("/a")));
	CHECK_EQ(out.entry.content_slot, 1);
	CHECK_EQ(out.entry.attrs_slot, 2);
	CHECK(snaproot_next(&at, &out));
	CHECK_EQ(out.entry.content_slot, 3);
	CHECK(!snaproot_next(&at, &out));
}

static int
encode(const char *path, const char *name, size_t paths)
{
	struct snaproot_path one = {span_str(path), folder};
	struct snaproot_parts parts = {.path = &one, .paths = paths};
	_cleanup_buf_ struct buf b = BUF_INIT;
	int err;

	one.entry.name = span_str(name);
	err = snaproot_encode(&b, &parts);
	CHECK(err == 0 || b.n == 0);
	return err;
}

static void
refusals(void)
{
	char path[4097];

	CHECK_EQ(encode("/", "", 1), 0);
	CHECK_EQ(encode("", "", 1), -EINVAL);
	CHECK_EQ(encode("a", "", 1), -EINVAL);
	CHECK_EQ(encode("/", "n", 1), -EINVAL);
	CHECK_EQ(encode("/", "", 0), -EINVAL);
	memset(path, '/', sizeof(path));
	path[4095] = 0;
	CHECK_EQ(encode(path, "", 1), 0);
	path[4095] = '/';
	path[4096] = 0;
	CHECK_EQ(encode(path, "", 1), -EINVAL);
}

/* A root with one more part in front of those of sample 0. */
static int
with_part(uint16_t kind, uint16_t part_slots, struct snaproot *ret)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_buf_ struct buf old = BUF_INIT;

	trip_named("snaproot")->sample(0, &old);
	TRIP_MUST(buf_u32(&b, 2) == 0);
	TRIP_MUST(buf_u16(&b, kind) == 0);
	TRIP_MUST(buf_u16(&b, part_slots) == 0);
	TRIP_MUST(buf_u32(&b, 3) == 0);
	TRIP_MUST(buf_append(&b, "new", 3) == 0);
	TRIP_MUST(buf_append(&b, old.p + 4, old.n - 4) == 0);
	return snaproot_open(buf_span(&b), ret);
}

static void
unknown_parts(void)
{
	struct snaproot root;

	CHECK_EQ(with_part(77, 3, &root), 0);
	CHECK_EQ(root.tree_slot, 3);
	CHECK_EQ(root.slots, 4);
	CHECK_EQ(root.problems, 0);
	CHECK_EQ(with_part(2, 0, &root), 0);
	CHECK_EQ(with_part(0x8000, 0, &root), -EPROTONOSUPPORT);
	/* Twice the tree, in any case not ascending. */
	CHECK_EQ(with_part(0x8001, 0, &root), -EBADMSG);
	CHECK_EQ(with_part(4, 1, &root), -EBADMSG);
	CHECK_EQ(with_part(77, FORMAT_REFS_MAX, &root), -EBADMSG);
}

/* A problem list without problems, or with a wrong number of slots. */
static void
problem_part(void)
{
	static const uint8_t zero[8], two[2] = {2};

	CHECK_EQ(torture_patch("snaproot", 2, 4 + 8, zero, 8), -EBADMSG);
	CHECK_EQ(torture_patch("snaproot", 2, 4 + 2, two, 2), -EBADMSG);
	CHECK_EQ(torture_patch("snaproot", 2, 4 + 2, zero, 2), -EBADMSG);
	/* The tree says how many slots its entries use. */
	CHECK_EQ(torture_patch("snaproot", 0, 4 + 2, two, 2), -EBADMSG);
	/* No tree at all. */
	CHECK_EQ(snaproot_open(span_of(zero, 4), &(struct snaproot){0}),
		-EBADMSG);
}

CHECK_MAIN(TEST(damage), TEST(slots), TEST(refusals), TEST(unknown_parts),
	TEST(problem_part))
