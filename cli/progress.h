/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

/*
 * One line on a terminal, rewritten. Where stderr is no terminal nothing is
 * shown: names of a source may reach a terminal, never a log.
 *
 * A pull does not know beforehand how much there is, so its line tells no
 * time to go.
 */

#include <stdbool.h>
#include <stdint.h>

#include "pull/tree.h"
#include "util/span.h"

/* Problems that are shown by name. */
#define PROGRESS_PROBLEMS 20U

struct progress {
	bool shown; /* stderr is a terminal */
	bool line;  /* something stands in the current line */
	uint64_t started_ns;
	uint64_t last_ns;
	uint64_t problems;
};

void progress_start(struct progress *p);
/* As struct tree_sink wants them. */
void progress_problem(
	void *ctx, struct span path, uint32_t reason, uint32_t err);
void progress_counts(void *ctx, const struct tree_counts *c);
/* Clear the line, and tell how many problems were not shown. */
void progress_end(struct progress *p);

#endif
