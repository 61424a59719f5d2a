/* SPDX-License-Identifier: Apache-2.0 */

/*
 * muniment-agent: reads a source for a vault, which speaks to it through
 * standard input and output. It writes nothing anywhere else, follows no
 * symbolic link below the paths it is told, and holds no key.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/serve.h"

#ifndef MUNIMENT_VERSION
#error "MUNIMENT_VERSION comes from agent/meson.build"
#endif

enum status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
};

static const char usage[] =
	"usage: muniment-agent [--help | --version]\n"
	"\n"
	"Reads this machine's files for a Muniment vault, which starts it,\n"
	"over ssh or beside itself, and speaks to it through standard input\n"
	"and output. It writes nothing here and holds no keys. To let a vault\n"
	"in, give its public key this line in ~/.ssh/authorized_keys:\n"
	"\n"
	"  restrict,command=\"/usr/bin/muniment-agent\" ssh-ed25519 AAAA...\n";

static const char what[] =
	"muniment-agent: this is started by a vault, not by hand; see --help\n";

/* Descriptors of directories save reopening; more than some help nobody. */
static void
raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	/* Without it the cache of directories is smaller. */
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int
pull(void)
{
	const char *why = NULL;
	int err;

	/* A vault that has gone is an error of write(2), nothing more. */
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	err = serve(STDIN_FILENO, STDOUT_FILENO, &why);
	if (err == 0)
		return STATUS_DONE;
	if (err != -EPIPE)
		fprintf(stderr, "muniment-agent: %s\n", why);
	return STATUS_FAILED;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return puts("muniment-agent " MUNIMENT_VERSION) < 0;
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) < 0;
	if (argc > 1) {
		fputs("muniment-agent: unknown argument; see --help\n", stderr);
		return STATUS_USAGE;
	}
	if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO)) {
		fputs(what, stderr);
		return STATUS_USAGE;
	}
	return pull();
}
