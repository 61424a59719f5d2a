/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_WAYS_H
#define RESTORE_WAYS_H

/*
 * Directories of the target that are to be found again once they are closed.
 * For any number of threads.
 */

#include "util/cleanup.h"

struct dir;
struct ways;
struct way;

/* rootfd: of the target; to be there when a way is opened. 0 or -ENOMEM. */
must_check int ways_create(const int *rootfd, struct ways **ret);
void ways_free(struct ways *ways);

/*
 * Hold the way to a directory, beyond the directory's own life: *ret, NULL for
 * the target itself. 0 or -ENOMEM. The directory holds it too, in dir->way.
 */
must_check int ways_hold(struct ways *ways, struct dir *dir, struct way **ret);
struct way *ways_hold_again(struct ways *ways, struct way *way);
void ways_drop(struct ways *ways, struct way *way);

/* Open the directory there, with no link on the way to it followed: a
 * descriptor (O_PATH) or a negative errno. */
must_check int ways_open(struct ways *ways, struct way *way);

#endif
