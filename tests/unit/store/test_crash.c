/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a writer that is killed at any system call leaves a store in which the
 * next one finds every committed snapshot, a clean scrub, and no hit that does
 * not hold: I1 to I5, I8. */
#include "tests/unit/store/lib.h"

#include "store/scrub.h"
#include "store/snapshots.h"
#include "util/hook.h"

#include <signal.h>
#include <sys/wait.h>

static const char content[] = "what every pull stores";

/* One pull: a pack with one chunk, a snapshot of it. */
static void
pull_once(struct lib_store *s, struct writer *w)
{
	const struct lib_object o = {.type = OBJECT_CHUNK, .content = content};
	struct fault f = {.code = FAULT_NONE};
	struct lib_draft d;
	struct leaf_body body;
	struct root id;
	struct ref ref;
	uint64_t pull, leaf;
	uint32_t ordinal;

	if (writer_pull(w, "src", 1, &pull, &f) < 0)
		_exit(2);
	lib_begin(s, w, PACK_DATA, pull, &d);
	lib_block(s, &d, &o, 1, &ref);
	ordinal = draft_ordinal(d.d);
	body = lib_body("src", &ref);
	if (draft_seal(w, d.d, NULL, &f) < 0 ||
		writer_commit(w, pull, 1, LEAF_COMPLETE, &ordinal, 1, &body,
			&leaf, &id, &f) < 0)
		_exit(2);
}

/* True when the child was killed at its at-th call. */
static bool
killed(struct lib_store *s, unsigned long at)
{
	struct hook_plan plan = {
		.op = HOOK_OPS, .act = HOOK_KILL, .err = -EIO, .at = at};
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		struct fault f = {.code = FAULT_NONE};
		struct writer *w;

		hook_set(hook_plan_run, &plan);
		if (writer_open(s->dir, NULL, &w, &f) < 0)
			_exit(2);
		pull_once(s, w);
		writer_close(w);
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
		(WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return WIFSIGNALED(status);
}

/* What a reader sees at once, before any writer comes. */
static size_t
check_reader(struct lib_store *s)
{
	static const struct scrub_sink sink = {.finding = lib_finding};
	_cleanup_snapshots_ struct snapshot_list list = {NULL, 0};
	_cleanup_store_ struct store *st = NULL;
	struct scrub_result r = {.findings = 99};

	if (!CHECK(LIB_OK(store_open(s->dir, &st, &f))))
		return 0;
	CHECK(LIB_OK(snapshots_load(st, &s->keys->log_key, &list, &f)));
	CHECK(LIB_OK(scrub_store(st, &sink, &r, &f)));
	CHECK_EQ(r.findings, 0);
	CHECK(list.n == 0 || r.packs > 0);
	return list.n;
}

static void
check_writer(struct lib_store *s, bool known)
{
	const struct lib_object o = {.type = OBJECT_CHUNK, .content = content};
	struct writer *w = NULL;
	struct addr at;
	struct id id;
	int r;

	if (!CHECK(LIB_OK(writer_open(s->dir, NULL, &w, &f))))
		return;
	lib_object_id(s, &o, &id);
	r = writer_lookup(w, 1, &id, span_of(NULL, 0), &at);
	CHECK(r == LOOKUP_HIT || (r == LOOKUP_MISS && !known));
	CHECK(r != LOOKUP_HIT || writer_open_to_hits(w, at.ordinal));
	writer_close(w);
}

/* In a process of its own: RocksDB's threads do not survive a fork, so this
 * one must never have any. */
static void
check_next_writer(struct lib_store *s, bool known)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		check_writer(s, known);
		_exit(check_failed_ > 0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

/* Each round begins with a copy of one store with one snapshot: else the
 * calls of an opening would grow as fast as the count. */
static void
test_killed(void)
{
	struct lib_store s, copy;
	unsigned long at;
	bool more = true;

	lib_make(&s, "store");
	CHECK(!killed(&s, 1000000));
	CHECK_EQ(check_reader(&s), 1);
	copy = s;
	lib_path(copy.dir, check_scratch(), "copy");
	for (at = 1; more && at < 5000; at++) {
		size_t n;

		lib_copy_tree(s.dir, copy.dir);
		more = killed(&copy, at);
		n = check_reader(&copy);
		CHECK(more ? n == 1 || n == 2 : n == 2);
		check_next_writer(&copy, true);
		CHECK(check_reader(&copy) >= n);
		lib_remove_tree(copy.dir);
	}
	CHECK(at > 100 && !more);
	lib_done(&s);
}

CHECK_MAIN(TEST(test_killed))
