/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: killer FILE COMMAND...
 *        killer --at PROCESS:THREAD:CALL FILE COMMAND...
 *
 * Runs a command with all processes and threads that come of it, counts the
 * system calls of each thread, and kills (SIGKILL) one of the processes in
 * front of one call of one of its threads: the call is not made.
 *
 * Processes are numbered from 0 as they are born, threads from 0 within their
 * process, calls from 1 within their thread; the exec by which the command
 * starts is not counted. So a place keeps its name from run to run, however
 * the threads take turns. strace counts by thread as well, but cannot be told
 * which thread is meant.
 *
 * FILE says what was seen, a line each:
 *
 *	thread PROCESS THREAD PROGRAM CALLS   a digit for each call: 1 if it
 *	                                      may change something on a disk;
 *	                                      with --at all are 0
 *	killed MILLISECONDS                   until the last process was gone
 *	left PROGRAM                          did not end by itself; killed too
 *
 * The killer ends as the command did.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define THREADS 256
/* Seconds that the others have to end by themselves. */
#define PATIENCE 10

#define FOLLOW                                                                 \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEEXEC |      \
		PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |                     \
		PTRACE_O_TRACECLONE)

struct thread {
	pid_t tid, leader;
	unsigned int process, number;
	bool known; /* told of by the one that made it, not only seen */
	bool waits; /* stopped before it was known */
	bool gone;
	char program[32];
	struct buf calls; /* '0' or '1' each */
};

static struct thread threads[THREADS];
static unsigned int nthreads, nprocesses;

static struct {
	unsigned int process, thread;
	size_t call; /* 0: nobody is killed */
} target;

static bool begun; /* the command's own exec is done */
static uint64_t killed_at, gone_at;
static volatile sig_atomic_t late;

static void
die(const char *what)
{
	perror(what);
	exit(99);
}

static struct thread *
find(pid_t tid)
{
	for (unsigned int i = nthreads; i-- > 0;) {
		if (threads[i].tid == tid && !threads[i].gone)
			return &threads[i];
	}
	return NULL;
}

static struct thread *
add(pid_t tid)
{
	struct thread *t = &threads[nthreads];

	if (nthreads == THREADS) {
		errno = E2BIG;
		die("threads");
	}
	nthreads++;
	*t = (struct thread){.tid = tid, .leader = tid};
	return t;
}

static void
go_on(pid_t tid, int signal)
{
	/* It may just have been killed. */
	if (ptrace(PTRACE_CONT, tid, NULL, (void *)(long)signal) < 0 &&
		errno != ESRCH)
		die("PTRACE_CONT");
}

static void
name_program(struct thread *t)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)t->tid);
	f = fopen(path, "re");
	if (!f || !fgets(t->program, sizeof(t->program), f))
		die(path);
	t->program[strcspn(t->program, "\n ")] = '\0';
	fclose(f);
}

/* ---- births ---- */

static unsigned int
threads_of(unsigned int process)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < nthreads; i++)
		n += threads[i].known && threads[i].process == process;
	return n;
}

/* A new process, or with same a new thread of the parent's process. */
static void
born(const struct thread *parent, bool same)
{
	unsigned long tid;
	struct thread *t;

	if (ptrace(PTRACE_GETEVENTMSG, parent->tid, NULL, &tid) < 0)
		return;
	t = find((pid_t)tid);
	if (!t)
		t = add((pid_t)tid);
	t->process = same ? parent->process : nprocesses++;
	t->number = same ? threads_of(t->process) : 0;
	t->leader = same ? parent->leader : t->tid;
	memcpy(t->program, parent->program, sizeof(t->program));
	t->known = true;
	if (t->waits)
		go_on(t->tid, 0);
}

/* ---- calls ---- */

static bool
may_change(unsigned long call)
{
	static const unsigned int changes[] = {SYS_openat, SYS_write,
		SYS_writev, SYS_pwrite64, SYS_ftruncate, SYS_fallocate,
		SYS_sync_file_range, SYS_fsync, SYS_fdatasync, SYS_renameat,
		SYS_renameat2, SYS_unlinkat, SYS_mkdirat, SYS_linkat,
		SYS_symlinkat, SYS_mknodat, SYS_fchmod, SYS_fchmodat,
		SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_fsetxattr,
		SYS_lsetxattr, SYS_ioctl, SYS_mount, SYS_execve, SYS_exit_group,
#ifdef SYS_rename
		SYS_rename, SYS_unlink, SYS_mkdir, SYS_rmdir, SYS_link
#endif
	};

	for (size_t i = 0; i < array_len(changes); i++) {
		if (changes[i] == call)
			return true;
	}
	return false;
}

