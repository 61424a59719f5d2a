/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: one changed bit anywhere in a store is reported, by the name of the
 * file it is in; what is missing is reported with the snapshots that need it;
 * what belongs to nothing is named. With CHECK_FULL in the environment every
 * byte of the packs is tried, else each of their special parts and a sample. */
#include "tests/unit/store/lib.h"

#include "keys/digest.h"
#include "store/scrub.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct seen {
	unsigned int findings, notes;
	unsigned int named[FAULT_CODES]; /* findings of each code */
	char object[160];		 /* of the last finding, else note */
	enum fault_code code;
	uint64_t snapshots[8];
	size_t n;
	uint64_t done, total;
};

static void
on_finding(void *ctx, const struct scrub_finding *finding)
{
	struct seen *seen = ctx;

	if (finding->harmless)
		seen->notes++;
	else
		seen->findings++;
	seen->named[finding->fault.code] += !finding->harmless;
	if (finding->harmless && seen->findings > 0)
		return;
	memcpy(seen->object, finding->fault.object, sizeof(seen->object));
	seen->code = finding->fault.code;
	seen->n = finding->n < 8 ? finding->n : 8;
	if (seen->n > 0)
		memcpy(seen->snapshots, finding->snapshots,
			seen->n * sizeof(uint64_t));
}

static void
on_progress(void *ctx, uint64_t done, uint64_t total)
{
	struct seen *seen = ctx;

	CHECK(done > seen->done && done <= total);
	seen->done = done;
	seen->total = total;
}

/* As verify does it: a store that does not open is one finding. */
static struct seen
scrub(const char *dir)
{
	struct seen seen = {.findings = 0};
	const struct scrub_sink sink = {&seen, on_finding, on_progress};
	_cleanup_store_ struct store *st = NULL;
	struct fault fault = {.code = FAULT_NONE};
	struct scrub_result r;

	if (store_open(dir, &st, &fault) < 0) {
		const struct scrub_finding finding = {.fault = fault};

		on_finding(&seen, &finding);
		return seen;
	}
	CHECK(LIB_OK(scrub_store(st, &sink, &r, &f)));
	CHECK_EQ(r.findings, seen.findings);
	CHECK_EQ(r.notes, seen.notes);
	return seen;
}

static struct seen
scrub_clean(const char *dir)
{
	struct seen seen = scrub(dir);

	if (seen.findings > 0)
		printf("%s: %s\n", fault_name(seen.code), seen.object);
	CHECK_EQ(seen.findings, 0);
	return seen;
}

/* A pack's bytes that are tried in any case: its header, and what is behind the
 * hashed region but for most of the zero bytes. */
static bool
try_byte(bool pack, off_t at, off_t size)
{
	if (!pack || getenv("CHECK_FULL"))
		return true;
	return at < 200 || at % 1009 == 0 || at > size - 70 ||
	       (at >= size - SLICE && at < size - SLICE + 40);
}

static void
flip_file(const char *dir, const char *name)
{
	bool pack = strncmp(name, "packs/", 6) == 0;
	char path[LIB_PATH];
	struct stat sb;
	int fd;

	lib_path(path, dir, name);
	CHECK(chmod(path, 0600) == 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (!CHECK(fd >= 0 && fstat(fd, &sb) == 0))
		return;
	for (off_t at = 0; at < sb.st_size; at++) {
		uint8_t old, bit;
		struct seen seen;

		if (!try_byte(pack, at, sb.st_size))
			continue;
		random_bytes(&bit, 1);
		CHECK_EQ(pread(fd, &old, 1, at), 1);
		bit = (uint8_t)(old ^ 1 << bit % 8);
		CHECK_EQ(pwrite(fd, &bit, 1, at), 1);
		seen = scrub(dir);
		if (!CHECK(seen.findings > 0) ||
			!CHECK(strstr(name, seen.object) == name ||
				strncmp(seen.object, name, 6) == 0 ||
				seen.code == FAULT_STORE_NEWER ||
				seen.code == FAULT_STORE_FOREIGN))
			printf("%s at %ld: %s %s\n", name, (long)at,
				fault_name(seen.code), seen.object);
		CHECK_EQ(pwrite(fd, &old, 1, at), 1);
	}
	close(fd);
	scrub_clean(dir);
}

static void
flip_folder(const char *dir, const char *folder)
{
	char path[LIB_PATH], name[LIB_PATH];
	struct dirent *e;
	DIR *d;

	lib_path(path, dir, folder);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		lib_path(name, folder, e->d_name);
		if (e->d_type == DT_DIR)
			flip_folder(dir, name);
		else
			flip_file(dir, name);
	}
	if (d)
		closedir(d);
}

