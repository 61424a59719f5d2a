/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

/* The command line as a table: each option names the variable that it sets. */

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "util/fault.h"

/* Texts in the order in which they were given; they are argv's. */
struct option_list {
	const char **v;
	size_t n;
};

#define OPTIONS_MAX 16U

/* Exactly one of the three is set. */
struct option_row {
	const char *name; /* without the dashes */
	bool *flag;
	const char **text;
	struct option_list *list;
};

struct options {
	const struct option_row *row;
	size_t rows; /* at most OPTIONS_MAX */
	/* How many words beside options there must be, and what they are. */
	size_t operands;
	const char **operand;
	const char *operand_name;
};

enum options_result {
	OPTIONS_GIVEN,
	OPTIONS_HELP, /* --help was among them; nothing else counts */
};

/*
 * Read argv[1] and on; options and operands in any order, all of them
 * operands behind "--". Returns enum options_result, or a negative errno.
 * Lists are freed with option_list_free in any case. Faults: usage,
 * no-memory.
 */
must_check int options_read(
	const struct options *o, int argc, char **argv, struct fault *f);

void option_list_free(struct option_list *list);
#define _cleanup_option_list_ _cleanup_(option_list_free)

/* Which store: the option, else MUNIMENT_STORE, else the fault usage. */
must_check int options_store(const char **store, struct fault *f);

#endif
