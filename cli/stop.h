/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_STOP_H
#define CLI_STOP_H

/* What ends a pull or a restore early, and in order. */

#include <stdatomic.h>

/*
 * From here on SIGINT, SIGTERM and SIGHUP set what is returned, which lives as
 * long as the process. Another one, a while later, ends the process.
 */
const atomic_bool *stop_watch(void);

#endif
