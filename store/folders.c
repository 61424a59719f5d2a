/* SPDX-License-Identifier: Apache-2.0 */
#include "store/folders.h"

#include "util/cleanup.h"
#include "util/io.h"

#include <fcntl.h>
#include <sys/stat.h>

void
folders_learn(struct folders *ret, const char *store)
{
	static const char *const name[LAYOUT_NFOLDERS] = LAYOUT_FOLDERS;
	_cleanup_close_ int fd =
		io_openat(AT_FDCWD, store, O_PATH | O_DIRECTORY, 0);
	struct stat st;

	ret->n = 0;
	for (size_t i = 0; fd >= 0 && i < LAYOUT_NFOLDERS; i++)
		if (fstatat(fd, name[i], &st, 0) == 0)
			ret->v[ret->n++] =
				(struct folders_inode){st.st_dev, st.st_ino};
}

bool
folders_know(const struct folders *f, uint64_t dev, uint64_t ino)
{
	for (unsigned int i = 0; i < f->n; i++)
		if (f->v[i].dev == dev && f->v[i].ino == ino)
			return true;
	return false;
}
