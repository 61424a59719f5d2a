/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUSE_DETACH_H
#define FUSE_DETACH_H

/*
 * Into the background, but not before the mount works. The fork comes first,
 * since locked memory is wiped in a child and threads do not cross a fork:
 * the child asks, unlocks and mounts, still on the terminal, while the parent
 * waits for its word and then ends with it.
 */

#include "util/cleanup.h"

/*
 * In the child: 0, and a descriptor for detach_ready in *ret. In the parent:
 * does not return; it exits with 0 when the child said that it is ready and
 * point can be examined, else with the child's status. A negative errno when
 * it cannot be done.
 */
must_check int detach_fork(const char *point, int *ret);

/*
 * The mount answers: tell the parent, leave the terminal. A negative errno when
 * the parent cannot be told: it then waits for this process to end.
 */
must_check int detach_ready(int fd);

#endif
