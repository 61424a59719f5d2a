/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_IMMUT_H
#define STORE_IMMUT_H

/* The immutable flag of a file (chattr +i). */

#include "util/cleanup.h"

#include <stdbool.h>

/*
 * Set the flag. Needs CAP_LINUX_IMMUTABLE and a filesystem that has it:
 * -EPERM, -ENOTTY, -EOPNOTSUPP and the like when it cannot be; the file's mode
 * is then all that protects it.
 */
int immut_set(int fd);

/* 0 and whether the flag is set, or a negative errno. */
must_check int immut_get(int fd, bool *ret);

#endif
