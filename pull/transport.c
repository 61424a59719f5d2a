/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/transport.h"

#include "util/clock.h"
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT "muniment-agent"
/* How long an agent may take to say why it ended. */
#define LAST_WORDS_MS 2000
/* And ssh, which waits for the other side; not for ever, as that may never end
 * and the store is locked meanwhile. */
#define SSH_END_MS 10000

/* Room for a burst of the agent's output, so that it seldom waits. */
static void
widen(int fd)
{
	int size = 1024 * 1024;

	/* A refusal costs speed only. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* What the child says on stderr: *ret is its end. */
static int
open_said(struct transport *t, const char *who, int *ret, struct fault *f)
{
	int said[2];

	if (pipe2(said, O_CLOEXEC | O_NONBLOCK) != 0)
		return fault_errno(f, FAULT_IO, -errno, who, "pipe");
	t->err = said[0];
	*ret = said[1];
	return 0;
}

static int
start_local(
	struct transport *t, const struct transport_opts *o, struct fault *f)
{
	char path[PATH_MAX];
	char *argv[] = {(char[]){AGENT}, NULL};
	_cleanup_close_ int theirs = -1, err = -1;
	struct child_opts c = {
		.path = path, .argv = argv, .die_with_parent = true, .maps = 3};
	int pair[2], r = 0;

	if (o->agent != NULL)
		c.path = o->agent;
	else
		r = child_find_helper(AGENT, path, sizeof(path));
	if (r == -ENOENT)
		return fault_set(f, FAULT_AGENT_MISSING, AGENT,
			"it is not beside this program");
	if (r != 0)
		return fault_errno(f, FAULT_IO, r, AGENT, "looking for it");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return fault_errno(f, FAULT_IO, -errno, AGENT, "socketpair");
	t->in = t->out = pair[0];
	theirs = pair[1];
	widen(pair[0]);
	widen(pair[1]);
	r = open_said(t, AGENT, &err, f);
	if (r != 0)
		return r;
	c.map[0] = (struct child_map){theirs, 0};
	c.map[1] = (struct child_map){theirs, 1};
	c.map[2] = (struct child_map){err, 2};
	r = child_spawn(&c, &t->child);
	if (r == -EAGAIN || r == -ENOMEM)
		return fault_errno(f, FAULT_NO_MEMORY, r, c.path, "start");
	if (r == -ENOENT || r == -EACCES || r == -ENOEXEC)
		return fault_errno(f, FAULT_AGENT_MISSING, r, c.path, "start");
	return r != 0 ? fault_errno(f, FAULT_IO, r, c.path, "start") : 0;
}

/* The AEAD AES ciphers first: twice the speed of ssh's default choice. */
static const char *const ssh_options[] = {
	"-T",
	"-o",
	"StrictHostKeyChecking=yes",
	"-o",
	"NoHostAuthenticationForLocalhost=no",
	"-o",
	"VerifyHostKeyDNS=no",
	"-o",
	"ControlMaster=no", /* one may have been opened without a look at the key */
	"-o",
	"ControlPath=none",
	"-o",
	"Compression=no",
	"-o",
	"ClearAllForwardings=yes",
	"-o",
	"ForwardAgent=no",
	"-o",
	"ForwardX11=no",
	"-o",
	"PermitLocalCommand=no",
	"-o",
	"EscapeChar=none",
	"-o",
	"ServerAliveInterval=30",
	"-o",
	"Ciphers=^aes256-gcm@openssh.com,aes128-gcm@openssh.com",
};

static void
ssh_command(const char **argv, const struct transport_opts *o)
{
	size_t n = 0, i;

	argv[n++] = "ssh";
	if (o->ssh_config != NULL) {
		argv[n++] = "-F";
		argv[n++] = o->ssh_config;
	}
	for (i = 0; i < array_len(ssh_options); i++)
		argv[n++] = ssh_options[i];
	argv[n++] = "--";
	argv[n++] = o->host;
	argv[n++] = o->agent != NULL ? o->agent : AGENT;
	argv[n] = NULL;
}

static int
start_ssh(struct transport *t, const struct transport_opts *o, struct fault *f)
{
	const char *argv[array_len(ssh_options) + 8];
	_cleanup_close_ int in = -1, out = -1, err = -1;
	struct child_opts c = {.die_with_parent = true, .maps = 3};
	int to[2], from[2], r;

	ssh_command(argv, o);
	if (pipe2(to, O_CLOEXEC) != 0)
		return fault_errno(f, FAULT_IO, -errno, "ssh", "pipe");
	in = to[0];
	t->out = to[1];
	if (pipe2(from, O_CLOEXEC) != 0)
		return fault_errno(f, FAULT_IO, -errno, "ssh", "pipe");
	t->in = from[0];
	out = from[1];
	r = open_said(t, "ssh", &err, f);
	if (r != 0)
		return r;
	(void)fcntl(t->in, F_SETPIPE_SZ, 1024 * 1024);
	c.argv = (char *const *)(uintptr_t)argv;
	c.map[0] = (struct child_map){in, 0};
	c.map[1] = (struct child_map){out, 1};
	c.map[2] = (struct child_map){err, 2};
	r = child_spawn(&c, &t->child);
	if (r != 0)
		return fault_errno(f, FAULT_SSH_FAILED, r, "ssh", "start");
	return 0;
}

int
transport_start(
	struct transport *t, const struct transport_opts *o, struct fault *f)
{
	int r;

	*t = (struct transport){.child = CHILD_NONE,
		.local = o->host == NULL,
		.in = -1,
		.out = -1,
		.err = -1};
	r = o->host == NULL ? start_local(t, o, f) : start_ssh(t, o, f);
	if (r != 0)
		transport_end(t, false, NULL);
	return r;
}

static void
keep_end(struct transport *t, const char *p, size_t n)
{
	const size_t max = sizeof(t->said) - 1;
	size_t drop = 0;

	if (n > max) {
		p += n - max;
		n = max;
	}
	if (t->nsaid + n > max)
		drop = t->nsaid + n - max;
	memmove(t->said, t->said + drop, t->nsaid - drop);
	memcpy(t->said + t->nsaid - drop, p, n);
	t->nsaid += n - drop;
	t->said[t->nsaid] = '\0';
}

int
transport_hear(struct transport *t)
{
	char chunk[4096];
	ssize_t n = io_recv_some(t->err, chunk, sizeof(chunk));

	if (n == -EAGAIN)
		return 0;
	if (n > 0)
		keep_end(t, chunk, (size_t)n);
	else
		cleanup_close(&t->err);
	return n < 0 ? (int)n : 0;
}

/* To the end of what the child says, if it comes in time: it may say something
 * for ever, or leave that to another process. */
static void
hear_out(struct transport *t, int ms)
{
	const uint64_t end = clock_mono_ns() + (uint64_t)ms * 1000000;
	uint64_t now;

	while (t->err >= 0 && (now = clock_mono_ns()) < end) {
		struct pollfd p = {.fd = t->err, .events = POLLIN};

		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) > 0 &&
			transport_hear(t) != 0)
			return;
	}
}

