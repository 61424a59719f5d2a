/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is known is found where it lies, and only there: I6, I7, the
 * locality cache, packs open to hits, and an index that was lost, is old,
 * foreign or garbage changes no answer. */
#include "tests/unit/store/lib.h"

#include "store/layout.h"
#include "store/rocks.h"
#include "util/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static enum lookup
look(struct writer *w, const struct id *id, const struct ref *refs, size_t n,
	struct addr *at)
{
	_cleanup_buf_ struct buf rows = BUF_INIT;
	int r;

	lib_rows(refs, n, &rows);
	r = writer_lookup(w, 1, id, buf_span(&rows), at);
	CHECK(r == LOOKUP_HIT || r == LOOKUP_MISS);
	return (enum lookup)r;
}

/* All objects of a pull are found at their places. */
static void
check_known(struct writer *w, const struct lib_pull *p)
{
	struct addr at;

	for (size_t i = 0; i < p->n; i++) {
		CHECK_EQ(look(w, &p->chunks[i].id, NULL, 0, &at), LOOKUP_HIT);
		CHECK(addr_equal(at, p->chunks[i].addr));
	}
	CHECK_EQ(look(w, &p->page.id, p->chunks, p->n < 100 ? p->n : 100, &at),
		LOOKUP_HIT);
	CHECK(addr_equal(at, p->page.addr));
}

static void
test_locality(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	struct lib_store s;
	struct lib_pull p;
	struct writer_stats stats;

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 1000, &p);
	check_known(w, &p);
	/* The tables of packs just sealed are there already. */
	stats = writer_stats(w);
	CHECK_EQ(stats.index_gets, 0);
	CHECK_EQ(stats.hits, 1001);
	writer_close(w);
	w = NULL;
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	check_known(w, &p);
	stats = writer_stats(w);
	CHECK_EQ(stats.index_gets, 2);
	CHECK_EQ(stats.table_loads, 2);
	CHECK_EQ(stats.hits, 1001);
	CHECK_EQ(stats.misses, 0);
	free(p.chunks);
	lib_done(&s);
}

static void
test_stored_references(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	struct lib_store s;
	struct lib_pull p;
	struct ref other[3];
	struct addr at;
	struct id id = {{0}};

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 3, &p);
	memcpy(other, p.chunks, sizeof(other));
	CHECK_EQ(look(w, &p.page.id, other, 3, &at), LOOKUP_HIT);
	other[1].addr.row++;
	CHECK_EQ(look(w, &p.page.id, other, 3, &at), LOOKUP_MISS);
	CHECK_EQ(look(w, &p.page.id, p.chunks, 2, &at), LOOKUP_MISS);
	CHECK_EQ(look(w, &p.page.id, NULL, 0, &at), LOOKUP_MISS);
	CHECK_EQ(look(w, &id, NULL, 0, &at), LOOKUP_MISS);
	CHECK_EQ(writer_lookup(w, 7, &id, span_of(NULL, 0), &at), -ENOKEY);
	free(p.chunks);
	lib_done(&s);
}

/* A pack that its pull's snapshot does not list answers no hit any more, nor
 * after reopening; one of an open pull does. */
