/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/child.h"
#include "util/clock.h"
#include "util/fds.h"
#include "util/hook.h"
#include "util/span.h"

#ifndef MUNIMENT_LIBEXECDIR
#error "MUNIMENT_LIBEXECDIR comes from util/meson.build"
#endif

extern char **environ;

/* How often an end that may not come is looked for. */
#define POLL_MS 10

/*
 * What the child needs between fork and exec, worked out before the fork:
 * there other threads may hold any lock, so the child only makes system
 * calls.
 */
struct launch {
	const struct child_opts *opts;
	const char *path;
	char *const *envp;
	pid_t parent;
	int report; /* errno of a failure goes here; closed by exec */
	int high;   /* above every target */
};

/* 0; -ENOENT where there is none; or what keeps it from being known. */
static int
find_program(int dirfd, const char *path)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, 0) == 0)
		return S_ISREG(st.st_mode) && faccessat(dirfd, path, X_OK,
						      AT_EACCESS) == 0
			       ? 0
			       : -ENOENT;
	if (errno == ENOTDIR || errno == EACCES || errno == ELOOP)
		return -ENOENT;
	return -errno;
}

/* Write "DIR/NAME" to path; 0 or -ENAMETOOLONG. */
static int
join(char *path, size_t n, const char *dir, size_t dir_n, const char *name)
{
	size_t name_n = strlen(name);

	if (dir_n >= n || name_n >= n || dir_n + name_n + 2 > n)
		return -ENAMETOOLONG;
	memcpy(path, dir, dir_n);
	path[dir_n] = '/';
	memcpy(path + dir_n + 1, name, name_n + 1);
	return 0;
}

/* Empty elements of PATH, which mean the current directory, are passed over. */
static int
search_path(const char *name, char *path, size_t n)
{
	const char *dir = getenv("PATH");

	if (!dir)
		dir = "/usr/bin:/bin";
	while (*dir != '\0') {
		size_t len = strcspn(dir, ":");

		if (len > 0 && join(path, n, dir, len, name) == 0 &&
			find_program(AT_FDCWD, path) == 0)
			return 0;
		dir += len;
		dir += *dir == ':';
	}
	return -ENOENT;
}

/* From here to child_main only async-signal-safe calls. */

static void
check_or_report(const struct launch *l, bool good)
{
	ssize_t put;
	int err = errno;

	if (good)
		return;
	/* Four bytes fit in an empty pipe: whole, or the parent is gone. */
	do
		put = write(l->report, &err, sizeof(err));
	while (put < 0 && errno == EINTR);
	_exit(127);
}

static int
move_up(const struct launch *l, int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, l->high);

	check_or_report(l, moved >= 0);
	return moved;
}

static void
place(const struct launch *l, int fd, int target)
{
	check_or_report(l, dup2(fd, target) >= 0);
}

/*
 * Sources may sit on each other's targets, so all of them are first moved
 * above the highest target. Marking comes before placing: dup2 clears the
 * mark on its result, so exec closes everything but the targets.
 */
static void
set_descriptors(struct launch *l)
{
	const struct child_opts *o = l->opts;
	int moved[CHILD_MAPS], null;
	bool taken[3] = {false, false, false};

	l->report = move_up(l, l->report);
	for (size_t i = 0; i < o->maps; i++)
		moved[i] = move_up(l, o->map[i].fd);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	check_or_report(l, null >= 0);
	null = move_up(l, null);
	check_or_report(l, close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0);
	for (size_t i = 0; i < o->maps; i++) {
		place(l, moved[i], o->map[i].target);
		if (o->map[i].target < 3)
			taken[o->map[i].target] = true;
	}
	for (int fd = 0; fd < 3; fd++) {
		if (!taken[fd])
			place(l, null, fd);
	}
}

