/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_FOLDERS_H
#define STORE_FOLDERS_H

/* A store's folders, itself among them, to know them wherever they are met:
 * below another path, or by a bind mount. */

#include "store/layout.h"

#include <stdbool.h>
#include <stdint.h>

struct folders {
	unsigned int n;
	struct folders_inode {
		uint64_t dev, ino;
	} v[LAYOUT_NFOLDERS];
};

/* Of the store at this path; what cannot be looked at is left out. */
void folders_learn(struct folders *ret, const char *store);

bool folders_know(const struct folders *f, uint64_t dev, uint64_t ino);

#endif
