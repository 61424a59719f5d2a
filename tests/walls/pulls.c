/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: pulls STORE SOURCE LOCATION AGENT
 *
 * A pull for each line of input, all in one process, as a daemon would run
 * them. Behind each it prints how many bytes of the heap are in use.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>

#include "keys/secmem.h"
#include "pull/pull.h"

#define WORKERS 2

static atomic_bool stop;

static int
pull(char **argv)
{
	const struct pull_opts o = {.store = argv[1],
		.source = argv[2],
		.location = argv[3],
		.agent = argv[4],
		.workers = WORKERS,
		.stop = &stop};
	struct pull_result result;
	char text[FAULT_TEXT_SIZE];
	struct fault f = {0};
	struct mallinfo2 heap;

	if (pull_run(&o, &result, &f) != 0) {
		fault_text(&f, text, sizeof(text));
		fprintf(stderr, "pulls: %s\n", text);
		return -1;
	}
	heap = mallinfo2();
	printf("%zu\n", heap.uordblks + heap.hblkhd);
	return fflush(stdout);
}

int
main(int argc, char **argv)
{
	int c;

	if (argc != 5) {
		fputs("usage: pulls STORE SOURCE LOCATION AGENT\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (secmem_init() < 0)
		return 1;
	while ((c = getchar()) != EOF) {
		if (c == '\n' && pull(argv) != 0)
			return 1;
	}
	return 0;
}