/* '1' or '0'; when it is known who is to be killed, nobody asks. */
static uint8_t
kind(const struct thread *t)
{
	struct __ptrace_syscall_info info;

	if (target.call > 0)
		return '0';
	if (ptrace(PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof(info),
		    &info) <= 0)
		die("PTRACE_GET_SYSCALL_INFO");
	return may_change((unsigned long)info.seccomp.nr) ? '1' : '0';
}

static void
count(struct thread *t)
{
	const struct itimerval limit = {.it_value = {PATIENCE, 0}};

	if (!begun)
		return;
	if (buf_u8(&t->calls, kind(t)) != 0)
		die("memory");
	if (t->process != target.process || t->number != target.thread ||
		t->calls.n != target.call)
		return;
	killed_at = clock_mono_ns();
	kill(t->leader, SIGKILL);
	setitimer(ITIMER_REAL, &limit, NULL);
}

/* ---- the run ---- */

static void
stopped(struct thread *t, int status)
{
	int signal = WSTOPSIG(status);

	switch (status >> 16) {
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		born(t, false);
		break;
	case PTRACE_EVENT_CLONE:
		born(t, true);
		break;
	case PTRACE_EVENT_EXEC:
		begun = true;
		name_program(t);
		break;
	case PTRACE_EVENT_SECCOMP:
		count(t);
		break;
	case PTRACE_EVENT_STOP:
		t->waits = !t->known;
		if (t->waits)
			return;
		break;
	default:
		go_on(t->tid, signal);
		return;
	}
	go_on(t->tid, 0);
}

static void
on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

static void
end_late(FILE *out)
{
	for (unsigned int i = 0; i < nthreads; i++) {
		const struct thread *t = &threads[i];

		if (t->gone || t->number != 0)
			continue;
		fprintf(out, "left %s\n", t->program);
		kill(t->leader, SIGKILL);
	}
	late = 0;
}

/* Until all are gone; the status of the first one. */
static int
follow(pid_t first, FILE *out)
{
	int status, end = 0;
	pid_t tid;

	for (;;) {
		struct thread *t;

		tid = waitpid(-1, &status, __WALL);
		if (tid < 0 && errno == ECHILD)
			return end;
		if (tid < 0 && errno != EINTR)
			die("waitpid");
		if (late)
			end_late(out);
		if (tid < 0)
			continue;
		t = find(tid);
		if (!t)
			t = add(tid);
		if (WIFSTOPPED(status)) {
			stopped(t, status);
			continue;
		}
		t->gone = true;
		gone_at = clock_mono_ns();
		if (tid == first)
			end = status;
	}
}

/* ---- the command ---- */

/* From here on each system call stops for the tracer. */
static void
stop_at_calls(void)
{
	struct sock_filter always =
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	struct sock_fprog program = {.len = 1, .filter = &always};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return;
	/* Who is not root must promise to gain nothing by an exec. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		die("seccomp");
}

static pid_t
start(char **words)
{
	int gate[2];
	pid_t pid;
	char c;

	if (pipe(gate) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		close(gate[1]);
		/* Its end: the tracer is there. */
		(void)!read(gate[0], &c, 1);
		close(gate[0]);
		stop_at_calls();
		execv(words[0], words);
		die(words[0]);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)(long)FOLLOW) < 0)
		die("PTRACE_SEIZE");
	add(pid)->known = true;
	nprocesses = 1;
	close(gate[1]);
	return pid;
}

static void
tell(FILE *out)
{
	for (unsigned int i = 0; i < nthreads; i++) {
		const struct thread *t = &threads[i];

		if (t->calls.n > 0)
			fprintf(out, "thread %u %u %s %.*s\n", t->process,
				t->number, t->program, (int)t->calls.n,
				(const char *)t->calls.p);
	}
	if (killed_at > 0)
		fprintf(out, "killed %llu\n",
			(unsigned long long)((gone_at - killed_at) / 1000000));
	if (fclose(out) != 0)
		die("writing");
}

int
main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_alarm};
	int at = 1, status;
	FILE *out;

	if (argc > 3 && strcmp(argv[1], "--at") == 0) {
		if (sscanf(argv[2], "%u:%u:%zu", &target.process,
			    &target.thread, &target.call) != 3)
			return 99;
		at = 3;
	}
	if (argc < at + 2) {
		fputs("usage: killer [--at PROCESS:THREAD:CALL] FILE "
		      "COMMAND...\n",
			stderr);
		return 99;
	}
	out = fopen(argv[at], "we");
	if (!out)
		die(argv[at]);
	sigaction(SIGALRM, &act, NULL);
	status = follow(start(argv + at + 1), out);
	tell(out);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return 99;
}
