/* SPDX-License-Identifier: Apache-2.0 */

/*
 * muniment: finds the verb in the table and becomes the program that does
 * it. Nothing is opened, read or decided here, so nothing is linked but
 * util/.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/out.h"
#include "cli/verbs.h"
#include "util/child.h"
#include "util/esc.h"
#include "util/span.h"

#ifndef MUNIMENT_VERSION
#error "MUNIMENT_VERSION comes from cli/meson.build"
#endif

static int
print_help(FILE *to)
{
	fputs("usage: muniment VERB [OPTION]... | --help | --version\n\n", to);
	for (size_t i = 0; i < verbs_count; i++)
		fprintf(to, "  %-10s  %s\n", verbs[i].name, verbs[i].brief);
	fputs("\n`muniment help VERB` tells more.\n", to);
	return fflush(to) == 0 && !ferror(to) ? STATUS_DONE : STATUS_FAILED;
}

static int
refuse_word(const char *word, const char *why)
{
	char name[ESC_SIZE(64)];

	esc_name(name, sizeof(name), span_str(word));
	fprintf(stderr,
		"muniment: %s: %s; nothing was done, "
		"see muniment --help [usage]\n",
		name, why);
	return STATUS_USAGE;
}

static int
unknown(const char *what)
{
	return refuse_word(what, "no such verb");
}

static int
too_many(const char *what)
{
	return refuse_word(what, "one word too many");
}

static int
help(const char *what)
{
	const struct verb *v;

	if (!what)
		return print_help(stdout);
	v = verb_find(what);
	if (!v)
		return unknown(what);
	return verb_help(v, stdout) == 0 ? STATUS_DONE : STATUS_FAILED;
}

/*
 * A program of several verbs is told which; one that has the verb in its
 * name is not.
 */
static int
become(const struct verb *v, char **argv)
{
	const char *own = strchr(v->program, '-') + 1;
	char path[PATH_MAX], name[32];
	char **first = strcmp(own, v->name) == 0 ? argv + 1 : argv;
	struct fault f = {0};
	int err;

	err = child_find_helper(v->program, path, sizeof(path));
	if (err == 0) {
		snprintf(name, sizeof(name), "%s", v->program);
		*first = name;
		execv(path, first);
		err = -errno;
	}
	out_verb(v->name);
	fault_errno(&f, err == -ENOMEM ? FAULT_NO_MEMORY : FAULT_INTERNAL, err,
		v->program,
		"it belongs beside muniment, and cannot be started");
	return out_fail(&f);
}

static int
print_version(void)
{
	return puts("muniment " MUNIMENT_VERSION) < 0 || fflush(stdout) != 0;
}

int
main(int argc, char **argv)
{
	const struct verb *v;

	if (argc < 2) {
		fputs("muniment: no verb; nothing was done, "
		      "see muniment --help [usage]\n",
			stderr);
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "help") == 0)
		return argc > 3 ? too_many(argv[3]) : help(argv[2]);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return argc > 2 ? too_many(argv[2]) : print_help(stdout);
	if (strcmp(argv[1], "--version") == 0)
		return argc > 2 ? too_many(argv[2]) : print_version();
	v = verb_find(argv[1]);
	if (!v)
		return unknown(argv[1]);
	/* Here too, so that help does not need the helper. */
	if (argc == 3 && strcmp(argv[2], "--help") == 0)
		return help(argv[1]);
	return become(v, argv);
}
