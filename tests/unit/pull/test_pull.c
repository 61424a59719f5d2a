/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a pull stores is what lay there, a second one costs what changed, and
 * the manifest is exactly the closure of the snapshot. */
#include "tests/lib/check.h"
#include "tests/lib/closure.h"

#include "keys/digest.h"
#include "keys/recipient.h"
#include "keys/secmem.h"
#include "keys/sign.h"
#include "pull/pull.h"
#include "store/snapshots.h"
#include "store/store_read.h"
#include "store/store_write.h"
#include "view/file.h"
#include "view/place.h"
#include "view/unlock.h"
#include "view/view.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#define PHRASE "unit test"

/* One folder for all tests: each goes on where the one before ended. */
static char scratch[300], store[512], source[512];
static atomic_bool stop;

static bool
worked(int r, const struct fault *f)
{
	char text[FAULT_TEXT_SIZE];

	if (r == 0)
		return true;
	fault_text(f, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	return CHECK_EQ(r, 0);
}

static void
make_store(void)
{
	_cleanup_buf_ struct buf blob = BUF_INIT, record = BUF_INIT;
	struct vault_keys *k = secmem_alloc(sizeof(*k));
	struct epoch_recipient to = {.number = 1};
	struct store_seed seed = {.keys = k};
	struct fault f = {0};
	uint8_t pk[32];

	snprintf(store, sizeof(store), "%s/store", scratch);
	snprintf(source, sizeof(source), "%s/source", scratch);
	CHECK_EQ(mkdir(source, 0700), 0);
	random_bytes(k, sizeof(*k));
	k->n = 1;
	k->compartment[0] = 1;
	sign_public(pk, &k->ledger_seed);
	CHECK_EQ(recipient_make(&blob, &to.pk, 1, &k->store, pk,
			 span_str(PHRASE),
			 &(struct recipient_cost){1U << 20, 1}),
		0);
	CHECK_EQ(epoch_make(&record, 1, 1, &k->store, &k->secret[0],
			 &k->log_key, &to, 1),
		0);
	seed.recipient = buf_span(&blob);
	seed.epoch = buf_span(&record);
	worked(store_create(store, &seed, &f), &f);
	secmem_free(k);
}

static int
pull_by(const char *agent, struct pull_result *ret, struct fault *f)
{
	const struct pull_opts o = {.store = store,
		.source = "unit",
		.location = source,
		.workers = 2,
		.stop = &stop,
		.agent = agent};

	return pull_run(&o, ret, f);
}

static bool
do_pull(struct pull_result *ret)
{
	struct fault f = {0};

	return worked(pull_by(getenv("MUNIMENT_AGENT"), ret, &f), &f);
}

/* ---- a source ---- */

static uint64_t state = UINT64_C(0x853c49e6748fea9b);

static void
random_fill(uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		p[i] = (uint8_t)(state >> 32);
	}
}

