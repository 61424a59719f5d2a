/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stop.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

static atomic_bool stop;

/*
 * The second one finds the default and ends the process; but a terminal that
 * goes away may say so twice, by its shell and by the kernel.
 */
static void
on_signal(int sig)
{
	atomic_store(&stop, true);
	if (sig != SIGHUP)
		signal(sig, SIG_DFL);
}

const atomic_bool *
stop_watch(void)
{
	struct sigaction act = {.sa_handler = on_signal}, old;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	/* Under nohup it goes on. */
	if (sigaction(SIGHUP, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &act, NULL);
	return &stop;
}
