/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: in a directory of 20,000 entries over three levels every entry is
 * found by name, by number and by index, and nothing else is; the roots of
 * several paths are where their paths say; and nodes whose levels do not fall
 * by one are refused.
 */
#include <errno.h>

#include "tests/unit/view/made.h"
#include "view/place.h"

#define ENTRIES 20000U

/* Every 100th is a directory with as many files as its number % 7. */
static struct made_entry
make_one(struct made *m, unsigned int i)
{
	struct made_entry sub[8], e;
	char name[64];

	snprintf(name, sizeof(name), "entry-%06u", i * 7919 % 1000003);
	if (i % 100 != 0) {
		e = made_entry(name, FILE_REGULAR);
		e.e.mode = i & 0777;
		e.e.user = i;
		return e;
	}
	e = made_entry(name, FILE_DIRECTORY);
	for (unsigned int k = 0; k < i / 100 % 7; k++) {
		snprintf(name, sizeof(name), "below-%u", k);
		sub[k] = made_entry(name, FILE_FIFO);
	}
	made_directory(m, &e, sub, i / 100 % 7, 3, 2);
	return e;
}

static struct made_entry *
make_store(char store[LIB_PATH])
{
	static const char *const paths[] = {"/srv"};
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY);
	struct made_entry *v = calloc(ENTRIES, sizeof(*v));

	for (unsigned int i = 0; i < ENTRIES; i++)
		v[i] = make_one(m, i);
	/* 37 entries a page, 23 children a node: 541 pages, 24 nodes, 2, 1. */
	made_directory(m, &root, v, ENTRIES, 37, 23);
	made_commit(m, paths, &root, 1);
	snprintf(store, LIB_PATH, "%s", made_store(m));
	made_free(m);
	return v;
}

static void
check_one(struct view_snap *snap, const struct place *top,
	const struct made_entry *want, uint64_t number)
{
	struct place by_name, by_number, parent;
	struct fault f = {0};

	if (!CHECK_EQ(place_find(snap, top, span_str(want->name), &by_name, &f),
		    0))
		return;
	CHECK_EQ(by_name.number, number);
	CHECK_EQ(by_name.entry.kind, want->e.kind);
	CHECK_EQ(by_name.entry.user, want->e.user);
	CHECK_EQ(by_name.entry.mode, want->e.mode);
	CHECK_EQ(by_name.entry.below, want->e.below);
	if (!CHECK_EQ(
		    place_number(snap, 0, number, &by_number, &parent, &f), 0))
		return;
	CHECK_EQ(by_number.number, number);
	CHECK_EQ(by_number.entry.user, want->e.user);
	CHECK_EQ(by_number.entry.kind, want->e.kind);
	CHECK_EQ(parent.number, 0);
}

static void
check_below(struct view_snap *snap, const struct place *dir)
{
	char name[64];

	for (unsigned int k = 0; k < dir->entry.below; k++) {
		struct place p, q, parent;
		struct fault f = {0};

		snprintf(name, sizeof(name), "below-%u", k);
		CHECK_EQ(place_find(snap, dir, span_str(name), &p, &f), 0);
		CHECK_EQ(p.number, dir->number + 1 + k);
		CHECK_EQ(place_number(snap, 0, p.number, &q, &parent, &f), 0);
		CHECK_EQ(q.entry.kind, FILE_FIFO);
		CHECK_EQ(parent.number, dir->number);
	}
}

static void
check_listing(struct view_snap *snap, const struct place *top,
	const struct made_entry *v, const uint64_t *number, uint64_t from)
{
	struct place_dir d;
	struct fault f = {0};
	struct place p;
	struct span name;

	CHECK_EQ(place_dir_open(snap, top, from, &d, &f), 0);
	CHECK_EQ(d.index, from < ENTRIES ? from : ENTRIES);
	for (uint64_t i = from; i < ENTRIES && i < from + 200; i++) {
		if (!CHECK_EQ(place_dir_next(&d, &name, &p, &f), 1))
			break;
		CHECK(span_eq(name, span_str(v[i].name)));
		CHECK_EQ(p.number, number[i]);
		CHECK_EQ(d.index, i + 1);
	}
	if (from + 200 >= ENTRIES) {
		CHECK_EQ(place_dir_next(&d, &name, &p, &f), 0);
		CHECK_EQ(place_dir_next(&d, &name, &p, &f), 0);
	}
	place_dir_close(&d);
}

static void
large_directory(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	static uint64_t number[ENTRIES];
	struct made_entry *v;
	struct view_snap *snap;
	struct place top, p;
	struct fault f = {0};
	char store[LIB_PATH];
	uint64_t next = 1;

	v = make_store(store);
	made_open(store, &s, &snap);
	place_top(snap, &top);
	for (size_t i = 0; i < ENTRIES; i++) {
		number[i] = next;
		check_one(snap, &top, &v[i], next);
		next += 1 + v[i].e.below;
		if (v[i].e.kind == FILE_DIRECTORY) {
			CHECK_EQ(place_find(snap, &top, span_str(v[i].name), &p,
					 &f),
				0);
			check_below(snap, &p);
		}
	}
	CHECK_EQ(top.entry.below + 1, next);
	CHECK_EQ(place_number(snap, 0, next, &p, NULL, &f), -ESTALE);
	CHECK_EQ(place_number(snap, 1, 0, &p, NULL, &f), -ESTALE);
	CHECK_EQ(place_find(snap, &top, span_str("entry"), &p, &f), -ENOENT);
	CHECK_EQ(place_find(snap, &top, span_str("zzz"), &p, &f), -ENOENT);
	CHECK_EQ(place_find(snap, &top, span_str("entry-0000000"), &p, &f),
		-ENOENT);
	CHECK_EQ(place_find(snap, &top, span_str(".."), &p, &f), -ENOENT);
	CHECK_EQ(f.code, FAULT_NONE);
	for (uint64_t from = 0; from < ENTRIES + 300; from += 173)
		check_listing(snap, &top, v, number, from);
	check_listing(snap, &top, v, number, ENTRIES);
	view_snap_close(snap);
	free(v);
}

