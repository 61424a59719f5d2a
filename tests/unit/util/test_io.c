/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: transfers are complete or fail; a replaced file is the old one or the
 * new one, whole, whichever call fails or is the last one of the process.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/lib/check.h"
#include "util/hook.h"
#include "util/io.h"

#define OLD "the old contents"
#define NEW "the new contents, which are longer"

static int
scratch_fd(void)
{
	return open(check_scratch(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool
holds(int dir, const char *name, const char *want)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	return io_read_file(dir, name, 1000, &b) == 0 &&
	       span_eq(buf_span(&b), span_str(want));
}

static bool
exists(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
put_file(int dir, const char *name, const char *text)
{
	_cleanup_close_ int fd =
		io_openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(io_write_full(fd, text, strlen(text)), 0);
}

static void
close_on_exec(void)
{
	_cleanup_close_ int fd = io_openat(AT_FDCWD, "/", O_RDONLY, 0);

	CHECK(fd >= 0);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK_EQ(io_openat(fd, "does-not-exist", O_RDONLY, 0), -ENOENT);
}

static void
full_transfers(void)
{
	_cleanup_close_ int dir = scratch_fd();
	_cleanup_close_ int fd = io_openat(dir, "f", O_RDWR | O_CREAT, 0600);
	char b[11] = "";
	uint64_t size = 0;

	CHECK_EQ(io_write_full(fd, "0123456789", 10), 0);
	CHECK_EQ(io_pwrite_full(fd, "AB", 2, 4), 0);
	CHECK_EQ(io_pread_full(fd, b, 10, 0), 0);
	CHECK_STR(b, "0123AB6789");
	CHECK_EQ(io_pread_full(fd, b, 2, 9), -ENODATA);
	CHECK_EQ(io_pread_full(fd, b, 0, 9), 0);
	CHECK_EQ(io_pread_full(fd, b, 1, UINT64_MAX), -EOVERFLOW);
	CHECK_EQ(io_pread_full(fd, b, 1, INT64_MAX), -EOVERFLOW);
	CHECK_EQ(io_pwrite_full(fd, b, 1, INT64_MAX), -EOVERFLOW);
	CHECK_EQ(io_file_size(fd, &size), 0);
	CHECK_EQ(size, 10);
	CHECK_EQ(io_file_size(dir, &size), -EISDIR);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(io_read_full(fd, b, 6), 0);
	CHECK_EQ(io_read_full(fd, b, 5), -ENODATA);
	CHECK_EQ(io_read_some(fd, b, 5), 0);
	CHECK_EQ(io_read_full(-1, b, 1), -EBADF);
	CHECK_EQ(io_write_full(-1, b, 1), -EBADF);
	CHECK_EQ(io_fsync(fd), 0);
	CHECK_EQ(io_fsync(-1), -EBADF);
}

/* Every transfer moves half of what it is asked for. */
static void
short_transfers(void)
{
	static const enum hook_op ops[] = {
		HOOK_READ, HOOK_PREAD, HOOK_WRITE, HOOK_PWRITE};
	_cleanup_close_ int dir = scratch_fd();

	for (size_t i = 0; i < array_len(ops); i++) {
		_cleanup_close_ int fd =
			io_openat(dir, "f", O_RDWR | O_CREAT | O_TRUNC, 0600);
		struct hook_plan plan = {.op = ops[i],
			.act = HOOK_SHORT,
			.at = 1,
			.sticky = true};
		char b[11] = "";

		hook_set(hook_plan_run, &plan);
		CHECK_EQ(io_write_full(fd, "0123456789", 10), 0);
		CHECK_EQ(io_pwrite_full(fd, "ABCDE", 5, 3), 0);
		CHECK_EQ(io_pread_full(fd, b, 10, 0), 0);
		CHECK_STR(b, "012ABCDE89");
		memset(b, 0, sizeof(b));
		CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
		CHECK_EQ(io_read_full(fd, b, 10), 0);
		CHECK_STR(b, "012ABCDE89");
		hook_set(NULL, NULL);
		CHECK(plan.seen > 1);
	}
}

/* EINTR is seen by nobody, except after fsync, which is asked only once. */
static void
interrupted_calls(void)
{
	_cleanup_close_ int dir = scratch_fd();

	put_file(dir, "old", OLD);
	for (unsigned int i = 0; i < HOOK_OPS; i++) {
		struct hook_plan plan = {.op = (enum hook_op)i,
			.act = HOOK_FAIL,
			.err = -EINTR,
			.at = 1};
		_cleanup_buf_ struct buf b = BUF_INIT;
		int err;

		if (i == HOOK_ALLOC || i == HOOK_STAT)
			continue;
		hook_set(hook_plan_run, &plan);
		err = io_replace(dir, "f", span_str(NEW), 0600);
		CHECK_EQ(err, i == HOOK_FSYNC ? -EINTR : 0);
		CHECK_EQ(io_read_file(dir, "old", 1000, &b), 0);
		CHECK_EQ(io_mkdirat(dir, "d", 0700), 0);
		CHECK_EQ(io_unlinkat(dir, "d", AT_REMOVEDIR), 0);
		hook_set(NULL, NULL);
		if (i == HOOK_FSYNC)
			CHECK_EQ(plan.seen, 1);
	}
}

struct reader {
	int fd;
	size_t got;
};

static void *
read_all(void *arg)
{
	struct reader *r = arg;
	char b[1000];
	ssize_t got;

	while ((got = io_read_some(r->fd, b, sizeof(b))) > 0)
		r->got += (size_t)got;
	return NULL;
}

static void
ignore(int sig)
{
	(void)sig;
}

/* A pipe gives short writes of its own, and a timer real EINTR. */
static void
through_a_pipe(void)
{
	struct sigaction sa = {.sa_handler = ignore};
	struct itimerval often = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};
	static char big[1 << 20];
	struct reader r = {-1, 0};
	pthread_t thread;
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	r.fd = ends[0];
	sigaction(SIGALRM, &sa, NULL);
	CHECK_EQ(pthread_create(&thread, NULL, read_all, &r), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	CHECK_EQ(io_write_full(ends[1], big, sizeof(big)), 0);
	CHECK_EQ(io_write_full(ends[1], big, sizeof(big)), 0);
	setitimer(ITIMER_REAL, &off, NULL);
	close(ends[1]);
	pthread_join(thread, NULL);
	close(ends[0]);
	CHECK_EQ(r.got, 2 * sizeof(big));
}

/* What goes between vault and agent is asked for under names of its own. */
static void
line(void)
{
	static const int errs[] = {-EINTR, -EIO, 0};
	char b[11] = "";
	int ends[2];

	CHECK_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	for (size_t i = 0; i < array_len(errs); i++) {
		struct hook_plan plan = {.op = HOOK_SEND,
			.act = errs[i] < 0 ? HOOK_FAIL : HOOK_SHORT,
			.err = errs[i],
			.at = 1};
		ssize_t n = errs[i] == -EIO ? -EIO : errs[i] < 0 ? 10 : 5;

		hook_set(hook_plan_run, &plan);
		CHECK_EQ(io_send_some(ends[1], "0123456789", 10), n);
		CHECK_EQ(plan.seen, errs[i] == -EINTR ? 2 : 1);
		plan.op = HOOK_RECV;
		plan.seen = 0;
		CHECK_EQ(io_recv_some(ends[0], b, 10), n);
		CHECK_EQ(plan.seen, errs[i] == -EINTR ? 2 : 1);
		hook_set(NULL, NULL);
		/* What was cut short left some. */
		while (io_recv_some(ends[0], b, 10) > 0)
			;
	}
	CHECK_EQ(io_recv_some(ends[0], b, 10), -EAGAIN);
	close(ends[1]);
	CHECK_EQ(io_recv_some(ends[0], b, 10), 0);
	close(ends[0]);
}

static void
names(void)
{
	_cleanup_close_ int dir = scratch_fd();

	put_file(dir, "a", "A");
	put_file(dir, "b", "B");
	CHECK_EQ(io_renameat(dir, "a", dir, "b", true), -EEXIST);
	CHECK(holds(dir, "a", "A") && holds(dir, "b", "B"));
	CHECK_EQ(io_renameat(dir, "a", dir, "c", true), 0);
	CHECK_EQ(io_renameat(dir, "c", dir, "b", false), 0);
	CHECK(holds(dir, "b", "A") && !exists(dir, "a") && !exists(dir, "c"));
	CHECK_EQ(io_mkdirat(dir, "b", 0700), -EEXIST);
	CHECK_EQ(io_unlinkat(dir, "b", 0), 0);
	CHECK_EQ(io_unlinkat(dir, "b", 0), -ENOENT);
	CHECK_EQ(io_fsync_dirfd(dir), 0);
}

static void
read_file_limits(void)
{
	_cleanup_close_ int dir = scratch_fd();
	_cleanup_buf_ struct buf b = BUF_INIT;

	CHECK_EQ(buf_append(&b, "x", 1), 0);
	put_file(dir, "ten", "0123456789");
	put_file(dir, "none", "");
	CHECK_EQ(io_read_file(dir, "ten", 9, &b), -EFBIG);
	CHECK_EQ(io_read_file(dir, "missing", 9, &b), -ENOENT);
	CHECK(span_eq(buf_span(&b), span_str("x")));
	CHECK_EQ(io_read_file(dir, "ten", 10, &b), 0);
	CHECK(span_eq(buf_span(&b), span_str("x0123456789")));
	CHECK_EQ(io_read_file(dir, "none", 0, &b), 0);
	CHECK_EQ(b.n, 11);
	CHECK_EQ(io_read_file(dir, "ten", SIZE_MAX, &b), 0);
	CHECK_EQ(b.n, 21);
	/* A file that states no size and holds more. */
	CHECK_EQ(io_read_file(AT_FDCWD, "/proc/self/status", 10, &b), -EFBIG);
	CHECK_EQ(b.n, 21);
	CHECK_EQ(io_read_file(AT_FDCWD, "/proc/self/status", 1 << 20, &b), 0);
	CHECK(b.n > 200 && memcmp(b.p + 21, "Name:", 5) == 0);
}

static void
read_file_kinds(void)
{
	_cleanup_close_ int dir = scratch_fd();
	_cleanup_close_ int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	_cleanup_buf_ struct buf b = BUF_INIT;

	put_file(dir, "f", OLD);
	CHECK_EQ(symlinkat("f", dir, "link"), 0);
	CHECK_EQ(mkfifoat(dir, "fifo", 0600), 0);
	CHECK_EQ(mkdirat(dir, "dir", 0700), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/sock",
		dir);
	CHECK_EQ(bind(sock, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(io_read_file(dir, "link", 1000, &b), -ELOOP);
	CHECK_EQ(io_read_file(dir, "fifo", 1000, &b), -EINVAL);
	CHECK_EQ(io_read_file(dir, "dir", 1000, &b), -EISDIR);
	CHECK_EQ(io_read_file(dir, "sock", 1000, &b), -EINVAL);
	CHECK_EQ(io_read_file(AT_FDCWD, "/dev/null", 1000, &b), -EINVAL);
	CHECK_EQ(b.n, 0);
}

/* A hook of its own, to know which operation was hit. */
struct nth {
	unsigned int at, seen, fsyncs;
	bool hit, hit_last_fsync;
};

static int
fail_nth(void *ctx, enum hook_op op, size_t *len)
{
	struct nth *n = ctx;

	(void)len;
	n->fsyncs += op == HOOK_FSYNC;
	if (++n->seen != n->at)
		return 0;
	n->hit = true;
	n->hit_last_fsync = op == HOOK_FSYNC && n->fsyncs == 2;
	return -EIO;
}

static void
replace_fails_at_each_call(void)
{
	_cleanup_close_ int dir = scratch_fd();
	struct nth n = {.hit = true};

	for (unsigned int at = 1; n.hit && at < 100; at++) {
		int err;

		put_file(dir, "f", OLD);
		n = (struct nth){.at = at};
		hook_set(fail_nth, &n);
		err = io_replace(dir, "f", span_str(NEW), 0600);
		hook_set(NULL, NULL);
		CHECK_EQ(err, n.hit ? -EIO : 0);
		if (n.hit && !n.hit_last_fsync)
			CHECK(holds(dir, "f", OLD));
		else
			CHECK(holds(dir, "f", NEW));
		CHECK(!exists(dir, ".f.tmp"));
	}
	/* unlink, open, write, fsync, rename, fsync, and a run untouched. */
	CHECK(!n.hit);
	CHECK_EQ(n.at, 7);
}

static void
replace_killed_at_each_call(void)
{
	_cleanup_close_ int dir = scratch_fd();
	int status = -1;

	for (unsigned int at = 1; status != 0 && at < 100; at++) {
		pid_t pid;

		put_file(dir, "f", OLD);
		pid = fork();
		if (pid == 0) {
			struct hook_plan plan = {
				.op = HOOK_OPS, .act = HOOK_KILL, .at = at};

			hook_set(hook_plan_run, &plan);
			_exit(io_replace(dir, "f", span_str(NEW), 0600) < 0);
		}
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(status == 0 || WTERMSIG(status) == SIGKILL);
		if (at <= 5)
			CHECK(holds(dir, "f", OLD));
		else
			CHECK(holds(dir, "f", NEW));
		/* What is left over does not stand in the way. */
		CHECK_EQ(io_replace(dir, "f", span_str("next"), 0600), 0);
		CHECK(holds(dir, "f", "next"));
		CHECK(!exists(dir, ".f.tmp"));
	}
	CHECK_EQ(status, 0);
}

static void
replace_names_and_modes(void)
{
	_cleanup_close_ int dir = scratch_fd();
	char longest[NAME_MAX + 1];
	struct stat st = {0};
	mode_t old = umask(022);

	CHECK_EQ(io_replace(dir, "key", span_str(NEW), 0600), 0);
	CHECK_EQ(fstatat(dir, "key", &st, 0), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(io_replace(dir, "open", span_of(NULL, 0), 0666), 0);
	CHECK_EQ(fstatat(dir, "open", &st, 0), 0);
	CHECK_EQ(st.st_mode & 07777, 0644);
	CHECK_EQ(st.st_size, 0);
	umask(old);
	CHECK_EQ(io_replace(dir, "", span_str(NEW), 0600), -EINVAL);
	CHECK_EQ(io_replace(dir, ".", span_str(NEW), 0600), -EINVAL);
	CHECK_EQ(io_replace(dir, "..", span_str(NEW), 0600), -EINVAL);
	CHECK_EQ(io_replace(dir, "a/b", span_str(NEW), 0600), -EINVAL);
	CHECK_EQ(io_replace(AT_FDCWD, "a", span_str(NEW), 0600), -EBADF);
	memset(longest, 'n', sizeof(longest));
	longest[NAME_MAX - 5] = '\0';
	CHECK_EQ(io_replace(dir, longest, span_str(NEW), 0600), 0);
	longest[NAME_MAX - 5] = 'n';
	longest[NAME_MAX - 4] = '\0';
	CHECK_EQ(io_replace(dir, longest, span_str(NEW), 0600), -ENAMETOOLONG);
}

/* Someone put a link where the temporary file goes: it is not followed. */
static void
replace_follows_no_link(void)
{
	_cleanup_close_ int dir = scratch_fd();
	struct stat st = {0};

	put_file(dir, "victim", OLD);
	CHECK_EQ(symlinkat("victim", dir, ".f.tmp"), 0);
	CHECK_EQ(io_replace(dir, "f", span_str(NEW), 0600), 0);
	CHECK(holds(dir, "victim", OLD) && holds(dir, "f", NEW));
	/* And a link under the name itself is replaced, not written through. */
	CHECK_EQ(symlinkat("victim", dir, "g"), 0);
	CHECK_EQ(io_replace(dir, "g", span_str(NEW), 0600), 0);
	CHECK(holds(dir, "victim", OLD));
	CHECK_EQ(fstatat(dir, "g", &st, AT_SYMLINK_NOFOLLOW), 0);
	CHECK(S_ISREG(st.st_mode));
}

static void
only_regular_files(void)
{
	_cleanup_close_ int dir = scratch_fd();
	int fd;

	put_file(dir, "plain", OLD);
	CHECK_EQ(mkfifoat(dir, "fifo", 0600), 0);
	CHECK_EQ(mkdirat(dir, "folder", 0700), 0);
	CHECK_EQ(symlinkat("plain", dir, "link"), 0);
	alarm(60);
	fd = io_open_regular(dir, "plain", O_RDONLY, 0);
	CHECK(fd >= 0);
	close(fd);
	fd = io_open_regular(dir, "made", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(io_open_regular(dir, "none", O_RDONLY, 0), -ENOENT);
	CHECK_EQ(io_open_regular(dir, "fifo", O_RDONLY, 0), -EINVAL);
	CHECK_EQ(io_open_regular(dir, "fifo", O_WRONLY, 0), -EINVAL);
	CHECK_EQ(io_open_regular(dir, "fifo", O_RDWR, 0), -EINVAL);
	CHECK_EQ(io_open_regular(dir, "folder", O_RDONLY, 0), -EISDIR);
	CHECK_EQ(io_open_regular(dir, "link", O_RDONLY, 0), -ELOOP);
	alarm(0);
}

CHECK_MAIN(TEST(only_regular_files), TEST(close_on_exec), TEST(full_transfers),
	TEST(short_transfers), TEST(interrupted_calls), TEST(through_a_pipe),
	TEST(line), TEST(names), TEST(read_file_limits), TEST(read_file_kinds),
	TEST(replace_fails_at_each_call), TEST(replace_killed_at_each_call),
	TEST(replace_names_and_modes), TEST(replace_follows_no_link))
