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
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
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

/* A store's folder in the making, and what is done to it meanwhile. */
struct making {
	char dir[LIB_PATH];
	struct lib_store s;
	struct buf blob, record;
	struct store_seed seed;
	unsigned int mkdirs; /* so far */
	unsigned int begun;  /* calls while there is a store.conf */
	unsigned int locked; /* those while a writer is kept away */
};

static void
making_begin(struct making *m)
{
	*m = (struct making){.blob = BUF_INIT, .record = BUF_INIT};
	lib_make(&m->s, "store");
	lib_read(m->s.dir, "keys/recipient-1", &m->blob);
	lib_read(m->s.dir, "keys/epoch-1-1", &m->record);
	m->seed = (struct store_seed){
		m->s.keys, buf_span(&m->blob), buf_span(&m->record)};
	lib_path(m->dir, check_scratch(), "new");
}

static void
making_end(struct making *m)
{
	hook_set(NULL, NULL);
	buf_free(&m->blob);
	buf_free(&m->record);
	lib_remove_tree(m->dir);
	lib_done(&m->s);
}

/* Another init is in the folder: it is left alone. */
static void
test_two_inits(void)
{
	struct making m;
	int fd;

	making_begin(&m);
	CHECK(mkdir(m.dir, 0700) == 0);
	fd = open(m.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
	LIB_FAULT(FAULT_STORE_BUSY, store_create(m.dir, &m.seed, &f));
	CHECK_EQ(entries(m.dir), 2);
	close(fd);
	CHECK(LIB_OK(store_create(m.dir, &m.seed, &f)));
	making_end(&m);
}

/* Somebody who takes no lock makes files before the second folder. */
static int
intrude(void *ctx, enum hook_op op, size_t *len)
{
	struct making *m = ctx;
	char path[LIB_PATH];

	(void)len;
	if (op != HOOK_MKDIR || ++m->mkdirs != 3)
		return 0;
	lib_path(path, m->dir, "packs");
	CHECK(mkdir(path, 0700) == 0);
	lib_path(path, m->dir, "packs/x");
	CHECK(close(creat(path, 0600)) == 0);
	lib_path(path, m->dir, "x");
	CHECK(close(creat(path, 0600)) == 0);
	return 0;
}

static void
test_others_files(void)
{
	struct making m;
	char path[LIB_PATH];

	making_begin(&m);
	hook_set(intrude, &m);
	LIB_FAULT(FAULT_IO, store_create(m.dir, &m.seed, &f));
	hook_set(NULL, NULL);
	lib_path(path, m.dir, "packs/x");
	CHECK(access(path, F_OK) == 0);
	lib_path(path, m.dir, "x");
	CHECK(access(path, F_OK) == 0);
	lib_path(path, m.dir, "keys");
	CHECK(access(path, F_OK) != 0);
	making_end(&m);
}

/* Is there a store that could be used, and would a writer be let in? */
static int
watch(void *ctx, enum hook_op op, size_t *len)
{
	struct making *m = ctx;
	char path[LIB_PATH];
	int fd;

	(void)op;
	(void)len;
	lib_path(path, m->dir, "store.conf");
	if (access(path, F_OK) != 0)
		return 0;
	m->begun++;
	lib_path(path, m->dir, "ledger");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0 &&
		errno == EWOULDBLOCK)
		m->locked++;
	if (fd >= 0)
		close(fd);
	return 0;
}

/* Once there is a store.conf nothing can fail but its own sync, and until then
 * nobody else can write. */
static void
test_conf_last(void)
{
	struct making m;

	making_begin(&m);
	hook_set(watch, &m);
	CHECK(LIB_OK(store_create(m.dir, &m.seed, &f)));
	hook_set(NULL, NULL);
	CHECK_EQ(m.begun, 1);
	CHECK_EQ(m.locked, m.begun);
	making_end(&m);
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
	LIB_FAULT(FAULT_STORE_FOREIGN, writer_open(s.dir, NULL, &w, &f));
	own.p[40] ^= 1;
	lib_write(s.dir, "keys/vault", buf_span(&own));
	LIB_FAULT(FAULT_KEY_DAMAGED, writer_open(s.dir, NULL, &w, &f));
	lib_done(&s);
	lib_done(&other);
}

