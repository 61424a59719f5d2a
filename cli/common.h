/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

/* What the main functions of all programs but the dispatcher share. */

#include "util/cleanup.h"
#include "util/fault.h"

/*
 * Set signals and limits, and open the arena for secrets. Pages that cannot be
 * locked are worth one line, no refusal: a vault without that right must still
 * give its files back.
 */
must_check int common_start(struct fault *f);

/* Print the help of a verb; returns enum status. */
int common_help(const char *verb);

#endif
