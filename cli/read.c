/* SPDX-License-Identifier: Apache-2.0 */

/*
 * muniment-read: the verbs that read a store. It has no database and cannot
 * write to the store: neither is linked.
 */

#include "cli/read.h"

#include <errno.h>
#include <string.h>

#include "cli/common.h"
#include "cli/exit.h"
#include "cli/out.h"

struct read_verb {
	const char *name;
	read_fn *run;
};

static const struct read_verb table[] = {
	{"ls", ls_main},
	{"restore", restore_main},
	{"snapshots", snapshots_main},
	{"status", status_main},
	{"verify", verify_main},
};

int
read_options(const struct options *o, int argc, char **argv, const char **store,
	struct fault *f)
{
	int r = options_read(o, argc, argv, f);

	if (r == OPTIONS_HELP)
		return READ_HELP;
	return r < 0 ? r : options_store(store, f);
}

static int
run(const struct read_verb *v, int argc, char **argv)
{
	struct fault f = {0};
	int r;

	out_verb(v->name);
	r = common_start(&f);
	if (r == 0)
		r = v->run(argc, argv, &f);
	if (r == READ_HELP)
		return common_help(v->name);
	if (r >= 0 && out_end(&f) < 0)
		r = -EIO;
	return r < 0 ? out_fail(&f) : r;
}

int
main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < array_len(table); i++) {
		if (strcmp(argv[1], table[i].name) == 0)
			return run(&table[i], argc - 1, argv + 1);
	}
	out_verb("read");
	out_warn("this is started by muniment, not by hand [usage]");
	return STATUS_USAGE;
}