static void
test_open_to_hits(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	struct lib_object o = {.type = OBJECT_CHUNK, .content = "one"};
	struct lib_object o2 = {.type = OBJECT_CHUNK, .content = "two"};
	struct lib_store s;
	struct lib_draft d, e;
	struct leaf_body body;
	struct root id;
	struct ref one, two;
	struct addr at;
	uint64_t pull, again, number;
	uint32_t ordinals[2];

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	lib_begin(&s, w, PACK_DATA, pull, &d);
	lib_block(&s, &d, &o, 1, &one);
	lib_begin(&s, w, PACK_DATA, pull, &e);
	lib_block(&s, &e, &o2, 1, &two);
	ordinals[0] = draft_ordinal(d.d);
	ordinals[1] = draft_ordinal(e.d);
	CHECK(!writer_open_to_hits(w, ordinals[0]));
	CHECK_EQ(look(w, &one.id, NULL, 0, &at), LOOKUP_MISS);
	CHECK(LIB_OK(draft_seal(w, d.d, NULL, &f)));
	CHECK(writer_open_to_hits(w, ordinals[0]));
	/* I4: the other is not sealed. */
	body = lib_body("src", &one);
	{
		struct fault f = {.code = FAULT_NONE};

		CHECK_EQ(writer_commit(w, pull, 1, LEAF_COMPLETE, ordinals, 2,
				 &body, &number, &id, &f),
			-EINVAL);
		CHECK(f.code != FAULT_NONE);
	}
	CHECK(LIB_OK(draft_seal(w, e.d, NULL, &f)));
	writer_close(w);
	w = NULL;
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "src", 1, &again, &f)));
	CHECK_EQ(again, pull);
	CHECK_EQ(look(w, &one.id, NULL, 0, &at), LOOKUP_HIT);
	CHECK(addr_equal(at, one.addr));
	CHECK_EQ(look(w, &two.id, NULL, 0, &at), LOOKUP_HIT);
	CHECK(LIB_OK(writer_commit(w, pull, 1, LEAF_COMPLETE, &ordinals[1], 1,
		&body, &number, &id, &f)));
	for (int i = 0; i < 2; i++) {
		CHECK(!writer_open_to_hits(w, ordinals[0]));
		CHECK(writer_open_to_hits(w, ordinals[1]));
		CHECK_EQ(look(w, &one.id, NULL, 0, &at), LOOKUP_MISS);
		CHECK_EQ(look(w, &two.id, NULL, 0, &at), LOOKUP_HIT);
		writer_close(w);
		w = NULL;
		CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	}
	CHECK(LIB_OK(writer_pull(w, "src", 1, &again, &f)));
	CHECK(again != pull);
	lib_done(&s);
}

/* A commit over a pack whose file is gone. */
static void
test_missing_pack(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	struct lib_store s;
	struct lib_pull p;
	struct leaf_body body;
	struct root id;
	uint64_t pull, number;
	char path[LIB_PATH];

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 3, &p);
	lib_unprotect(s.dir);
	lib_path(path, s.dir, "packs");
	lib_remove_tree(path);
	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	body = lib_body("src", &p.page);
	LIB_FAULT(FAULT_PACK_MISSING,
		writer_commit(w, pull, 1, LEAF_COMPLETE, p.ordinals, 2, &body,
			&number, &id, &f));
	free(p.chunks);
	lib_done(&s);
}

static void
reopen_and_check(
	struct lib_store *s, const struct lib_pull *a, const struct lib_pull *b)
{
	_cleanup_writer_ struct writer *w = NULL;

	if (!CHECK(LIB_OK(writer_open(s->dir, NULL, &w, &f))))
		return;
	check_known(w, a);
	check_known(w, b);
}

/* Overwrite the database's files with garbage, one by one kind. */
static void
garbage(const char *dir, const char *suffix)
{
	char path[LIB_PATH];
	struct dirent *e;
	DIR *d;

	lib_path(path, dir, LAYOUT_INDEX);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (strstr(e->d_name, suffix))
			lib_write(path, e->d_name, span_str("garbage"));
	}
	if (d)
		closedir(d);
}

