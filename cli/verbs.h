/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

/* The one table of verbs: which program does it, and its help as data. */

#include <stddef.h>
#include <stdio.h>

struct verb {
	const char *name;
	const char *program; /* file name of the helper that does it */
	const char *brief;   /* half a line */
	const char *usage;   /* lines behind "usage: muniment " */
	const char *help;    /* the rest */
};

extern const struct verb verbs[];
extern const size_t verbs_count;

/* NULL when there is none. */
const struct verb *verb_find(const char *name);

/* 0, or a negative errno when it could not be written. */
int verb_help(const struct verb *v, FILE *to);

#endif
