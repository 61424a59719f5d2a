/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PULL_TOLD_H
#define CLI_PULL_TOLD_H

/* The end of a pull in words. name: "" when it is not known. */

#include "pull/pull.h"
#include "util/cleanup.h"
#include "util/fault.h"

/* Two lines on stdout; 0. */
int pull_told(const struct pull_result *r, const char *name);
must_check int pull_told_json(
	const struct pull_result *r, const char *name, struct fault *f);

/*
 * After stdout could not be written: the fault, of err, says too that the
 * snapshot was made. Returns it.
 */
int pull_told_unheard(const struct pull_result *r, const char *name, int err,
	struct fault *f);

/* One line on stderr: how much is missing, and where the list is. */
void pull_told_incomplete(const struct pull_result *r, const char *name);

#endif
