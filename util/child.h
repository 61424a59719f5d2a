/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_CHILD_H
#define UTIL_CHILD_H

/*
 * Child processes with an exact list of descriptors. Safe to use from a
 * program with threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/cleanup.h"

#define CHILD_MAPS 8

/* The parent's fd becomes the child's target. */
struct child_map {
	int fd;
	int target;
};

struct child_opts {
	/* Program; NULL: argv[0], searched in PATH when it has no slash. */
	const char *path;
	char *const *argv; /* ends in NULL */
	char *const *envp; /* ends in NULL; NULL: the parent's own */
	const char *cwd;   /* NULL: the parent's own */
	/* SIGKILL when the thread that spawned it ends. */
	bool die_with_parent;
	/* Each target at most once. */
	size_t maps;
	struct child_map map[CHILD_MAPS];
};

/* pid is -1 when there is no child to wait for. */
struct child {
	pid_t pid;
};

#define CHILD_NONE ((struct child){-1})
#define _cleanup_child_ _cleanup_(child_end)

/*
 * Start a program. The child has the mapped descriptors and no other, except
 * that of 0, 1 and 2 those not mapped are /dev/null; map {2, 2} to hand on
 * the own standard error. All signals are default and unblocked, the limit of
 * open files is that before fds_raise. The caller keeps and closes its own ends.
 *
 * 0 once the program is running, or a negative errno, that of a failed exec
 * (-ENOENT, -EACCES) or chdir included; then no child is left and *ret is
 * unchanged.
 */
must_check int child_spawn(const struct child_opts *opts, struct child *ret);

/*
 * Wait for the end. 0 and the status as of waitpid(2) in *ret_status (may be
 * NULL), and *c holds no child any more; -ECHILD when it held none.
 */
int child_wait(struct child *c, int *ret_status);

/* The same, for so long at most: -ETIMEDOUT when it has not ended by then. */
int child_wait_ms(struct child *c, unsigned int ms, int *ret_status);

/* Send a signal. -ESRCH when *c holds no child. */
int child_kill(const struct child *c, int sig);

/* SIGKILL and wait, if there is a child. */
void child_end(struct child *c);

/*
 * Find a helper program by its file name: in the directory of the running
 * executable; in a build tree also in the directories beside that one; last
 * in the installed libexec directory. 0 and its path in path (n bytes),
 * -ENOENT when there is none, -ENAMETOOLONG, -EINVAL for a name with a
 * slash, or what keeps a directory from being read.
 */
must_check int child_find_helper(const char *name, char *path, size_t n);

#endif
