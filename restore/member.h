/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_MEMBER_H
#define RESTORE_MEMBER_H

/* Hard links: one of the names of an inode. */

#include "restore/making.h"

/* Make the inode, or a link to the name that was made first: whichever it is,
 * it is counted in *did. */
must_check int member_make(
	const struct making *m, struct restore_report *did, struct fault *f);

#endif
