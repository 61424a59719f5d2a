/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stop.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* One signal may come twice: from a shell and from the kernel, or to the
 * process and to its group. */
#define ONE_SIGNAL 1 /* second */

static atomic_bool stop;
static struct timespec first; /* when it was set */

static void
on_signal(int sig)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!atomic_load(&stop))
		first = now;
	else if (now.tv_sec - first.tv_sec > ONE_SIGNAL) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	atomic_store(&stop, true);
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
