/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a child gets exactly what it was given, a program that cannot start
 * is reported as such, and helpers are found where they may be.
 *
 * This program is its own child: with "probe" as first argument it reports
 * on standard output what it sees of itself.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/lib/check.h"
#include "util/child.h"
#include "util/hook.h"
#include "util/io.h"

#define SELF "/proc/self/exe"

/* exec does not write to its arrays; only its type says so. */
static char *const *
args(const char *const *list)
{
	char *const *p;

	memcpy(&p, &list, sizeof(p));
	return p;
}

#define ARGS(...) args((const char *const[]){__VA_ARGS__, NULL})

static void
probe_fds(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d ", fd);
	}
}

static void
probe_signals(void)
{
	struct sigaction sa;
	sigset_t mask;
	int odd = 0;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int sig = 1; sig < 32; sig++) {
		sigaction(sig, NULL, &sa);
		odd += sigismember(&mask, sig) || sa.sa_handler == SIG_IGN;
	}
	printf("%d", odd);
}

/* Leave a child behind that would wait for ever with our output open. */
static void
probe_orphan(void)
{
	struct child_opts opts = {.path = SELF,
		.argv = ARGS("test_child", "probe", "pause"),
		.die_with_parent = true,
		.maps = 1,
		.map = {{1, 1}}};
	struct child c = CHILD_NONE;

	printf("%d", child_spawn(&opts, &c));
}

static void
probe_find(const char *name)
{
	char path[PATH_MAX] = "unchanged";
	char *real = NULL;
	int err = child_find_helper(name, path, sizeof(path));

	/* Without the ".." of a sibling, for comparing. */
	if (err == 0)
		real = realpath(path, NULL);
	printf("%d %s", err, real ? real : path);
	free(real);
}

static int
probe(int argc, char **argv)
{
	const char *what = argc > 0 ? argv[0] : "";

	if (strcmp(what, "fds") == 0)
		probe_fds();
	else if (strcmp(what, "signals") == 0)
		probe_signals();
	else if (strcmp(what, "orphan") == 0)
		probe_orphan();
	else if (strcmp(what, "env") == 0)
		printf("%s,%s", getenv("A") ? getenv("A") : "unset",
			getenv("HOME") ? "more" : "alone");
	else if (strcmp(what, "cwd") == 0)
		printf("%s", getcwd((char[PATH_MAX]){""}, PATH_MAX));
	else if (strcmp(what, "find") == 0 && argc > 1)
		probe_find(argv[1]);
	else if (strcmp(what, "pause") == 0)
		pause();
	else
		return 17;
	return 0;
}

/* Run with standard output caught, which the caller has left to map[0]. */
static void
run(struct child_opts *opts, char *out, size_t n)
{
	_cleanup_child_ struct child c = CHILD_NONE;
	size_t at = 0;
	int ends[2], err, status = -1;
	ssize_t got = 1;

	out[0] = '\0';
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	opts->map[0] = (struct child_map){ends[1], 1};
	if (opts->maps == 0)
		opts->maps = 1;
	err = child_spawn(opts, &c);
	close(ends[1]);
	if (CHECK_EQ(err, 0)) {
		while (got > 0 && at + 1 < n) {
			got = io_read_some(ends[0], out + at, n - 1 - at);
			at += got > 0 ? (size_t)got : 0;
		}
		out[at] = '\0';
		CHECK_EQ(child_wait(&c, &status), 0);
		CHECK_EQ(status, 0);
	}
	close(ends[0]);
}

static void
only_given_descriptors(void)
{
	_cleanup_close_ int a = open("/dev/null", O_RDWR);
	struct child_opts opts = {
		.path = SELF, .argv = ARGS("test_child", "probe", "fds")};
	int high = fcntl(a, F_DUPFD, 500);
	char out[1000];

	CHECK(a >= 0 && high >= 500);
	run(&opts, out, sizeof(out));
	CHECK_STR(out, "0 1 2 ");
	opts.maps = 3;
	opts.map[1] = (struct child_map){a, 7};
	opts.map[2] = (struct child_map){high, 900};
	run(&opts, out, sizeof(out));
	CHECK_STR(out, "0 1 2 7 900 ");
	close(high);
}

