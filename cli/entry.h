/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

/* One entry of a listing, as a line for people or for programs. */

#include "restore/list.h"
#include "util/cleanup.h"
#include "util/fault.h"

void entry_print(const struct list_entry *e);
must_check int entry_json(const struct list_entry *e, struct fault *f);

#endif