static void
set_signals(void)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	sigset_t none;

	/* The few that cannot be set are never ignored either. */
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn static void
child_main(struct launch *l)
{
	const struct child_opts *o = l->opts;

	if (o->die_with_parent) {
		check_or_report(l, prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
		/* The parent may have ended before it was asked for. */
		if (getppid() != l->parent)
			_exit(127);
	}
	if (o->cwd)
		check_or_report(l, chdir(o->cwd) == 0);
	set_descriptors(l);
	set_signals();
	fds_give_back();
	execve(l->path, o->argv, l->envp);
	check_or_report(l, false);
	_exit(127);
}

/* Fork with all signals blocked: no handler of ours runs in the child. */
static pid_t
fork_child(struct launch *l)
{
	sigset_t all, old;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = fork();
	if (pid == 0)
		child_main(l);
	if (pid < 0)
		pid = -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/*
 * 0 when the pipe closes without a word: exec has happened. Not through
 * util/io: its hook would turn a running child into a failed one.
 */
static int
read_report(int fd)
{
	ssize_t got;
	int err;

	do
		got = read(fd, &err, sizeof(err));
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	return got == (ssize_t)sizeof(err) && err > 0 ? -err : -EIO;
}

/* The first descriptor number above all targets, or -EINVAL. */
static int
check_maps(const struct child_opts *o)
{
	int high = 3;

	if (o->maps > CHILD_MAPS)
		return -EINVAL;
	for (size_t i = 0; i < o->maps; i++) {
		int target = o->map[i].target;

		if (o->map[i].fd < 0 || target < 0 || target == INT_MAX)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (o->map[j].target == target)
				return -EINVAL;
		}
		if (target >= high)
			high = target + 1;
	}
	return high;
}

static int
start(struct launch *l, struct child *ret)
{
	_cleanup_close_ int from_child = -1, to_parent = -1;
	int ends[2], err;
	struct child c;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from_child = ends[0];
	to_parent = ends[1];
	l->report = to_parent;
	c.pid = fork_child(l);
	if (c.pid < 0)
		return c.pid;
	cleanup_close(&to_parent);
	err = read_report(from_child);
	if (err < 0) {
		child_end(&c);
		return err;
	}
	*ret = c;
	return 0;
}

int
child_spawn(const struct child_opts *opts, struct child *ret)
{
	struct launch l = {.opts = opts, .path = opts->path};
	char found[PATH_MAX];
	int err;

	assert(opts->argv && opts->argv[0]);
	err = hook_check(HOOK_SPAWN);
	if (err < 0)
		return err;
	l.high = check_maps(opts);
	if (l.high < 0)
		return l.high;
	if (!l.path)
		l.path = opts->argv[0];
	if (!opts->path && !strchr(l.path, '/')) {
		err = search_path(l.path, found, sizeof(found));
		if (err < 0)
			return err;
		l.path = found;
	}
	l.envp = opts->envp ? opts->envp : environ;
	l.parent = getpid();
	return start(&l, ret);
}

/* -ETIMEDOUT only with WNOHANG. */
static int
wait_once(struct child *c, int flags, int *ret_status)
{
	int status;
	pid_t pid;

	if (c->pid <= 0)
		return -ECHILD;
	do
		pid = waitpid(c->pid, &status, flags);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return -errno;
	if (pid == 0)
		return -ETIMEDOUT;
	c->pid = -1;
	if (ret_status)
		*ret_status = status;
	return 0;
}

int
child_wait(struct child *c, int *ret_status)
{
	return wait_once(c, 0, ret_status);
}

int
child_wait_ms(struct child *c, unsigned int ms, int *ret_status)
{
	uint64_t end = clock_mono_ns() + ms * UINT64_C(1000000);
	int err;

	while ((err = wait_once(c, WNOHANG, ret_status)) == -ETIMEDOUT &&
		clock_mono_ns() < end)
		(void)poll(NULL, 0, POLL_MS);
	return err;
}

int
child_kill(const struct child *c, int sig)
{
	/* 0 and -1 would mean whole groups of processes. */
	if (c->pid <= 0)
		return -ESRCH;
	return kill(c->pid, sig) < 0 ? -errno : 0;
}

void
child_end(struct child *c)
{
	if (child_kill(c, SIGKILL) == 0)
		child_wait(c, NULL);
	c->pid = -1;
}

/* The directory of the running executable, without a last slash. */
static int
own_dir(char *dir, size_t n)
{
	ssize_t len = readlink("/proc/self/exe", dir, n - 1);
	char *slash;

	if (len < 0)
		return -errno;
	if ((size_t)len >= n - 1)
		return -ENAMETOOLONG;
	dir[len] = '\0';
	slash = strrchr(dir, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	return 0;
}

/*
 * Look in the directories beside the executable's own. Only in a build tree,
 * known by meson's own directory there: beside /usr/bin or in someone's home
 * it would run whatever carries the name. Of several the first in byte order,
 * so that every run finds the same one.
 */
static int
search_siblings(const char *own, const char *name, char *path, size_t n)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char up[PATH_MAX], rel[2 * (NAME_MAX + 1)], best[NAME_MAX + 1] = "";
	struct dirent *e;
	int len, err;

	if (join(up, sizeof(up), own, strlen(own), "..") < 0)
		return -ENAMETOOLONG;
	dir = opendir(up);
	if (!dir)
		return errno == EACCES ? -ENOENT : -errno;
	if (faccessat(dirfd(dir), "meson-private", F_OK, 0) < 0)
		return -ENOENT;
	for (;;) {
		errno = 0;
		e = readdir(dir);
		if (!e && errno != 0)
			return -errno;
		if (!e)
			break;
		if (e->d_name[0] == '.' || join(rel, sizeof(rel), e->d_name,
						   strlen(e->d_name), name) < 0)
			continue;
		err = find_program(dirfd(dir), rel);
		if (err == -ENOENT)
			continue;
		if (err < 0)
			return err;
		if (best[0] == '\0' || strcmp(e->d_name, best) < 0)
			snprintf(best, sizeof(best), "%s", e->d_name);
	}
	if (best[0] == '\0')
		return -ENOENT;
	len = snprintf(path, n, "%s/%s/%s", up, best, name);
	return len < 0 || (size_t)len >= n ? -ENAMETOOLONG : 0;
}

int
child_find_helper(const char *name, char *path, size_t n)
{
	static const char libexec[] = MUNIMENT_LIBEXECDIR;
	char own[PATH_MAX], found[PATH_MAX];
	int err;

	if (name[0] == '\0' || strchr(name, '/'))
		return -EINVAL;
	err = own_dir(own, sizeof(own));
	if (err < 0)
		return err;
	err = join(found, sizeof(found), own, strlen(own), name);
	if (err < 0)
		return err;
	err = find_program(AT_FDCWD, found);
	if (err == -ENOENT) {
		err = search_siblings(own, name, found, sizeof(found));
		if (err == -ENOENT)
			err = join(found, sizeof(found), libexec,
				strlen(libexec), name);
		if (err == 0)
			err = find_program(AT_FDCWD, found);
	}
	if (err < 0)
		return err;
	if (strlen(found) >= n)
		return -ENAMETOOLONG;
	memcpy(path, found, strlen(found) + 1);
	return 0;
}