/* Two descriptors trade places: neither may be lost on the way. */
static void
crossed_descriptors(void)
{
	_cleanup_close_ int dir =
		open(check_scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int a = io_openat(dir, "a", O_WRONLY | O_CREAT, 0600);
	_cleanup_close_ int b = io_openat(dir, "b", O_WRONLY | O_CREAT, 0600);
	_cleanup_child_ struct child c = CHILD_NONE;
	struct child_opts opts = {.path = "/bin/sh", .maps = 2};
	char script[100];
	_cleanup_buf_ struct buf got = BUF_INIT;

	snprintf(
		script, sizeof(script), "echo to_a >&%d; echo to_b >&%d", b, a);
	opts.argv = ARGS("sh", "-c", script);
	opts.map[0] = (struct child_map){a, b};
	opts.map[1] = (struct child_map){b, a};
	CHECK_EQ(child_spawn(&opts, &c), 0);
	CHECK_EQ(child_wait(&c, NULL), 0);
	CHECK_EQ(io_read_file(dir, "a", 100, &got), 0);
	CHECK(span_eq(buf_span(&got), span_str("to_a\n")));
	buf_clear(&got);
	CHECK_EQ(io_read_file(dir, "b", 100, &got), 0);
	CHECK(span_eq(buf_span(&got), span_str("to_b\n")));
}

static void
bad_maps(void)
{
	struct child_opts opts = {.path = SELF,
		.argv = ARGS("test_child"),
		.maps = 2,
		.map = {{1, 5}, {2, 5}}};
	struct child c = {-5};

	CHECK_EQ(child_spawn(&opts, &c), -EINVAL);
	opts.map[1].target = -1;
	CHECK_EQ(child_spawn(&opts, &c), -EINVAL);
	opts.map[1] = (struct child_map){-1, 6};
	CHECK_EQ(child_spawn(&opts, &c), -EINVAL);
	opts.map[1] = (struct child_map){1023, 6};
	CHECK_EQ(child_spawn(&opts, &c), -EBADF);
	opts.maps = CHILD_MAPS + 1;
	CHECK_EQ(child_spawn(&opts, &c), -EINVAL);
	CHECK_EQ(c.pid, -5);
}

static void
exec_failures(void)
{
	_cleanup_close_ int dir =
		open(check_scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct child_opts opts = {.argv = ARGS("no-such-program-anywhere")};
	struct child c = {-5};
	char path[PATH_MAX];

	CHECK_EQ(child_spawn(&opts, &c), -ENOENT);
	opts.path = "/no/such/program";
	CHECK_EQ(child_spawn(&opts, &c), -ENOENT);
	opts.path = check_scratch();
	CHECK_EQ(child_spawn(&opts, &c), -EACCES);
	snprintf(path, sizeof(path), "%s/text", check_scratch());
	CHECK_EQ(io_replace(dir, "text", span_str("neither"), 0600), 0);
	CHECK_EQ(chmod(path, 0700), 0);
	opts.path = path;
	CHECK_EQ(child_spawn(&opts, &c), -ENOEXEC);
	opts.path = SELF;
	opts.cwd = "/no/such/directory";
	CHECK_EQ(child_spawn(&opts, &c), -ENOENT);
	CHECK_EQ(c.pid, -5);
	/* Nobody is left to wait for. */
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

static void
spawn_hook(void)
{
	struct hook_plan plan = {
		.op = HOOK_SPAWN, .act = HOOK_FAIL, .err = -EAGAIN, .at = 1};
	struct child_opts opts = {.path = SELF, .argv = ARGS("test_child")};
	struct child c = CHILD_NONE;

	hook_set(hook_plan_run, &plan);
	CHECK_EQ(child_spawn(&opts, &c), -EAGAIN);
	hook_set(NULL, NULL);
	CHECK_EQ(c.pid, -1);
}

static void
environment_and_directory(void)
{
	struct child_opts opts = {.path = SELF,
		.argv = ARGS("test_child", "probe", "env"),
		.envp = ARGS("A=given")};
	char out[PATH_MAX];

	run(&opts, out, sizeof(out));
	CHECK_STR(out, "given,alone");
	setenv("A", "own", 1);
	opts.envp = NULL;
	run(&opts, out, sizeof(out));
	CHECK(strncmp(out, "own,", 4) == 0);
	opts.argv = ARGS("test_child", "probe", "cwd");
	opts.cwd = "/usr";
	run(&opts, out, sizeof(out));
	CHECK_STR(out, "/usr");
}

static void
default_signals(void)
{
	struct child_opts opts = {
		.path = SELF, .argv = ARGS("test_child", "probe", "signals")};
	sigset_t some, old;
	char out[100];

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigprocmask(SIG_BLOCK, &some, &old);
	run(&opts, out, sizeof(out));
	CHECK_STR(out, "0");
	/* And the own ones are as they were. */
	sigprocmask(SIG_SETMASK, NULL, &some);
	CHECK(sigismember(&some, SIGTERM) && !sigismember(&some, SIGINT));
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void
wait_and_kill(void)
{
	struct child_opts opts = {
		.path = SELF, .argv = ARGS("test_child", "probe", "pause")};
	struct child c = CHILD_NONE, none = CHILD_NONE;
	int status = -1;

	CHECK_EQ(child_wait(&c, &status), -ECHILD);
	CHECK_EQ(child_kill(&c, SIGTERM), -ESRCH);
	child_end(&c);
	CHECK_EQ(child_spawn(&opts, &c), 0);
	CHECK_EQ(child_kill(&c, SIGTERM), 0);
	CHECK_EQ(child_wait(&c, &status), 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_EQ(c.pid, -1);
	CHECK_EQ(child_spawn(&opts, &c), 0);
	CHECK_EQ(child_wait_ms(&c, 30, &status), -ETIMEDOUT);
	CHECK(c.pid > 0);
	CHECK_EQ(child_kill(&c, SIGINT), 0);
	CHECK_EQ(child_wait_ms(&c, 60000, &status), 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	CHECK_EQ(child_wait_ms(&c, 0, &status), -ECHILD);
	CHECK_EQ(child_spawn(&opts, &c), 0);
	child_end(&c);
	CHECK_EQ(c.pid, -1);
	opts.argv = ARGS("test_child", "probe", "unknown");
	CHECK_EQ(child_spawn(&opts, &c), 0);
	/* No child is not any child. */
	CHECK_EQ(child_wait(&none, &status), -ECHILD);
	CHECK_EQ(child_wait(&c, &status), 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 17);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/*
 * The grandchild holds the other end of our pipe, so run only returns once it
 * is gone; a grandchild that outlives its parent hangs this test.
 */
static void
die_with_parent(void)
{
	struct child_opts opts = {
		.path = SELF, .argv = ARGS("test_child", "probe", "orphan")};
	char out[100];

	run(&opts, out, sizeof(out));
	CHECK_STR(out, "0");
}

static void
search_in_path(void)
{
	struct child_opts opts = {.argv = ARGS("sh", "-c", "exit 3")};
	const char *path = getenv("PATH");
	_cleanup_free_ char *old = path ? strdup(path) : NULL;
	struct child c = CHILD_NONE;
	int status = -1;

	setenv("PATH", "::/nowhere:/bin", 1);
	CHECK_EQ(child_spawn(&opts, &c), 0);
	CHECK_EQ(child_wait(&c, &status), 0);
	CHECK_EQ(WEXITSTATUS(status), 3);
	setenv("PATH", "/nowhere:", 1);
	CHECK_EQ(child_spawn(&opts, &c), -ENOENT);
	if (old)
		setenv("PATH", old, 1);
}

static void
copy_program(int dir, const char *to)
{
	_cleanup_close_ int in = io_openat(AT_FDCWD, SELF, O_RDONLY, 0);
	_cleanup_close_ int out =
		io_openat(dir, to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	static char b[65536];
	ssize_t got;

	CHECK(in >= 0 && out >= 0);
	while ((got = io_read_some(in, b, sizeof(b))) > 0)
		CHECK_EQ(io_write_full(out, b, (size_t)got), 0);
}

/* What a program at cli/prog finds: its result, then the path. */
static void
look_for(const char *name, const char *want)
{
	char prog[PATH_MAX + 20], out[PATH_MAX];
	struct child_opts opts = {
		.path = prog, .argv = ARGS("prog", "probe", "find", name)};

	snprintf(prog, sizeof(prog), "%s/cli/prog", check_scratch());
	run(&opts, out, sizeof(out));
	CHECK_STR(out, want);
}

/* want is relative to the scratch. */
static void
finds(const char *name, const char *want)
{
	_cleanup_free_ char *root = realpath(check_scratch(), NULL);
	char line[PATH_MAX + 100];

	snprintf(line, sizeof(line), "0 %s/%s", root, want);
	look_for(name, line);
}

static void
finds_none(const char *name, int err)
{
	char line[100];

	snprintf(line, sizeof(line), "%d unchanged", err);
	look_for(name, line);
}

static void
put_program(int dir, const char *name, mode_t mode)
{
	_cleanup_close_ int fd =
		io_openat(dir, name, O_WRONLY | O_CREAT | O_EXCL, mode);

	CHECK(fd >= 0);
}

static void
find_helper(void)
{
	static const char *const dirs[] = {"cli", "agent", "fuse"};
	_cleanup_close_ int dir =
		open(check_scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < array_len(dirs); i++)
		CHECK_EQ(io_mkdirat(dir, dirs[i], 0700), 0);
	copy_program(dir, "cli/prog");
	put_program(dir, "agent/helper", 0700);
	put_program(dir, "fuse/helper", 0700);
	put_program(dir, "fuse/text", 0600);
	CHECK_EQ(io_mkdirat(dir, "fuse/folder", 0700), 0);
	/* Not a build tree: beside is not looked. */
	finds_none("helper", -ENOENT);
	CHECK_EQ(io_mkdirat(dir, "meson-private", 0700), 0);
	finds("helper", "agent/helper");
	finds_none("text", -ENOENT);
	finds_none("folder", -ENOENT);
	finds_none("cli", -ENOENT);
	finds_none("agent/helper", -EINVAL);
	finds_none("", -EINVAL);
	put_program(dir, "cli/helper", 0700);
	finds("helper", "cli/helper");
	CHECK_EQ(child_find_helper("test_child_none", (char[8]){""}, 8),
		-ENOENT);
}

int
main(int argc, char **argv)
{
	static const struct check_test tests[] = {
		TEST(only_given_descriptors),
		TEST(crossed_descriptors),
		TEST(bad_maps),
		TEST(exec_failures),
		TEST(spawn_hook),
		TEST(environment_and_directory),
		TEST(default_signals),
		TEST(wait_and_kill),
		TEST(die_with_parent),
		TEST(search_in_path),
		TEST(find_helper),
	};

	if (argc > 1 && strcmp(argv[1], "probe") == 0)
		return probe(argc - 2, argv + 2);
	return check_run(tests, array_len(tests), argc, argv);
}