/* Times in the past: what is newer than two seconds is not trusted. */
static void
age(const char *path)
{
	const struct timespec t[2] = {{1000000000, 1}, {1000000000, 1}};

	CHECK_EQ(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void
put(const char *name, const void *p, size_t n, off_t at)
{
	char path[1024];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", source, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (!CHECK(fd >= 0))
		return;
	CHECK_EQ(pwrite(fd, p, n, at), (ssize_t)n);
	close(fd);
	age(path);
}

/* ---- looking at a snapshot ---- */

struct look {
	struct store *st;
	struct access *access;
	struct snapshot_list list;
	struct view *view;
	struct view_snap *snap;
};

static bool
look_open(struct look *l)
{
	struct fault f = {0};

	memset(l, 0, sizeof(*l));
	return worked(store_open(store, &l->st, &f), &f) &&
	       worked(unlock_store(l->st, span_str(PHRASE), &l->access, &f),
		       &f) &&
	       worked(snapshots_load(
			      l->st, unlock_log_key(l->access), &l->list, &f),
		       &f) &&
	       worked(view_open(l->st, l->access, VIEW_CACHE_RESTORE, &l->view,
			      &f),
		       &f) &&
	       worked(view_snap_open(
			      l->view, &l->list.v[l->list.n - 1], &l->snap, &f),
		       &f);
}

static void
look_close(struct look *l)
{
	view_snap_close(l->snap);
	view_close(l->view);
	snapshots_free(&l->list);
	unlock_free(l->access);
	store_close(l->st);
}

/* The file in the snapshot, read in uneven pieces, is the one in the source. */
static void
same_file(struct look *l, const char *name)
{
	static uint8_t a[300001], b[300001];
	char path[1024];
	struct place p;
	struct file file;
	struct fault f = {0};
	uint64_t at = 0;
	ssize_t n, m;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", source, name);
	fd = open(path, O_RDONLY);
	if (!worked(place_resolve(l->snap, span_str(name), &p, NULL, &f), &f) ||
		!worked(file_open(l->snap, &p, &file), &f))
		return;
	do {
		size_t want = 1 + (at * 7 + 12345) % sizeof(a);

		n = pread(fd, a, want, (off_t)at);
		m = file_pread(&file, b, want, at, &f);
		if (!CHECK_EQ(m, n) || n <= 0)
			break;
		if (!CHECK(memcmp(a, b, (size_t)n) == 0))
			break;
		at += (uint64_t)n;
	} while (n > 0);
	file_close(&file);
	close(fd);
}

/* ---- closure ---- */

static void
on_bad(void *ctx, const struct ref *ref, const struct fault *why)
{
	(void)ctx;
	(void)ref;
	worked(-EBADMSG, why);
}

/* The manifest's packs are those that the closure meets. Returns how many. */
static uint32_t
manifest_is_closure(void)
{
	_cleanup_closure_ struct closure c = CLOSURE_NONE;
	struct look l;
	uint32_t i, n = 0;

	if (look_open(&l)) {
		closure_walk(l.snap, &l.list.v[l.list.n - 1].body.root, on_bad,
			NULL, &c);
		n = view_packs(l.snap);
		CHECK_EQ(n, c.packs);
		for (i = 0; i < n && i < c.packs; i++)
			CHECK_EQ(view_pack_ordinal(l.snap, i), c.pack[i]);
	}
	look_close(&l);
	return n;
}

/* ---- the tests, one after the other on one store ---- */

static uint8_t bytes[24 * 1024 * 1024];

static void
contents_come_back(void)
{
	struct pull_result r;
	char path[1024];
	struct look l;
	off_t i;

	make_store();
	random_fill(bytes, sizeof(bytes));
	put("empty", bytes, 0, 0);
	put("one", bytes, 1, 0);
	put("chunk", bytes, 16384, 0);
	put("edge", bytes, 262145, 0);
	put("large", bytes, sizeof(bytes), 0);
	put("image.img", bytes, sizeof(bytes), 0);
	put("image.img", bytes, sizeof(bytes), sizeof(bytes));
	memset(bytes, 0, 3 * 1024 * 1024);
	put("zeros", bytes, 3 * 1024 * 1024, 0);
	memset(bytes, 'x', 3 * 1024 * 1024);
	put("repeats.db", bytes, 3 * 1024 * 1024 + 77, 0);
	for (i = 0; i < 2000; i++)
		put("holes", bytes + 4 * 1024 * 1024 + i, 5000, i * 81920);
	put("tail", bytes, 10, 0);
	snprintf(path, sizeof(path), "%s/tail", source);
	CHECK_EQ(truncate(path, 50000000), 0);
	if (!do_pull(&r))
		return;
	CHECK(r.complete);
	CHECK_EQ(r.counts.files, 10);
	if (look_open(&l)) {
		same_file(&l, "empty");
		same_file(&l, "one");
		same_file(&l, "chunk");
		same_file(&l, "edge");
		same_file(&l, "large");
		same_file(&l, "image.img");
		same_file(&l, "zeros");
		same_file(&l, "repeats.db");
		same_file(&l, "holes");
		same_file(&l, "tail");
	}
	look_close(&l);
	/* The image repeats what "large" has, in other pieces; zeros and x are
	 * stored once. */
	CHECK(r.stored < 4 * sizeof(bytes));
	manifest_is_closure();
}

static void
second_pull_reads_nothing(void)
{
	struct pull_result a, b;

	sleep(3); /* what was just made is not trusted until now */
	if (!do_pull(&a) || !do_pull(&b))
		return;
	CHECK_EQ(b.counts.bytes_read, 0);
	CHECK_EQ(b.stored, 0);
	CHECK(id_equal(&a.root, &b.root));
	CHECK_EQ(a.packs, b.packs);
}

/* What changed within two seconds before its reading may change again unseen:
 * it is read again. Tried until the machine was quick enough to tell. */
static void
fresh_files_are_not_trusted(void)
{
	struct pull_result a, b;
	time_t start;
	int i;

	for (i = 0; i < 10; i++) {
		start = time(NULL);
		put("fresh", bytes, 1000 + (size_t)i, 0);
		if (!do_pull(&a) || !do_pull(&b))
			return;
		if (time(NULL) - start <= 1)
			break;
	}
	CHECK_EQ(b.counts.bytes_read, 1000 + i);
	sleep(3);
	if (!do_pull(&a) || !do_pull(&b))
		return;
	CHECK_EQ(b.counts.bytes_read, 0);
}

static void
manifest_shrinks_with_the_tree(void)
{
	static const char *const gone[] = {"fresh", "large", "image.img",
		"zeros", "repeats.db", "holes", "edge", "tail"};
	char path[1024];
	struct pull_result before, after;
	uint32_t packs;
	size_t i;

	/* A file in a pack of its own kind, then the tree without the rest. */
	random_fill(bytes, 5000000);
	put("new", bytes, 5000000, 0);
	if (!do_pull(&before))
		return;
	packs = manifest_is_closure();
	CHECK(packs >= 4);
	for (i = 0; i < array_len(gone); i++) {
		snprintf(path, sizeof(path), "%s/%s", source, gone[i]);
		CHECK_EQ(unlink(path), 0);
	}
	snprintf(path, sizeof(path), "%s/one", source);
	CHECK_EQ(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/chunk", source);
	CHECK_EQ(unlink(path), 0);
	if (!do_pull(&after))
		return;
	CHECK(after.packs < before.packs);
	CHECK(manifest_is_closure() == after.packs);
}

static void
large_directory_costs_what_changed(void)
{
	char name[64], path[1024];
	struct pull_result r;
	unsigned int i;

	for (i = 0; i < 12000; i++) {
		snprintf(name, sizeof(name), "f%06u", i * 10);
		put(name, name, strlen(name), 0);
	}
	sleep(3);
	if (!do_pull(&r) || !do_pull(&r))
		return;
	CHECK_EQ(r.counts.bytes_read, 0);
	/* Names between, names gone, one changed: the ranges of the stat
	 * record move, and only what is new is read. */
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%06u", i * 2990 + 5);
		put(name, name, 7, 0);
		snprintf(
			path, sizeof(path), "%s/f%06u", source, i * 2970 + 100);
		CHECK_EQ(unlink(path), 0);
	}
	put("f000010", "changed", 7, 0);
	if (!do_pull(&r))
		return;
	CHECK_EQ(r.counts.bytes_read, 41 * 7);
	manifest_is_closure();
	if (!do_pull(&r))
		return;
	CHECK(r.counts.bytes_read <= 41 * 7);
}

static void
lost_memory_costs_time_only(void)
{
	char cmd[1200];
	struct pull_result a, b;

	if (!do_pull(&a))
		return;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s/cache/stat'", store);
	CHECK_EQ(system(cmd), 0);
	if (!do_pull(&b))
		return;
	CHECK(id_equal(&a.root, &b.root));
	CHECK_EQ(b.stored, 0);
	CHECK(b.counts.bytes_read > 5000000);
	/* Locality: known data asks the index once a pack, not once an object. */
	CHECK(b.stats.hits > 12000);
	CHECK(b.stats.index_gets < 60);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s/cache/index'", store);
	CHECK_EQ(system(cmd), 0);
	if (!do_pull(&b))
		return;
	CHECK(id_equal(&a.root, &b.root));
	CHECK_EQ(b.stored, 0);
}

/* ---- an agent that is ended ---- */

static void
on_signal(int sig)
{
	(void)sig;
	atomic_store(&stop, true);
}

/* A pull by an agent that is a script. */
static enum fault_code
pull_by_script(const char *text)
{
	struct pull_result r;
	struct fault f = {0};
	char path[1024];
	FILE *script;

	snprintf(path, sizeof(path), "%s/agent", scratch);
	script = fopen(path, "w");
	if (!CHECK(script != NULL))
		return 0;
	fprintf(script, "#!/bin/sh\n%s\n", text);
	fclose(script);
	CHECK_EQ(chmod(path, 0700), 0);
	CHECK(pull_by(path, &r, &f) < 0);
	return f.code;
}

/* A signal to the whole group, as from systemd, may end the agent before we
 * have it: it is the same interruption. */
static void
signal_to_all_is_an_interruption(void)
{
	signal(SIGTERM, on_signal);
	CHECK_EQ(pull_by_script("{ sleep 0.05; kill -TERM $PPID; } "
				"</dev/null >/dev/null 2>&1 &\n"
				"kill -TERM $$"),
		FAULT_INTERRUPTED);
	CHECK(atomic_exchange(&stop, false));
	CHECK_EQ(pull_by_script("kill -TERM $$"), FAULT_AGENT_DIED);
}

int
main(int argc, char **argv)
{
	static const struct check_test tests[] = {
		TEST(contents_come_back),
		TEST(second_pull_reads_nothing),
		TEST(fresh_files_are_not_trusted),
		TEST(manifest_shrinks_with_the_tree),
		TEST(large_directory_costs_what_changed),
		TEST(lost_memory_costs_time_only),
		TEST(signal_to_all_is_an_interruption),
	};

	const char *tmp = getenv("TMPDIR");
	char cmd[1200];
	int r;

	signal(SIGPIPE, SIG_IGN);
	if (secmem_init() != 0)
		return 77;
	snprintf(scratch, sizeof(scratch), "%.200s/pull.XXXXXX",
		tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(scratch) == NULL)
		return 1;
	r = check_run(tests, array_len(tests), argc, argv);
	snprintf(cmd, sizeof(cmd),
		"chattr -R -i '%s' 2>/dev/null; "
		"rm -rf '%s'",
		scratch, scratch);
	return system(cmd) == 0 ? r : 1;
}