static void
make(struct lib_store *s, struct lib_pull *p)
{
	struct writer *w = NULL;

	lib_make(s, "store");
	CHECK(LIB_OK(writer_open(s->dir, NULL, &w, &f)));
	lib_pull(s, w, "src", 1, 3, p);
	free(p->chunks);
	writer_close(w);
	lib_unprotect(s->dir);
}

static void
test_every_byte(void)
{
	_cleanup_buf_ struct buf leaves = BUF_INIT;
	struct lib_store s;
	struct lib_pull p;
	struct seen seen;
	struct writer *w = NULL;
	uint64_t pull;

	make(&s, &p);
	seen = scrub_clean(s.dir);
	CHECK_EQ(seen.notes, 0);
	CHECK_EQ(seen.done, 4 * SLICE);
	CHECK_EQ(seen.total, 4 * SLICE);
	/* With a pad in the ledger, and a leaf behind it: at the end a
	 * changed pad is no more than a torn one. */
	lib_read(s.dir, "ledger/leaves-00000000", &leaves);
	CHECK_EQ(buf_append(&leaves, "torn bytes", 10), 0);
	lib_write(s.dir, "ledger/leaves-00000000", buf_span(&leaves));
	seen = scrub_clean(s.dir);
	CHECK_EQ(seen.notes, 1);
	CHECK_EQ(seen.code, FAULT_LEDGER_TORN);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	CHECK(LIB_OK(writer_pull(w, "src", 1, &pull, &f)));
	writer_close(w);
	seen = scrub_clean(s.dir);
	CHECK_EQ(seen.notes, 0);
	flip_file(s.dir, "store.conf");
	flip_folder(s.dir, "ledger");
	flip_folder(s.dir, "keys");
	flip_folder(s.dir, "manifests");
	flip_folder(s.dir, "packs");
	lib_done(&s);
}

/* Move each file away: named, and for packs and manifests with snapshot. */
static void
lose_folder(struct lib_store *s, const struct lib_pull *p, const char *folder)
{
	char path[LIB_PATH], name[LIB_PATH], away[LIB_PATH];
	bool needed = strcmp(folder, "keys") != 0;
	struct dirent *e;
	DIR *d;

	lib_path(away, check_scratch(), "away");
	lib_path(path, s->dir, folder);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		struct seen seen;

		if (e->d_name[0] == '.')
			continue;
		lib_path(name, folder, e->d_name);
		if (e->d_type == DT_DIR) {
			lose_folder(s, p, name);
			continue;
		}
		lib_path(path, s->dir, name);
		CHECK(rename(path, away) == 0);
		seen = scrub(s->dir);
		CHECK_EQ(seen.findings, 1);
		CHECK_STR(seen.object, name);
		CHECK(seen.code == FAULT_PACK_MISSING ||
			seen.code == FAULT_MANIFEST_MISSING ||
			seen.code == FAULT_KEY_MISSING);
		CHECK_EQ(seen.n, needed);
		CHECK(!needed || seen.snapshots[0] == p->leaf);
		CHECK(rename(away, path) == 0);
	}
	if (d)
		closedir(d);
}

static void
test_missing(void)
{
	struct lib_store s;
	struct lib_pull p;

	make(&s, &p);
	lose_folder(&s, &p, "keys");
	lose_folder(&s, &p, "manifests");
	lose_folder(&s, &p, "packs");
	scrub_clean(s.dir);
	lib_done(&s);
}

/* A file that belongs to nothing. */
static void
stray(const char *dir, const char *name, struct span bytes, bool harmless)
{
	char path[LIB_PATH];
	struct seen seen;

	lib_path(path, dir, name);
	lib_write(dir, name, bytes);
	seen = scrub(dir);
	CHECK_EQ(seen.findings, !harmless);
	CHECK_EQ(seen.notes, harmless);
	CHECK_STR(seen.object, name);
	CHECK(unlink(path) == 0);
}

static void
first_file(const char *dir, const char *folder, char ret[LIB_PATH])
{
	char path[LIB_PATH], name[LIB_PATH];
	struct dirent *e;
	DIR *d;

	lib_path(path, dir, folder);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		lib_path(name, folder, e->d_name);
		if (e->d_type == DT_DIR)
			first_file(dir, name, ret);
		else
			memcpy(ret, name, LIB_PATH);
	}
	if (d)
		closedir(d);
}

/* Copy the ledger aside, and put that copy in its place again. */
static void
keep_ledger(const char *dir, const char *as)
{
	char path[LIB_PATH], kept[LIB_PATH];

	lib_path(path, dir, "ledger");
	lib_path(kept, check_scratch(), as);
	lib_copy_tree(path, kept);
}

static void
put_back_ledger(const char *dir, const char *as)
{
	char path[LIB_PATH], kept[LIB_PATH];

	lib_path(path, dir, "ledger");
	lib_path(kept, check_scratch(), as);
	lib_remove_tree(path);
	lib_copy_tree(kept, path);
}

