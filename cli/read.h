/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_READ_H
#define CLI_READ_H

/* The verbs of muniment-read, a file each. argv[0] is the verb. */

#include "cli/options.h"
#include "util/cleanup.h"
#include "util/fault.h"

#define READ_HELP 100 /* --help was asked for */

/* enum status, READ_HELP, or a negative errno and the fault. */
typedef int read_fn(int argc, char **argv, struct fault *f);

/*
 * What each of them begins with: its options, and which store. 0, READ_HELP, or
 * a negative errno: faults of options_read and options_store.
 */
must_check int read_options(const struct options *o, int argc, char **argv,
	const char **store, struct fault *f);

read_fn ls_main;
read_fn restore_main;
read_fn snapshots_main;
read_fn status_main;
read_fn verify_main;

#endif