static void
resolve(struct view_snap *snap, const char *path, int want, uint16_t in,
	uint64_t number)
{
	struct fault f = {0};
	struct span name;
	struct place p;
	int err = place_resolve(snap, span_str(path), &p, &name, &f);

	if (!CHECK_EQ(err, want))
		printf("    %s\n", path);
	if (err < 0 || want < 0)
		return;
	CHECK_EQ(p.path, in);
	CHECK_EQ(p.number, number);
}

/* /srv with /srv/data not entered, /srv/data on its own, and /var/lib. */
static void
several_paths(void)
{
	static const char *const paths[] = {"/srv", "/srv/data", "/var/lib/x"};
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root[3], v[3], w[2];
	struct view_snap *snap;
	struct place_dir d;
	struct fault f = {0};
	struct span name;
	struct place p;

	for (size_t i = 0; i < 3; i++)
		root[i] = made_entry("", FILE_DIRECTORY);
	v[0] = made_entry("a", FILE_FIFO);
	v[1] = made_entry("data", FILE_DIRECTORY);
	v[1].e.flags = DIRENT_NOT_ENTERED;
	v[2] = made_entry("z", FILE_FIFO);
	made_directory(m, &root[0], v, 3, 2, 2);
	w[0] = made_entry("inner", FILE_FIFO);
	w[1] = made_entry("more", FILE_FIFO);
	made_directory(m, &root[1], w, 2, 8, 2);
	made_directory(m, &root[2], NULL, 0, 8, 2);
	made_commit(m, paths, root, 3);
	made_open(made_store(m), &s, &snap);
	made_free(m);

	resolve(snap, "/", 0, PLACE_ABOVE, 0);
	resolve(snap, "/srv", 0, 0, 0);
	resolve(snap, "/srv/a", 0, 0, 1);
	resolve(snap, "/srv/data", 0, 1, 0);
	resolve(snap, "//srv/./data/more/", 0, 1, 2);
	resolve(snap, "/srv/z", 0, 0, 3);
	resolve(snap, "/var/lib", 0, PLACE_ABOVE, 3);
	resolve(snap, "/var/lib/x", 0, 2, 0);
	resolve(snap, "/var/nothing", -ENOENT, 0, 0);
	resolve(snap, "/srv/a/b", -ENOENT, 0, 0);
	CHECK_EQ(place_number(snap, PLACE_ABOVE, 2, &p, NULL, &f), 0);
	CHECK_EQ(place_number(snap, 1, 2, &p, NULL, &f), 0);
	place_top(snap, &p);
	CHECK_EQ(place_dir_open(snap, &p, 1, &d, &f), 0);
	CHECK_EQ(place_dir_next(&d, &name, &p, &f), 1);
	CHECK(span_eq(name, span_str("var")));
	CHECK_EQ(place_dir_next(&d, &name, &p, &f), 0);
	place_dir_close(&d);
	view_snap_close(snap);
}

/* A directory of one entry below n nodes, their levels from the root down.
 * Whether its entry is found and listed. */
static void
levels(const uint8_t *level, size_t n, bool good)
{
	static const char *const paths[] = {"/srv"};
	const struct directory_child child = {
		.direct = 1, .below = 1, .name = span_str("a")};
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY);
	struct made_entry a = made_entry("a", FILE_FIFO);
	struct view_snap *snap;
	struct place_dir d;
	struct place top, p;
	struct span name;
	struct fault find = {0}, list = {0};
	int err;

	made_directory(m, &root, &a, 1, 8, 2);
	while (n-- > 0) {
		_cleanup_buf_ struct buf b = BUF_INIT;

		CHECK_EQ(directory_node_encode(&b, level[n], &child, 1), 0);
		root.content = made_object(
			m, OBJECT_DIRNODE, b.p, b.n, &root.content, 1);
		root.e.content = OBJECT_DIRNODE;
	}
	made_commit(m, paths, &root, 1);
	made_open(made_store(m), &s, &snap);
	place_top(snap, &top);
	err = place_find(snap, &top, span_str("a"), &p, &find);
	CHECK_EQ(err, good ? 0 : -EBADMSG);
	CHECK_EQ(find.code, good ? FAULT_NONE : FAULT_OBJECT_DAMAGED);
	err = place_dir_open(snap, &top, 0, &d, &list);
	if (err == 0) {
		err = place_dir_next(&d, &name, &p, &list);
		place_dir_close(&d);
	}
	CHECK_EQ(err, good ? 1 : -EBADMSG);
	CHECK_EQ(list.code, good ? FAULT_NONE : FAULT_OBJECT_DAMAGED);
	view_snap_close(snap);
	lib_remove_tree(made_store(m));
	made_free(m);
}

static void
levels_fall_by_one(void)
{
	static const uint8_t right[] = {2, 1}, again[] = {2, 2, 1},
			     rising[] = {2, 3, 1}, skipped[] = {3, 1},
			     most[] = {8, 7, 6, 5, 4, 3, 2, 1},
			     many[] = {9, 8, 7, 6, 5, 4, 3, 2, 1};

	levels(right, array_len(right), true);
	levels(again, array_len(again), false);
	levels(rising, array_len(rising), false);
	levels(skipped, array_len(skipped), false);
	levels(most, array_len(most), true);
	levels(many, array_len(many), false);
}

CHECK_MAIN(TEST(large_directory), TEST(several_paths), TEST(levels_fall_by_one))
