/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

/*
 * One line on a terminal, rewritten. Where stderr is no terminal nothing is
 * shown: names of a source may reach a terminal, never a log.
 *
 * How much there is, a pull knows only from the last snapshot of its source:
 * the line of a first pull tells no time to go.
 */

#include <stdbool.h>
#include <stdint.h>

#include "pull/tree.h"
#include "util/fault.h"
#include "util/span.h"

/* Problems that are shown by name. */
#define PROGRESS_PROBLEMS 20U

struct progress {
	bool shown; /* stderr is a terminal */
	bool line;  /* something stands in the current line */
	uint64_t started_ns;
	uint64_t last_ns;
	uint64_t problems;
	uint64_t entries; /* of the last snapshot; 0: none */
	uint64_t bytes;
};

void progress_start(struct progress *p);
/* A line of its own: who is waited for. */
void progress_wait(struct progress *p, const struct fault *busy);
/* What the last snapshot of the source held. */
void progress_expect(struct progress *p, uint64_t entries, uint64_t bytes);
/* As struct tree_sink wants them. */
void progress_problem(
	void *ctx, struct span path, uint32_t reason, uint32_t err);
void progress_counts(void *ctx, const struct tree_counts *c);
/* Clear the line, and tell how many problems were not shown. */
void progress_end(struct progress *p);

#endif
