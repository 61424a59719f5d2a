/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/member.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "restore/inode.h"
#include "restore/links.h"
#include "util/hook.h"

/*
 * -ESTALE when it is no name of the inode that was made: the directory of the
 * first may be a user's by now, who puts there what he likes.
 */
static int
link_to(const struct making *m, const struct links_at *first)
{
	_cleanup_close_ int fd = ways_open(m->run->ways, first->way);
	struct stat st;
	int err;

	if (fd < 0)
		return fd;
	err = hook_check(HOOK_LINK);
	if (err == 0 &&
		linkat(fd, first->name, m->dir->fd, making_name(m), 0) != 0)
		err = -errno;
	if (err < 0)
		return err;
	if (fstatat(m->dir->fd, making_name(m), &st, AT_SYMLINK_NOFOLLOW) ==
			0 &&
		st.st_dev == first->inode.dev && st.st_ino == first->inode.ino)
		return 0;
	making_drop(m);
	return -ESTALE;
}

/* An inode that others are to be linked to; at->way is the caller's to drop,
 * be it made or not. */
static int
make_for_links(const struct making *m, struct links_at *at,
	struct restore_report *did, struct fault *f)
{
	struct making first = *m;

	*at = (struct links_at){.way = NULL};
	memcpy(at->name, m->item->name, m->item->name_len);
	first.made = &at->inode;
	/* Before it is made: nobody finding it the others would be copies. */
	if (ways_hold(m->run->ways, m->dir, &at->way) != 0)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	return inode_make(&first, did, f);
}

/* The first takes no more names, or it is there no more: those that come are
 * to be links to this one. */
static int
make_another(const struct making *m, const uint8_t group[16],
	struct restore_report *did, struct fault *f)
{
	struct links_at at;
	int err = make_for_links(m, &at, did, f);

	if (err < 0)
		ways_drop(m->run->ways, at.way);
	else
		links_move(m->run->links, group, &at);
	return err;
}

/* Another name of an inode that was made. */
static int
make_link(const struct making *m, const uint8_t group[16],
	const struct links_at *first, struct restore_report *did,
	struct fault *f)
{
	int err;

	err = link_to(m, first);
	if (err == -EEXIST)
		return making_exists(f);
	if (err == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	if (err < 0) {
		if (did->lost[RESTORE_LINK]++ == 0)
			did->why[RESTORE_LINK] = err;
		return make_another(m, group, did, f);
	}
	err = making_end(m, f);
	/* Of two names of one inode rename(2) leaves both: where case does
	 * not count they may be one. */
	if (err == 0 && m->replaces)
		making_drop(m);
	if (err == 0)
		did->hard_links++;
	return err;
}

static int
make_first(const struct making *m, const uint8_t group[16],
	struct restore_report *did, struct fault *f)
{
	struct links_at at;
	int err = make_for_links(m, &at, did, f);

	links_done(m->run->links, group, err < 0 ? NULL : &at.inode, at.way);
	return err;
}

int
member_make(const struct making *m, struct restore_report *did, struct fault *f)
{
	const struct place *place = &m->item->place;
	struct links_at first;
	uint8_t group[16];
	int err;

	place_link_group(place, group);
	switch (links_ask(m->run->links, group, place->entry.links,
		m->item->name, &first)) {
	case LINKS_FIRST:
		return make_first(m, group, did, f);
	case LINKS_NEXT:
		err = make_link(m, group, &first, did, f);
		ways_drop(m->run->ways, first.way);
		return err;
	case LINKS_FAILED:
		/* It says for itself why. */
		return inode_make(m, did, f);
	default:
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	}
}
