/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_TROUBLE_H
#define STORE_TROUBLE_H

/* A failed system call as a fault of the store. */

#include "util/fault.h"

/*
 * Note that doing something to object failed with err (negative): store-full
 * for a full disk or quota, no-memory, else io. Returns err.
 */
int trouble_io(struct fault *f, int err, const char *object, const char *doing);

#endif
