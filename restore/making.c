/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/making.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "util/io.h"

int
making_exists(struct fault *f)
{
	return fault_set(f, FAULT_TARGET_EXISTS, NULL,
		"the target has this name already");
}

void
making_temp_name(struct run *run, char dst[MAKING_TEMP_NAME])
{
	snprintf(dst, MAKING_TEMP_NAME, ".muniment-restore-%016" PRIx64 "-%u",
		run->token, atomic_fetch_add(&run->temps, 1));
}

const char *
making_name(const struct making *m)
{
	return m->replaces ? m->temp : m->item->name;
}

int
making_begin(struct making *m, struct run *run, struct dir *dir,
	const struct item *item, struct fault *f)
{
	struct stat st;

	*m = (struct making){.run = run, .dir = dir, .item = item};
	/* Else the call that makes it tells that there is something. */
	if (!run->opts->overwrite ||
		fstatat(dir->fd, item->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return fault_set(f, FAULT_TARGET_EXISTS, NULL,
			"a directory is in the way");
	m->replaces = true;
	making_temp_name(run, m->temp);
	/* A part is more than nothing, but not more than what is there. */
	if (file_is_cut(&item->place))
		return fault_set(f, FAULT_SOURCE_UNREADABLE, NULL,
			"the source could not read it to its end");
	return 0;
}

void
making_drop(const struct making *m)
{
	(void)io_unlinkat(m->dir->fd, making_name(m), 0);
}

int
making_end(const struct making *m, struct fault *f)
{
	int err;

	if (!m->replaces)
		return 0;
	err = io_renameat(
		m->dir->fd, m->temp, m->dir->fd, m->item->name, false);
	if (err == 0)
		return 0;
	making_drop(m);
	return fault_errno(
		f, FAULT_TARGET_EXISTS, err, NULL, "it cannot be replaced");
}

int
making_cannot(int err, const char *what, struct fault *f)
{
	if (err == -EEXIST)
		return making_exists(f);
	return fault_errno(f, run_target_code(err), err, NULL,
		"the %s cannot be made", what);
}
