/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a store is made whole or not at all, opens, and refuses what it must:
 * wrong folders, foreign and damaged files, a second writer. */
#include "tests/unit/store/lib.h"

#include "keys/digest.h"
#include "keys/secmem.h"
#include "store/ledger_append.h"
#include "store/snapshots.h"
#include "store/store_read.h"
#include "store/vault_keys.h"
#include "util/hook.h"
#include "util/io.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static void
test_open(void)
{
	struct lib_store s;
	_cleanup_store_ struct store *st = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct leaf leaf;
	uint64_t n;

	lib_make(&s, "store");
	if (!LIB_OK(store_open(s.dir, &st, &f)))
		return;
	CHECK_EQ(store_leaves(st), 3);
	CHECK(LIB_OK(store_leaf(st, 1, &b, &leaf, NULL, &f)));
	CHECK_EQ(leaf.type, LEAF_RECIPIENT);
	CHECK_EQ(store_leaf_before(st, LEAF_EPOCH, UINT64_MAX, &n, NULL), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(store_leaf_before(st, LEAF_EPOCH, 2, &n, NULL), -ENOENT);
	CHECK_EQ(store_leaf_before(st, LEAF_SNAPSHOT, UINT64_MAX, &n, NULL),
		-ENOENT);
	LIB_FAULT(FAULT_LEDGER_DAMAGED, store_leaf(st, 3, &b, &leaf, NULL, &f));
	lib_done(&s);
}

static void
test_folders(void)
{
	struct lib_store s;
	struct store_seed seed;
	struct store *st;
	char path[LIB_PATH];
	struct stat sb;

	lib_make(&s, "store");
	seed = (struct store_seed){.keys = s.keys};
	LIB_FAULT(FAULT_STORE_EXISTS, store_create(s.dir, &seed, &f));
	lib_path(path, s.dir, "packs");
	CHECK(stat(path, &sb) == 0 && (sb.st_mode & 0777) == 0700);
	lib_write(path, "x", span_str("x"));
	LIB_FAULT(FAULT_STORE_NOT_EMPTY, store_create(path, &seed, &f));
	LIB_FAULT(FAULT_STORE_MISSING, store_open(path, &st, &f));
	lib_path(path, s.dir, "packs/x");
	LIB_FAULT(FAULT_STORE_NOT_EMPTY, store_create(path, &seed, &f));
	LIB_FAULT(FAULT_STORE_MISSING, store_open("/nonexistent/x", &st, &f));
	lib_done(&s);
}

static size_t
entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Whatever call fails, nothing is left of the store. */
static void
test_all_or_nothing(void)
{
	struct lib_store s;
	_cleanup_buf_ struct buf blob = BUF_INIT, record = BUF_INIT;
	struct store_seed seed;
	char path[LIB_PATH];
	int err = -1;

	lib_make(&s, "store");
	lib_read(s.dir, "keys/recipient-1", &blob);
	lib_read(s.dir, "keys/epoch-1-1", &record);
	seed = (struct store_seed){s.keys, buf_span(&blob), buf_span(&record)};
	lib_path(path, check_scratch(), "new");
	for (unsigned long at = 1; err < 0 && at < 1000; at++) {
		struct hook_plan plan = {.op = HOOK_OPS,
			.act = HOOK_FAIL,
			.err = -EIO,
			.at = at};
		struct fault f = {.code = FAULT_NONE};

		hook_set(hook_plan_run, &plan);
		err = store_create(path, &seed, &f);
		hook_set(NULL, NULL);
		if (err < 0 && !CHECK(entries(path) == 0)) {
			printf("at %lu: %s\n", at, f.detail);
			lib_remove_tree(path);
		}
		CHECK(err == 0 || f.code != FAULT_NONE);
	}
	CHECK_EQ(err, 0);
	lib_done(&s);
}

/* One bit of each byte of the small files: a named refusal. */
static void
test_conf_bits(void)
{
	static const char *const names[] = {"store.conf", "ledger/checkpoint"};
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct lib_store s;

	lib_make(&s, "store");
	for (size_t k = 0; k < 2; k++) {
		lib_read(s.dir, names[k], &b);
		for (size_t i = 0; i < b.n; i++) {
			struct store *st = NULL;
			struct fault f = {.code = FAULT_NONE};

			b.p[i] ^= (uint8_t)(1 << (i % 8));
			lib_write(s.dir, names[k], buf_span(&b));
			if (!CHECK(store_open(s.dir, &st, &f) < 0))
				store_close(st);
			CHECK(f.code != FAULT_NONE);
			b.p[i] ^= (uint8_t)(1 << (i % 8));
		}
		lib_write(s.dir, names[k], buf_span(&b));
	}
	lib_done(&s);
}

static void
test_foreign(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT, own = BUF_INIT;
	struct lib_store s, other;
	struct store *st = NULL;
	struct writer *w;

	lib_make(&s, "store");
	lib_make(&other, "other");
	lib_read(s.dir, "ledger/checkpoint", &own);
	lib_read(other.dir, "ledger/checkpoint", &b);
	lib_write(s.dir, "ledger/checkpoint", buf_span(&b));
	LIB_FAULT(FAULT_CHECKPOINT_FOREIGN, store_open(s.dir, &st, &f));
	lib_write(s.dir, "ledger/checkpoint", buf_span(&own));
	lib_read(s.dir, "keys/vault", &own);
	lib_read(other.dir, "keys/vault", &b);
	lib_write(s.dir, "keys/vault", buf_span(&b));
	LIB_FAULT(FAULT_STORE_FOREIGN, writer_open(s.dir, &w, &f));
	own.p[40] ^= 1;
	lib_write(s.dir, "keys/vault", buf_span(&own));
	LIB_FAULT(FAULT_KEY_DAMAGED, writer_open(s.dir, &w, &f));
	lib_done(&s);
	lib_done(&other);
}

/* A ledger that the pinned key has signed, and that began with another one. */
static void
test_foreign_first_leaf(void)
{
	static const char *const names[] = {
		"ledger/checkpoint", "ledger/leaves-00000000", "ledger/hash-0"};
	const struct span none = span_of(NULL, 0);
	_cleanup_append_ struct append *a = NULL;
	_cleanup_close_ int fd = -1;
	struct leaf_store first = {.ledger_key = {1}};
	struct append_keys keys;
	uint8_t clear[LEAF_STORE_SIZE];
	char path[LIB_PATH];
	struct lib_store s;
	struct store *st;

	lib_make(&s, "store");
	for (size_t i = 0; i < array_len(names); i++) {
		lib_path(path, s.dir, names[i]);
		CHECK(unlink(path) == 0);
	}
	keys = (struct append_keys){
		s.keys->store, &s.keys->log_key, &s.keys->ledger_seed};
	fd = open(s.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	leaf_store_encode(&first, clear);
	CHECK(LIB_OK(append_create(fd, &keys, &a, &f)));
	CHECK(LIB_OK(append_put(a, LEAF_STORE, span_of(clear, sizeof(clear)),
		none, NULL, NULL, &f)));
	CHECK(LIB_OK(append_sign(a, &f)));
	LIB_FAULT(FAULT_LEDGER_FOREIGN, store_open(s.dir, &st, &f));
	lib_done(&s);
}

static void
test_keys(void)
{
	struct lib_store s;
	struct writer *w;
	char path[LIB_PATH];

	lib_make(&s, "store");
	lib_path(path, s.dir, "keys/vault");
	CHECK(chmod(path, 0640) == 0);
	LIB_FAULT(FAULT_KEY_EXPOSED, writer_open(s.dir, &w, &f));
	CHECK(unlink(path) == 0);
	LIB_FAULT(FAULT_KEY_MISSING, writer_open(s.dir, &w, &f));
	lib_done(&s);
}

static void
test_second_writer(void)
{
	_cleanup_writer_ struct writer *w = NULL, *second = NULL;
	_cleanup_store_ struct store *st = NULL;
	struct lib_store s;

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, &w, &f)));
	LIB_FAULT(FAULT_STORE_BUSY, writer_open(s.dir, &second, &f));
	CHECK(LIB_OK(store_open(s.dir, &st, &f)));
	writer_close(w);
	w = NULL;
	CHECK(LIB_OK(writer_open(s.dir, &w, &f)));
	lib_done(&s);
}

CHECK_MAIN(TEST(test_open), TEST(test_folders), TEST(test_all_or_nothing),
	TEST(test_conf_bits), TEST(test_foreign), TEST(test_foreign_first_leaf),
	TEST(test_keys), TEST(test_second_writer))