/* RocksDB 9.10 never ends at a record of this kind in a manifest. */
static void
test_plain(void)
{
	static const uint8_t records[] = {0xaa, 0xaa, 0xaa, 0xaa, 1, 0, 1, 0xbb,
		0xaa, 0xaa, 0xaa, 0xaa, 1, 0, 5, 0xbb};
	char dir[LIB_PATH], path[LIB_PATH];
	int fd;

	lib_path(dir, check_scratch(), "plain");
	CHECK(mkdir(dir, 0700) == 0);
	fd = open(check_scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(rocks_plain(fd, "none"));
	CHECK(rocks_plain(fd, "plain"));
	lib_write(dir, "000007.log", span_of(records, sizeof(records)));
	lib_write(dir, "MANIFEST-000005", span_of(records, 8));
	CHECK(rocks_plain(fd, "plain"));
	lib_write(dir, "MANIFEST-000005", span_of(records, sizeof(records)));
	CHECK(!rocks_plain(fd, "plain"));
	lib_write(dir, "MANIFEST-000005", span_of(records, 13));
	CHECK(rocks_plain(fd, "plain"));
	lib_path(path, dir, "fifo");
	CHECK(mkfifo(path, 0600) == 0);
	CHECK(!rocks_plain(fd, "plain"));
	close(fd);
}

static void
test_index(void)
{
	struct lib_store s, other;
	struct lib_pull a, b, c;
	struct writer *w = NULL;
	char index[LIB_PATH], old[LIB_PATH], foreign[LIB_PATH];

	lib_make(&s, "store");
	lib_make(&other, "other");
	lib_path(index, s.dir, LAYOUT_INDEX);
	lib_path(old, check_scratch(), "old");
	lib_path(foreign, other.dir, LAYOUT_INDEX);
	CHECK(LIB_OK(writer_open(other.dir, NULL, &w, &f)));
	lib_pull(&other, w, "src", 9, 50, &c);
	writer_close(w);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 50, &a);
	writer_close(w);
	lib_copy_tree(index, old);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 2, 50, &b);
	writer_close(w);
	reopen_and_check(&s, &a, &b);
	/* Deleted. */
	lib_remove_tree(index);
	reopen_and_check(&s, &a, &b);
	/* An older copy. */
	lib_remove_tree(index);
	lib_copy_tree(old, index);
	reopen_and_check(&s, &a, &b);
	/* Of another store. */
	lib_remove_tree(index);
	lib_copy_tree(foreign, index);
	reopen_and_check(&s, &a, &b);
	/* Lost files, garbage. */
	garbage(s.dir, "CURRENT");
	reopen_and_check(&s, &a, &b);
	garbage(s.dir, "MANIFEST");
	reopen_and_check(&s, &a, &b);
	garbage(s.dir, ".sst");
	reopen_and_check(&s, &a, &b);
	garbage(s.dir, ".log");
	reopen_and_check(&s, &a, &b);
	lib_remove_tree(index);
	lib_write(s.dir, LAYOUT_INDEX, span_str("a file"));
	reopen_and_check(&s, &a, &b);
	/* The whole of cache/. */
	lib_path(index, s.dir, LAYOUT_CACHE);
	lib_remove_tree(index);
	reopen_and_check(&s, &a, &b);
	free(a.chunks);
	free(b.chunks);
	free(c.chunks);
	lib_done(&s);
	lib_done(&other);
}

/* A damaged pack answers as a miss, whether index or cache would know. */
static void
test_damaged_pack(void)
{
	_cleanup_writer_ struct writer *w = NULL;
	struct lib_store s;
	struct lib_pull p;
	struct addr at;
	char path[LIB_PATH];

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 3, &p);
	writer_close(w);
	w = NULL;
	lib_path(path, s.dir, LAYOUT_PACKS);
	lib_remove_tree(path);
	LIB_FAULT(FAULT_PACK_MISSING, writer_open(s.dir, NULL, &w, &f));
	CHECK(mkdir(path, 0700) == 0);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK_EQ(look(w, &p.chunks[0].id, NULL, 0, &at), LOOKUP_MISS);
	free(p.chunks);
	lib_done(&s);
}

static void
test_stat(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct writer *w = NULL;
	struct lib_store s;
	const struct span key = span_str("key"), value = span_str("value");
	char path[LIB_PATH];

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK_EQ(writer_stat_get(w, key, &b), -ENOENT);
	writer_stat_put(w, key, value);
	writer_stat_flush(w);
	CHECK_EQ(writer_stat_get(w, key, &b), 0);
	CHECK(span_eq(buf_span(&b), value));
	writer_stat_put(w, span_str("k2"), value);
	writer_close(w);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK_EQ(writer_stat_get(w, span_str("k2"), &b), 0);
	writer_close(w);
	lib_path(path, s.dir, LAYOUT_STAT);
	lib_write(path, "CURRENT", span_str("x"));
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK_EQ(writer_stat_get(w, key, &b), -ENOENT);
	writer_stat_put(w, key, value);
	writer_stat_flush(w);
	CHECK_EQ(writer_stat_get(w, key, &b), 0);
	writer_close(w);
	lib_done(&s);
}

CHECK_MAIN(TEST(test_locality), TEST(test_stored_references),
	TEST(test_open_to_hits), TEST(test_missing_pack), TEST(test_plain),
	TEST(test_index), TEST(test_damaged_pack), TEST(test_stat))