/* The last line that was said, without its newline. */
static const char *
last_line(struct transport *t)
{
	const char *nl;

	while (t->nsaid > 0 && (t->said[t->nsaid - 1] == '\n' ||
				       t->said[t->nsaid - 1] == '\r'))
		t->said[--t->nsaid] = '\0';
	nl = strrchr(t->said, '\n');
	return nl != NULL ? nl + 1 : t->said;
}

static void
explain_ssh(struct transport *t, int status, struct fault *f)
{
	const char *last = last_line(t);
	struct fault told = {0};

	/* ssh ends with its own 255 after a signal too. */
	t->killed = WIFSIGNALED(status) || WEXITSTATUS(status) == 255;
	/* The other side can say this too, but ssh alone before it answers. */
	if (!t->answered && WIFEXITED(status) && WEXITSTATUS(status) == 255 &&
		strstr(t->said, "Host key verification failed") != NULL)
		fault_set(&told, FAULT_HOST_KEY_UNKNOWN, "ssh", "%s", last);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		fault_set(&told, FAULT_AGENT_MISSING, "ssh", "%s", last);
	else if (f->code == FAULT_AGENT_PROTOCOL)
		return; /* how ssh ended was our doing */
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 255 &&
		 last[0] == '\0')
		fault_set(&told, FAULT_SSH_FAILED, "ssh",
			"it ended without a word, as when the agent there is "
			"killed");
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 255)
		fault_set(&told, FAULT_SSH_FAILED, "ssh", "%s", last);
	else if (t->said[0] != '\0')
		fault_set(&told, FAULT_AGENT_DIED, "agent", "%s", last);
	else if (!t->answered && WIFEXITED(status))
		fault_set(&told, FAULT_AGENT_PROTOCOL, "agent",
			"it ended with status %d and had said nothing (does "
			"the login shell there let it run?)",
			WEXITSTATUS(status));
	else
		return;
	*f = told;
}

/* An agent beside us says why it ends; one that was killed does not. */
static void
explain_local(struct transport *t, struct fault *f)
{
	struct fault told = {0};
	int status = 0;

	hear_out(t, LAST_WORDS_MS);
	if (t->nsaid > 0)
		fault_set(&told, FAULT_AGENT_DIED, "agent", "%s", last_line(t));
	else if (t->err < 0 &&
		 child_wait_ms(&t->child, LAST_WORDS_MS, &status) == 0)
		t->killed = WIFSIGNALED(status);
	if (t->killed)
		fault_set(&told, FAULT_AGENT_DIED, "agent",
			"it was ended by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	if (told.code != FAULT_NONE)
		*f = told;
}

static void
explain(struct transport *t, struct fault *f)
{
	int status = 0;

	if (t->local) {
		if (f->code == FAULT_AGENT_DIED)
			explain_local(t, f);
		return;
	}
	hear_out(t, SSH_END_MS);
	if (child_wait_ms(&t->child, SSH_END_MS, &status) == 0)
		explain_ssh(t, status, f);
}

void
transport_end(struct transport *t, bool failed, struct fault *f)
{
	if (t->out >= 0 && t->out != t->in)
		close(t->out);
	if (t->in >= 0)
		close(t->in);
	t->in = t->out = -1;
	if (t->child.pid > 0 && failed && f != NULL &&
		(f->code == FAULT_AGENT_DIED ||
			f->code == FAULT_AGENT_PROTOCOL))
		explain(t, f);
	child_end(&t->child);
	if (t->err >= 0)
		close(t->err);
	t->err = -1;
}
