/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_EXCLUDE_H
#define AGENT_EXCLUDE_H

/*
 * What not to pull: patterns as in a .gitignore file at the pulled root. A
 * leading "!" takes back; a slash at the end means directories only; a slash
 * at the beginning or inside ties the pattern to the root; "*", "?" and
 * "[...]" do not match a slash; "**" as a whole part stands for any number of
 * parts; "\" takes the next character as it is. The last pattern that
 * matches decides. Comments and empty lines are not known here: the caller
 * leaves them out.
 *
 * Paths are matched part by part on the way down, with a state for each
 * directory, so that a name costs the same at any depth.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/span.h"

struct exclude_part;
struct exclude_pattern;

/* All zero is an empty list. */
struct excludes {
	struct exclude_pattern *pattern;
	struct exclude_part *part;
	size_t patterns, parts;
	size_t patterns_cap, parts_cap;
};

/* The parts that may match next in a directory, ascending. */
struct exclude_state {
	uint32_t *part;
	size_t n;
};

/*
 * Add a pattern, after all those before it; its bytes must stay. A pattern
 * that is not well-formed ("[" without "]") matches nothing. 0 or -ENOMEM.
 */
must_check int excludes_add(struct excludes *x, struct span pattern);

void excludes_free(struct excludes *x);

/* The state at the root. 0 or -ENOMEM; *ret is freed by the caller. */
must_check int exclude_root(
	const struct excludes *x, struct exclude_state *ret);

/* The state in the directory name of a directory. The same. */
must_check int exclude_enter(const struct excludes *x,
	const struct exclude_state *dir, struct span name,
	struct exclude_state *ret);

void exclude_state_free(struct exclude_state *state);

/* True when the entry name of a directory is excluded. */
bool exclude_match(const struct excludes *x, const struct exclude_state *dir,
	struct span name, bool is_dir);

/*
 * One part of a pattern against one name. At most pattern.n * name.n steps.
 * False for a pattern that is not well-formed.
 */
bool exclude_glob(struct span pattern, struct span name);

#endif
