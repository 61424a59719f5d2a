/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the n-th operation fails and no other, plans are read strictly, and
 * the environment counts in builds made for it and in no other.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/lib/check.h"
#include "util/child.h"
#include "util/hook.h"

static void
unset_lets_everything_pass(void)
{
	size_t len = 10;

	CHECK_EQ(hook_check(HOOK_OPEN), 0);
	CHECK_EQ(hook_check_len(HOOK_READ, &len), 0);
	CHECK_EQ(len, 10);
}

static void
nth_of_a_kind(void)
{
	struct hook_plan plan = {
		.op = HOOK_READ, .act = HOOK_FAIL, .err = -EIO, .at = 3};

	hook_set(hook_plan_run, &plan);
	for (int i = 1; i <= 5; i++) {
		CHECK_EQ(hook_check(HOOK_READ), i == 3 ? -EIO : 0);
		CHECK_EQ(hook_check(HOOK_WRITE), 0);
	}
	hook_set(NULL, NULL);
	CHECK_EQ(hook_check(HOOK_READ), 0);
	CHECK_EQ(plan.seen, 5);
}

static void
sticky_of_any_kind(void)
{
	struct hook_plan plan = {.op = HOOK_OPS,
		.act = HOOK_FAIL,
		.err = -ENOSPC,
		.at = 2,
		.sticky = true};

	hook_set(hook_plan_run, &plan);
	CHECK_EQ(hook_check(HOOK_READ), 0);
	CHECK_EQ(hook_check(HOOK_WRITE), -ENOSPC);
	CHECK_EQ(hook_check(HOOK_ALLOC), -ENOSPC);
	hook_set(NULL, NULL);
}

/* What a loop that tries again sees of a sticky EINTR. */
static void
interrupted_calls_go_through(void)
{
	struct hook_plan plan = {.op = HOOK_READ,
		.act = HOOK_FAIL,
		.err = -EINTR,
		.at = 3,
		.sticky = true};

	hook_set(hook_plan_run, &plan);
	for (int i = 1; i <= 8; i++)
		CHECK_EQ(hook_check(HOOK_READ),
			i >= 3 && i % 2 == 1 ? -EINTR : 0);
	hook_set(NULL, NULL);
}

static void
short_transfer(void)
{
	struct hook_plan plan = {
		.op = HOOK_WRITE, .act = HOOK_SHORT, .at = 1, .sticky = true};
	size_t len = 9;

	hook_set(hook_plan_run, &plan);
	CHECK_EQ(hook_check_len(HOOK_WRITE, &len), 0);
	CHECK_EQ(len, 4);
	len = 1;
	CHECK_EQ(hook_check_len(HOOK_WRITE, &len), 0);
	CHECK_EQ(len, 1);
	len = 0;
	CHECK_EQ(hook_check_len(HOOK_WRITE, &len), 0);
	CHECK_EQ(len, 0);
	hook_set(NULL, NULL);
}

static void *
count_failures(void *arg)
{
	atomic_uint *failed = arg;

	for (int i = 0; i < 10000; i++) {
		if (hook_check(HOOK_FSYNC) < 0)
			atomic_fetch_add(failed, 1);
	}
	return NULL;
}

static void
exactly_one_among_threads(void)
{
	struct hook_plan plan = {
		.op = HOOK_FSYNC, .act = HOOK_FAIL, .err = -EIO, .at = 20000};
	atomic_uint failed = 0;
	pthread_t t[4];

	hook_set(hook_plan_run, &plan);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, count_failures, &failed),
			0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	hook_set(NULL, NULL);
	CHECK_EQ(plan.seen, 40000);
	CHECK_EQ(failed, 1);
}

static void
plans_that_parse(void)
{
	struct hook_plan p = {.at = 0};

	CHECK_EQ(hook_plan_parse("PWRITE:3:ENOSPC", &p), 0);
	CHECK_EQ(p.op, HOOK_PWRITE);
	CHECK_EQ(p.at, 3);
	CHECK_EQ(p.act, HOOK_FAIL);
	CHECK_EQ(p.err, -ENOSPC);
	CHECK(!p.sticky);
	CHECK_EQ(hook_plan_parse("send:1:EIO", &p), 0);
	CHECK_EQ(p.op, HOOK_SEND);
	CHECK_EQ(hook_plan_parse("recv:1:EIO", &p), 0);
	CHECK_EQ(p.op, HOOK_RECV);
	CHECK_EQ(hook_plan_parse("any:1:5:sticky", &p), 0);
	CHECK_EQ(p.op, HOOK_OPS);
	CHECK_EQ(p.err, -5);
	CHECK(p.sticky);
	CHECK_EQ(hook_plan_parse("write:12:short", &p), 0);
	CHECK_EQ(p.act, HOOK_SHORT);
	CHECK_EQ(hook_plan_parse("fsync:4294967295:KILL", &p), 0);
	CHECK_EQ(p.act, HOOK_KILL);
	CHECK_EQ(p.at, 4294967295);
	CHECK_STR(p.program, "");
	CHECK_EQ(hook_plan_parse("muniment-pull/any:1:tell:sticky", &p), 0);
	CHECK_EQ(p.act, HOOK_TELL);
	CHECK_STR(p.program, "muniment-pull");
}