static void
test_strays(void)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct lib_store s, other;
	struct lib_pull p, q;
	struct writer *w = NULL;
	struct lib_draft d;
	struct lib_object o = {.type = OBJECT_CHUNK, .content = "x"};
	char name[LIB_PATH] = "", path[LIB_PATH], folder[LIB_PATH];
	struct seen seen;

	make(&s, &p);
	lib_make(&other, "other");
	CHECK(LIB_OK(writer_open(other.dir, NULL, &w, &f)));
	lib_pull(&other, w, "src", 2, 3, &q);
	free(q.chunks);
	writer_close(w);
	stray(s.dir, "packs/x", span_str("x"), false);
	stray(s.dir, "manifests/x", span_str("x"), false);
	stray(s.dir, "manifests/.x.tmp", span_str("x"), true);
	stray(s.dir, "keys/x", span_str("x"), false);
	/* Another store's manifest and pack. */
	first_file(other.dir, "manifests", name);
	lib_read(other.dir, name, &b);
	stray(s.dir, name, buf_span(&b), false);
	first_file(other.dir, "packs", name);
	lib_read(other.dir, name, &b);
	memcpy(folder, name, sizeof(folder));
	*strrchr(folder, '/') = '\0';
	lib_path(path, s.dir, folder);
	(void)!mkdir(path, 0700);
	stray(s.dir, name, buf_span(&b), false);
	/* A pack of this store whose leaf was cut off: put the ledger back. */
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_begin(&s, w, PACK_DATA, p.number, &d);
	lib_block(&s, &d, &o, 1, NULL);
	keep_ledger(s.dir, "ledger");
	CHECK(LIB_OK(draft_seal(w, d.d, NULL, &f)));
	writer_close(w);
	put_back_ledger(s.dir, "ledger");
	seen = scrub_clean(s.dir);
	CHECK_EQ(seen.notes, 1);
	CHECK_EQ(seen.code, FAULT_LEFTOVER);
	lib_done(&s);
	lib_done(&other);
}

/* The whole ledger as it was before a pull: the pull's manifest tells. */
static void
test_ledger_put_back(void)
{
	struct lib_store s;
	struct lib_pull p;
	struct writer *w = NULL;
	struct seen seen;

	lib_make(&s, "back");
	keep_ledger(s.dir, "kept");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 3, &p);
	free(p.chunks);
	writer_close(w);
	lib_unprotect(s.dir);
	put_back_ledger(s.dir, "kept");
	seen = scrub(s.dir);
	CHECK_EQ(seen.findings, 1);
	CHECK_EQ(seen.notes, 2);
	CHECK_EQ(seen.code, FAULT_LEDGER_DAMAGED);
	CHECK(strncmp(seen.object, "manifests/", 10) == 0);
	lib_done(&s);
}

/* The newer manifests are gone too: packs tell whose ordinals are higher than a
 * crash can have left, and only they. */
static void
test_older_ledger_by_packs(void)
{
	char path[LIB_PATH], kept[LIB_PATH];
	struct lib_store s;
	struct lib_pull p;
	struct writer *w = NULL;
	struct seen seen;

	lib_make(&s, "older");
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	lib_pull(&s, w, "src", 1, 3, &p);
	free(p.chunks);
	keep_ledger(s.dir, "kept-older");
	for (unsigned int i = 2; i < 4; i++) {
		lib_pull(&s, w, "src", i, 3, &p);
		free(p.chunks);
	}
	writer_close(w);
	lib_unprotect(s.dir);
	scrub_clean(s.dir);
	put_back_ledger(s.dir, "kept-older");
	lib_path(path, s.dir, "manifests");
	lib_path(kept, check_scratch(), "kept-manifests");
	CHECK(rename(path, kept) == 0);
	CHECK(mkdir(path, 0700) == 0);
	seen = scrub(s.dir);
	/* The manifest of the first pull; packs 5 and 6, but not 3 and 4. */
	CHECK_EQ(seen.findings, 3);
	CHECK_EQ(seen.notes, 2);
	CHECK_EQ(seen.code, FAULT_LEDGER_DAMAGED);
	CHECK(strncmp(seen.object, "packs/", 6) == 0);
	lib_done(&s);
}

/* A crash with two packs open, the later one of which has its name. */
static void
test_leftover_of_two_open(void)
{
	struct lib_object o = {.type = OBJECT_CHUNK, .content = "x"};
	struct lib_draft d[2];
	struct lib_store s;
	struct lib_pull p;
	struct writer *w = NULL;
	struct seen seen;

	make(&s, &p);
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	for (size_t i = 0; i < 2; i++) {
		lib_begin(&s, w, PACK_DATA, p.number, &d[i]);
		lib_block(&s, &d[i], &o, 1, NULL);
	}
	keep_ledger(s.dir, "kept-open");
	CHECK(LIB_OK(draft_seal(w, d[1].d, NULL, &f)));
	draft_drop(d[0].d);
	writer_close(w);
	put_back_ledger(s.dir, "kept-open");
	seen = scrub_clean(s.dir);
	CHECK_EQ(seen.notes, 1);
	CHECK_EQ(seen.code, FAULT_LEFTOVER);
	lib_done(&s);
}

