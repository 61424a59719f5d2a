/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_MAKING_H
#define RESTORE_MAKING_H

/* How an inode comes to its name, where something may be in the way. */

#include "restore/restore_internal.h"

struct links_inode;

/* ".muniment-restore-", a number of the run and one of the inode. */
#define MAKING_TEMP_NAME 48U

/*
 * An inode on its way to its name. Where something is in the way and may be
 * replaced, it is made under a name of its own: what is in the way stays
 * until the new one is whole.
 */
struct making {
	struct run *run;
	struct dir *dir;
	const struct item *item;
	bool replaces;
	char temp[MAKING_TEMP_NAME]; /* that name, when it replaces */
	struct links_inode *made;    /* where to say what was made, or NULL */
};

/* A name for *m, made of the item in dir, which must live as long: target-exists
 * when what is there stays. */
must_check int making_begin(struct making *m, struct run *run, struct dir *dir,
	const struct item *item, struct fault *f);
/* What to call it while it is made. */
const char *making_name(const struct making *m);
/* It is whole: what is in the way goes. When that fails it was dropped. */
must_check int making_end(const struct making *m, struct fault *f);
/* Invariant 3. It is ours: it was made with O_EXCL or its like. */
void making_drop(const struct making *m);

/* A number that nobody can guess: no name of the snapshot or of the target
 * is like this one. */
void making_temp_name(struct run *run, char dst[MAKING_TEMP_NAME]);
/* target-exists: there is something that may not be replaced. */
int making_exists(struct fault *f);
/* That, or what else err of the call that makes a "file", "link"... means. */
int making_cannot(int err, const char *what, struct fault *f);

#endif
