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

#include "util/fault.h"
#include "util/io.h"

_Noreturn static void
fail(const char *point, const char *what)
{
	char text[FAULT_TEXT_SIZE];
	struct fault f = {0};

	fault_set(&f, FAULT_MOUNT_FAILED, point, "%s", what);
	fault_text(&f, text, sizeof(text));
	fprintf(stderr, "muniment mount: %s\n", text);
	_exit(EXIT_FAILURE);
}

/* The parent's whole life. */
_Noreturn static void
wait_for(pid_t child, const char *point, int fd)
{
	struct stat st;
	ssize_t got;
	uint8_t word;
	int status;

	/* A key at the prompt is for the child, which brings back the echo;
	 * its end is then the parent's. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	got = io_read_some(fd, &word, 1);
	close(fd);
	if (got == 1) {
		if (stat(point, &st) == 0)
			_exit(EXIT_SUCCESS);
		fail(point, "the mount does not answer; unmount it");
	}
	/* A mount of which nobody was told is ended again. */
	if (got < 0)
		kill(child, SIGTERM);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	/* A child that ended by itself has said why. */
	if (got < 0 && (!WIFEXITED(status) || WEXITSTATUS(status) == 0))
		fail(point, "its process cannot be heard");
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

int
detach_ready(int fd)
{
	static const uint8_t word = 0;
	int null, err;

	/* Neither can fail in a way that matters: the mount stands. */
	(void)setsid();
	(void)!chdir("/");
	/* Without it who waits for the end of our output waits for our end; as
	 * the parent does without the word. */
	null = io_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
	err = null < 0 ? null : io_write_full(fd, &word, 1);
	close(fd);
	if (err == 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	if (null > STDERR_FILENO)
		close(null);
	return err;
}
