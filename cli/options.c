/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

/* What getopt_long returns: row i as FIRST + i, beyond all characters. */
#define FIRST 256
#define HELP 'h'

static void
to_getopt(const struct options *o, struct option *row)
{
	assert(o->rows <= OPTIONS_MAX);
	for (size_t i = 0; i < o->rows; i++) {
		row[i] = (struct option){
			.name = o->row[i].name,
			.has_arg = o->row[i].flag ? no_argument
						  : required_argument,
			.val = FIRST + (int)i,
		};
	}
	row[o->rows] = (struct option){.name = "help", .val = HELP};
	row[o->rows + 1] = (struct option){.name = NULL};
}

static int
add(struct option_list *list, const char *text, struct fault *f)
{
	const char **v;

	v = mem_realloc_array(list->v, list->n + 1, sizeof(*v));
	if (!v)
		return fault_set(f, FAULT_NO_MEMORY, "options", NULL);
	v[list->n++] = text;
	list->v = v;
	return 0;
}

static int
take(const struct option_row *row, struct fault *f)
{
	if (row->flag) {
		*row->flag = true;
		return 0;
	}
	if (optarg[0] == '\0')
		return fault_set(f, FAULT_USAGE, row->name,
			"the option's value is empty");
	if (row->list)
		return add(row->list, optarg, f);
	if (*row->text)
		return fault_set(
			f, FAULT_USAGE, row->name, "the option is given twice");
	*row->text = optarg;
	return 0;
}

static int
take_operands(const struct options *o, int argc, char **argv, struct fault *f)
{
	size_t given = (size_t)(argc - optind);

	if (given > o->operands)
		return fault_set(f, FAULT_USAGE,
			argv[optind + (int)o->operands], "one word too many");
	if (given < o->operands)
		return fault_set(
			f, FAULT_USAGE, o->operand_name, "it is missing");
	for (size_t i = 0; i < given; i++) {
		o->operand[i] = argv[optind + (int)i];
		if (o->operand[i][0] == '\0')
			return fault_set(
				f, FAULT_USAGE, o->operand_name, "it is empty");
	}
	return 0;
}

int
options_read(const struct options *o, int argc, char **argv, struct fault *f)
{
	struct option row[OPTIONS_MAX + 2];
	int c, err;

	to_getopt(o, row);
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", row, NULL)) != -1) {
		if (c == HELP)
			return OPTIONS_HELP;
		if (c == ':')
			return fault_set(f, FAULT_USAGE, argv[optind - 1],
				"the option needs a value");
		if (c < FIRST)
			return fault_set(f, FAULT_USAGE, argv[optind - 1],
				"not an option, or one with a value too many");
		err = take(&o->row[c - FIRST], f);
		if (err < 0)
			return err;
	}
	err = take_operands(o, argc, argv, f);
	return err < 0 ? err : (int)OPTIONS_GIVEN;
}

void
option_list_free(struct option_list *list)
{
	mem_free(list->v);
	*list = (struct option_list){NULL, 0};
}

int
options_store(const char **store, struct fault *f)
{
	if (!*store)
		*store = getenv("MUNIMENT_STORE");
	if (!*store || **store == '\0') {
		*store = NULL;
		return fault_set(f, FAULT_USAGE, NULL,
			"no store is named: give --store DIR or set "
			"MUNIMENT_STORE");
	}
	return 0;
}
