/* SPDX-License-Identifier: Apache-2.0 */
#include "store/caches.h"

#include "store/layout.h"
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The system's own calls: the hook is not for handlers. Nothing is closed, the
 * process ends. */
void
caches_gave_up(const char *dir)
{
	int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int noted = openat(at, LAYOUT_GAVE_UP,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (noted >= 0 || errno != EEXIST)
		return;
	(void)unlinkat(at, LAYOUT_INDEX "/CURRENT", 0);
	(void)unlinkat(at, LAYOUT_STAT "/CURRENT", 0);
	(void)unlinkat(at, LAYOUT_GAVE_UP, 0);
}

void
caches_held(int storefd)
{
	(void)io_unlinkat(storefd, LAYOUT_GAVE_UP, 0);
}
