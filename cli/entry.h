/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ENTRY_H
#define CLI_ENTRY_H

/* One entry of a listing, as a line for people or for programs. */

#include "restore/list.h"
#include "util/cleanup.h"
#include "util/fault.h"

/* Names of the owner and the group; empty: the number stands for it. */
struct entry_owner {
	struct span user, group;
};

void entry_print(const struct list_entry *e, const struct entry_owner *o);
must_check int entry_json(const struct list_entry *e,
	const struct entry_owner *o, struct fault *f);

#endif