/* A new ledger in place of a store's. */
static struct append *
begin_ledger(const struct lib_store *s)
{
	static const char *const names[] = {
		"ledger/checkpoint", "ledger/leaves-00000000", "ledger/hash-0"};
	const struct append_keys keys = {
		s->keys->store, &s->keys->log_key, &s->keys->ledger_seed};
	_cleanup_close_ int fd =
		open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct append *a = NULL;
	char path[LIB_PATH];

	for (size_t i = 0; i < array_len(names); i++) {
		lib_path(path, s->dir, names[i]);
		CHECK(unlink(path) == 0 || errno == ENOENT);
	}
	CHECK(LIB_OK(append_create(fd, &keys, &a, &f)));
	return a;
}

static int
put_first(struct append *a, struct fault *f)
{
	static const struct leaf_store first = {.ledger_key = {1}};
	uint8_t clear[LEAF_STORE_SIZE];

	leaf_store_encode(&first, clear);
	return append_put(a, LEAF_STORE, span_of(clear, sizeof(clear)),
		span_of(NULL, 0), NULL, NULL, f);
}

/* I9: after a write or a sync that failed nothing more is written. */
static void
test_dead(void)
{
	static const enum hook_op ops[] = {
		HOOK_PWRITE, HOOK_FSYNC, HOOK_RENAME};
	struct lib_store s;

	lib_make(&s, "store");
	for (size_t i = 0; i < array_len(ops); i++) {
		struct hook_plan plan = {
			.op = ops[i], .act = HOOK_FAIL, .err = -EIO, .at = 1};
		_cleanup_append_ struct append *a = begin_ledger(&s);
		struct fault fault = {.code = FAULT_NONE};
		struct stat st, now;
		char path[LIB_PATH];

		hook_set(hook_plan_run, &plan);
		CHECK(put_first(a, &fault) < 0 || append_sign(a, &fault) < 0);
		hook_set(NULL, NULL);
		CHECK_EQ(fault.code, FAULT_IO);
		lib_path(path, s.dir, "ledger/leaves-00000000");
		CHECK(stat(path, &st) == 0);
		LIB_FAULT(FAULT_IO, put_first(a, &f));
		LIB_FAULT(FAULT_IO, append_sign(a, &f));
		CHECK(stat(path, &now) == 0 && now.st_size == st.st_size);
		lib_path(path, s.dir, "ledger/checkpoint");
		CHECK(access(path, F_OK) != 0);
	}
	lib_done(&s);
}

/* A ledger that the pinned key has signed, and that began with another one. */
static void
test_foreign_first_leaf(void)
{
	_cleanup_append_ struct append *a = NULL;
	struct lib_store s;
	struct store *st;

	lib_make(&s, "store");
	a = begin_ledger(&s);
	CHECK(LIB_OK(put_first(a, &f)));
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
	LIB_FAULT(FAULT_KEY_EXPOSED, writer_open(s.dir, NULL, &w, &f));
	CHECK(unlink(path) == 0);
	LIB_FAULT(FAULT_KEY_MISSING, writer_open(s.dir, NULL, &w, &f));
	lib_done(&s);
}

static void
test_second_writer(void)
{
	_cleanup_writer_ struct writer *w = NULL, *second = NULL;
	_cleanup_store_ struct store *st = NULL;
	struct lib_store s;

	lib_make(&s, "store");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	LIB_FAULT(FAULT_STORE_BUSY, writer_open(s.dir, NULL, &second, &f));
	CHECK(LIB_OK(store_open(s.dir, &st, &f)));
	writer_close(w);
	w = NULL;
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_done(&s);
}

CHECK_MAIN(TEST(test_open), TEST(test_folders), TEST(test_all_or_nothing),
	TEST(test_two_inits), TEST(test_others_files), TEST(test_conf_last),
	TEST(test_conf_bits), TEST(test_foreign), TEST(test_dead),
	TEST(test_foreign_first_leaf), TEST(test_keys),
	TEST(test_second_writer))
