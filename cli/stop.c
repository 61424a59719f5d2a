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
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction act = {.sa_handler = on_signal};
	struct sigaction old;

	/* What was ignored stays so: under nohup, and behind a script's `&`,
	 * it goes on. */
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
			old.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
	return &stop;
}
