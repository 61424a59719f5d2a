/* SPDX-License-Identifier: Apache-2.0 */
#include "view/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>

#include "keys/secmem.h"
#include "util/io.h"

/* Signals after which the terminal must not be left without echo. */
static const int signals[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGALRM};

static volatile sig_atomic_t caught;

const char *
passphrase_file(const char *option)
{
	const char *env = getenv("MUNIMENT_PASSPHRASE_FILE");

	if (option)
		return option;
	return env && *env != '\0' ? env : NULL;
}

/* Take off the newline and judge what is left. */
static int
finish(struct passphrase *p, const char *from, struct fault *f)
{
	if (p->n > 0 && p->n < sizeof(p->b) && p->b[p->n - 1] == '\n')
		p->n--;
	if (p->n > PASSPHRASE_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, from,
			"the passphrase is longer than %u bytes",
			PASSPHRASE_MAX);
	if (p->n == 0)
		return fault_set(f, FAULT_PASSPHRASE_MISSING, from,
			"the passphrase is empty");
	return 0;
}

/* What the machine lacks says nothing about the file. */
static enum fault_code
unread(int err)
{
	switch (err) {
	case -ENOMEM:
		return FAULT_NO_MEMORY;
	case -EMFILE:
	case -ENFILE:
	case -EIO:
		return FAULT_IO;
	default:
		return FAULT_PASSPHRASE_MISSING;
	}
}

static int
read_file(const char *file, struct passphrase *p, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	ssize_t n = 1;

	fd = io_openat(AT_FDCWD, file, O_RDONLY | O_NOCTTY, 0);
	if (fd < 0)
		return fault_errno(f, unread(fd), fd, file,
			"the passphrase file cannot be opened");
	p->n = 0;
	while (n > 0 && p->n < sizeof(p->b)) {
		n = io_read_some(fd, p->b + p->n, sizeof(p->b) - p->n);
		if (n < 0)
			return fault_errno(f, unread((int)n), (int)n, file,
				"the passphrase file cannot be read");
		p->n += (size_t)n;
	}
	return finish(p, file, f);
}

static void
on_signal(int sig)
{
	caught = sig;
}

/* One line of input; stops at a signal. */
static int
read_line(int fd, struct passphrase *p)
{
	p->n = 0;
	while (p->n < sizeof(p->b)) {
		ssize_t n = read(fd, p->b + p->n, 1);

		if (n < 0 && (errno != EINTR || caught))
			return -errno;
		if (n == 0)
			return p->n > 0 ? 0 : -ENODATA;
		if (n > 0 && p->b[p->n++] == '\n')
			return 0;
	}
	return 0;
}

static void
say(int fd, const char *text)
{
	/* A terminal that takes no output still may give input. */
	(void)!write(fd, text, strlen(text));
}

/* Ask once with echo off. Whatever happens, echo is on afterwards. */
static int
ask(int fd, const char *prompt, struct passphrase *p)
{
	struct sigaction act = {.sa_handler = on_signal};
	struct sigaction old[array_len(signals)];
	struct termios was, now;
	int err;

	if (tcgetattr(fd, &was) != 0)
		return -errno;
	sigemptyset(&act.sa_mask);
	caught = 0;
	for (size_t i = 0; i < array_len(signals); i++)
		sigaction(signals[i], &act, &old[i]);
	now = was;
	now.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	while (tcsetattr(fd, TCSAFLUSH, &now) != 0 && errno == EINTR && !caught)
		;
	say(fd, prompt);
	err = read_line(fd, p);
	say(fd, "\n");
	while (tcsetattr(fd, TCSAFLUSH, &was) != 0 && errno == EINTR)
		;
	for (size_t i = 0; i < array_len(signals); i++)
		sigaction(signals[i], &old[i], NULL);
	return err;
}

int
passphrase_read(const char *file, const char *prompt, struct passphrase *ret,
	struct fault *f)
{
	_cleanup_close_ int fd = -1;
	int err;

	if (file)
		return read_file(file, ret, f);
	fd = io_openat(AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY, 0);
	if (fd < 0)
		return fault_set(f, FAULT_PASSPHRASE_MISSING, "passphrase",
			"there is no terminal to ask on");
	for (;;) {
		int sig;

		err = ask(fd, prompt, ret);
		sig = caught;
		if (sig == 0)
			break;
		/* With the old handler back: most end the process here. */
		kill(getpid(), sig);
		if (sig != SIGTSTP && sig != SIGTTIN && sig != SIGTTOU)
			return fault_set(
				f, FAULT_INTERRUPTED, "passphrase", NULL);
	}
	if (err < 0)
		return fault_errno(f, FAULT_PASSPHRASE_MISSING, err,
			"passphrase", "the terminal gave none");
	return finish(ret, "passphrase", f);
}
