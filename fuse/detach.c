/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/io.h"

/* The parent's whole life. */
static void
wait_for(pid_t child, const char *point, int fd)
{
	struct stat st;
	uint8_t word;
	int status;

	/* A key at the prompt is for the child, which brings back the echo;
	 * its end is then the parent's. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (io_read_some(fd, &word, 1) == 1) {
		if (stat(point, &st) == 0)
			_exit(EXIT_SUCCESS);
		fprintf(stderr,
			"muniment mount: %s: the mount does not "
			"answer\n",
			point);
		_exit(EXIT_FAILURE);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(WIFEXITED(status) && WEXITSTATUS(status) != 0
			? WEXITSTATUS(status)
			: EXIT_FAILURE);
}

int
detach_fork(const char *point, int *ret)
{
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return -errno;
	pid = fork();
	if (pid < 0) {
		int err = -errno;

		close(fd[0]);
		close(fd[1]);
		return err;
	}
	if (pid > 0) {
		close(fd[1]);
		wait_for(pid, point, fd[0]);
	}
	close(fd[0]);
	*ret = fd[1];
	return 0;
}

void
detach_ready(int fd)
{
	static const uint8_t word = 0;
	int null;

	/* Neither can fail in a way that matters: the mount stands. */
	(void)setsid();
	(void)!chdir("/");
	null = io_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
	(void)!io_write_full(fd, &word, 1);
	close(fd);
}