static void
plans_that_do_not(void)
{
	static const char *const bad[] = {"", ":", "::", "read", "read:1",
		"read:1:", "read::EIO", ":1:EIO", "read:0:EIO", "read:-1:EIO",
		"read:1x:EIO", "read:4294967296:EIO", "red:1:EIO",
		"read:1:EWHAT", "read:1:0", "read:1:4096",
		"read:1:EIO:", "read:1:EIO:stick",
		"read:1:EIO:sticky:", " read:1:EIO", "rea:1:EIO", "reads:1:EIO",
		"/read:1:EIO", "a/b/read:1:EIO", "a/read",
		"a-name-that-is-longer-than-programs-are/read:1:EIO"};

	for (size_t i = 0; i < array_len(bad); i++) {
		struct hook_plan p = {.at = 77};

		if (!CHECK_EQ(hook_plan_parse(bad[i], &p), -EINVAL))
			printf("  plan: \"%s\"\n", bad[i]);
		CHECK_EQ(p.at, 77);
	}
}

/* Room for a path below the scratch folder. */
static char told[4200];

/* Run this program again with a plan; the second life reports by status. */
static int
status_under(const char *plan)
{
	char var[100], told_var[4300];
	const char *argv[] = {"test_hook", "under-a-plan", NULL};
	const char *envp[] = {var, told_var, NULL};
	struct child_opts opts = {
		.path = "/proc/self/exe", .maps = 2, .map = {{1, 1}, {2, 2}}};
	struct child c = CHILD_NONE;
	int status = -1;

	/* exec does not write to its arrays; its type is only old. */
	memcpy(&opts.argv, &(const char **){argv}, sizeof(opts.argv));
	memcpy(&opts.envp, &(const char **){envp}, sizeof(opts.envp));
	snprintf(var, sizeof(var), "MUNIMENT_FAULT=%s", plan);
	snprintf(told_var, sizeof(told_var), "MUNIMENT_FAULT_TOLD=%s", told);
	CHECK_EQ(child_spawn(&opts, &c), 0);
	CHECK_EQ(child_wait(&c, &status), 0);
	return status;
}

static int
under_a_plan(void)
{
	for (int i = 1; i <= 5; i++) {
		if (hook_check(HOOK_UNLINK) < 0)
			return i;
	}
	return 0;
}

#ifdef MUNIMENT_FAULTS
/* The file that is told holds this, and is then removed. */
static void
was_told(const char *want)
{
	char text[256] = "";
	FILE *f = fopen(told, "re");

	if (f) {
		text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
		fclose(f);
		unlink(told);
	}
	CHECK_STR(text, want);
}
#endif

static void
environment(void)
{
#ifdef MUNIMENT_FAULTS
	int status;

	snprintf(told, sizeof(told), "%s/told", check_scratch());
	CHECK_EQ(WEXITSTATUS(status_under("unlink:4:EIO")), 4);
	was_told("test_hook unlink 4 EIO\n");
	CHECK_EQ(WEXITSTATUS(status_under("unlink:9:EIO")), 0);
	was_told("");
	CHECK_EQ(WEXITSTATUS(status_under("test_hook/unlink:2:EIO:sticky")), 2);
	was_told("test_hook unlink 2 EIO\n");
	CHECK_EQ(status_under("another/unlink:2:EIO"), 0);
	was_told("");
	CHECK_EQ(status_under("any:4:TELL:sticky"), 0);
	was_told("test_hook unlink 4 TELL\ntest_hook unlink 5 TELL\n");
	CHECK_EQ(WEXITSTATUS(status_under("unlnk:4:EIO")), 99);
	status = status_under("unlink:2:KILL");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	was_told("test_hook unlink 2 KILL\n");
#else
	CHECK_EQ(status_under("unlink:4:EIO"), 0);
	CHECK_EQ(status_under("nonsense"), 0);
#endif
}

int
main(int argc, char **argv)
{
	static const struct check_test tests[] = {
		TEST(unset_lets_everything_pass),
		TEST(nth_of_a_kind),
		TEST(sticky_of_any_kind),
		TEST(interrupted_calls_go_through),
		TEST(short_transfer),
		TEST(exactly_one_among_threads),
		TEST(plans_that_parse),
		TEST(plans_that_do_not),
		TEST(environment),
	};

	if (argc == 2 && strcmp(argv[1], "under-a-plan") == 0)
		return under_a_plan();
	return check_run(tests, array_len(tests), argc, argv);
}