/* Pulls that went on since the store was opened are no older ledger. */
static void
test_pulls_meanwhile(void)
{
	static const struct scrub_sink sink = {.finding = lib_finding};
	_cleanup_store_ struct store *st = NULL;
	struct scrub_result r = {.findings = 99};
	struct writer *w = NULL;
	struct lib_store s;
	struct lib_pull p;

	make(&s, &p);
	CHECK(LIB_OK(store_open(s.dir, &st, &f)));
	CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
	for (unsigned int i = 2; i < 5; i++) {
		lib_pull(&s, w, "src", i, 3, &p);
		free(p.chunks);
	}
	CHECK(LIB_OK(scrub_store(st, &sink, &r, &f)));
	CHECK_EQ(r.findings, 0);
	writer_close(w);
	lib_unprotect(s.dir);
	lib_done(&s);
}

/* A whole folder is gone: named for what it holds. */
static void
test_folders(void)
{
	static const struct {
		const char *name;
		enum fault_code code;
		unsigned int findings; /* its files, and the folder */
	} folder[] = {
		{"keys", FAULT_KEY_MISSING, 4},
		{"manifests", FAULT_MANIFEST_MISSING, 2},
		{"packs", FAULT_PACK_MISSING, 3},
	};
	char path[LIB_PATH], away[LIB_PATH];
	struct lib_store s;
	struct lib_pull p;
	struct seen seen;

	make(&s, &p);
	lib_path(away, check_scratch(), "folder-away");
	for (size_t i = 0; i < array_len(folder); i++) {
		lib_path(path, s.dir, folder[i].name);
		CHECK(rename(path, away) == 0);
		seen = scrub(s.dir);
		CHECK_EQ(seen.findings, folder[i].findings);
		CHECK_EQ(seen.named[folder[i].code], folder[i].findings);
		CHECK(rename(away, path) == 0);
	}
	scrub_clean(s.dir);
	lib_done(&s);
}

/* A FIFO in place of any file is named at once, and nothing waits for it. */
static void
fifo(const char *dir, const char *name, bool writes)
{
	char path[LIB_PATH], away[LIB_PATH];
	struct writer *w = NULL;
	struct seen seen;
	struct fault fault = {.code = FAULT_NONE};

	lib_path(path, dir, name);
	lib_path(away, check_scratch(), "away");
	CHECK(rename(path, away) == 0);
	CHECK(mkfifo(path, 0600) == 0);
	alarm(60);
	seen = scrub(dir);
	if (!CHECK(seen.findings > 0) || !CHECK(seen.code != FAULT_IO))
		printf("%s: %s\n", name, fault_name(seen.code));
	if (writes) {
		if (writer_open(dir, NULL, &w, &fault) == 0)
			writer_close(w);
		else if (!CHECK(fault.code != FAULT_IO))
			printf("%s: %s\n", name, fault_name(fault.code));
	}
	alarm(0);
	CHECK(rename(away, path) == 0);
}

static void
test_fifos(void)
{
	static const char *const files[] = {"store.conf", "keys/vault",
		"ledger/checkpoint", "ledger/leaves-00000000", "ledger/hash-0"};
	static const char *const caches[] = {
		"cache/index/CURRENT", "cache/stat/CURRENT", "cache/stat/x"};
	char name[LIB_PATH] = "", path[LIB_PATH];
	struct writer *w = NULL;
	struct lib_store s;
	struct lib_pull p;

	make(&s, &p);
	for (size_t i = 0; i < array_len(files); i++)
		fifo(s.dir, files[i], true);
	first_file(s.dir, "packs", name);
	fifo(s.dir, name, true);
	first_file(s.dir, "manifests", name);
	fifo(s.dir, name, true);
	for (size_t i = 0; i < array_len(caches); i++) {
		lib_path(path, s.dir, caches[i]);
		(void)unlink(path);
		CHECK(mkfifo(path, 0600) == 0);
		alarm(60);
		CHECK(LIB_OK(writer_open(s.dir, NULL, &w, &f)));
		writer_close(w);
		alarm(0);
	}
	scrub_clean(s.dir);
	lib_done(&s);
}

CHECK_MAIN(TEST(test_every_byte), TEST(test_missing), TEST(test_strays),
	TEST(test_ledger_put_back), TEST(test_older_ledger_by_packs),
	TEST(test_leftover_of_two_open), TEST(test_pulls_meanwhile),
	TEST(test_folders), TEST(test_fifos))
