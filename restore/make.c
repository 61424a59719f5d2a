/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/inode.h"
#include "restore/member.h"
#include "util/mem.h"

/* Files from here on are written in parts. */
#define BIG_MIN (16U * 1024U * 1024U)

/* ---- one item ---- */

static void
count_flags(const struct item *item, struct restore_report *did)
{
	if (item->place.entry.flags & DIRENT_CHANGED)
		did->changed++;
	if (item->place.entry.flags & DIRENT_UNREAD)
		did->unread++;
}

/* A file that is there may lack its end: that must not pass for whole. */
static void
item_made(const struct making *m, struct restore_report *did)
{
	const struct item *item = m->item;

	if (item->place.entry.flags & DIRENT_UNREAD)
		run_cut(m->run, m->dir, item->name, item->name_len, did);
}

/* Tell and count what did not become of an item. */
static void
item_failed(const struct making *m, const struct fault *f,
	struct restore_report *did)
{
	const char *why =
		f->detail[0] != '\0' ? f->detail : fault_name(f->code);
	struct fault kept = {0};

	/* target-exists says so itself. */
	if (m->replaces && f->code != FAULT_TARGET_EXISTS) {
		fault_set(&kept, f->code, f->object,
			"%s; what was there stays as it was", why);
		kept.err = f->err;
		f = &kept;
	}
	run_failed(m->run, m->dir, m->item->name, m->item->name_len, f);
	/* What the source could not read counts there. */
	if (f->code != FAULT_SOURCE_UNREADABLE)
		did->failed++;
}

void
make_item(struct run *run, struct dir *dir, const struct item *item,
	struct restore_report *did)
{
	struct fault f = {0};
	struct making m;
	int err;

	count_flags(item, did);
	err = making_begin(&m, run, dir, item, &f);
	if (err == 0 && (item->place.entry.flags & DIRENT_LINK_GROUP))
		err = member_make(&m, did, &f);
	else if (err == 0)
		err = inode_make(&m, did, &f);
	if (err < 0)
		item_failed(&m, &f, did);
	else
		item_made(&m, did);
}

/* ---- big files ---- */

struct big {
	struct making m;
	struct item item;
	struct file file;
	int fd;
	atomic_uint holds;
	atomic_bool failed;
	struct fault fault; /* of the thread that set failed */
};

bool
make_is_big(const struct item *item)
{
	const struct dirent_rec *e = &item->place.entry;

	return e->kind == FILE_REGULAR && e->size >= BIG_MIN &&
	       e->content == OBJECT_CONTENT && !(e->flags & DIRENT_LINK_GROUP);
}

/* Up to the first byte. */
static int
big_begin(struct big *big, struct fault *f)
{
	int err;

	big->fd = inode_create(&big->m, f);
	if (big->fd < 0)
		return big->fd;
	err = inode_set_length(big->fd, &big->item, f);
	if (err == 0)
		err = file_open(big->m.run->snap, &big->item.place, &big->file);
	if (err == 0)
		return 0;
	making_drop(&big->m);
	cleanup_close(&big->fd);
	return err;
}

struct big *
make_big(struct run *run, struct dir *dir, const struct item *item,
	struct restore_report *did)
{
	struct big *big = mem_zalloc(sizeof(*big));
	struct making m = {.run = run, .dir = dir, .item = item};
	struct fault f = {0};
	int err;

	count_flags(item, did);
	if (!big) {
		fault_set(&f, FAULT_NO_MEMORY, NULL, NULL);
		item_failed(&m, &f, did);
		return NULL;
	}
	big->item = *item;
	atomic_init(&big->holds, 1);
	err = making_begin(&big->m, run, dir, &big->item, &f);
	if (err == 0)
		err = big_begin(big, &f);
	if (err == 0)
		return big;
	item_failed(&big->m, &f, did);
	mem_free(big);
	return NULL;
}

void
make_big_hold(struct big *big)
{
	atomic_fetch_add(&big->holds, 1);
}

/* The first failure is the one that is told. */
static void
big_fail(struct big *big, const struct fault *f)
{
	if (!atomic_exchange(&big->failed, true))
		big->fault = *f;
}

void
make_big_part(
	struct big *big, uint64_t from, uint64_t to, struct restore_report *did)
{
	struct fault f = {0};

	if (atomic_load(&big->failed))
		return;
	if (run_ending(big->m.run))
		fault_set(&f, FAULT_INTERRUPTED, NULL, NULL);
	else if (inode_write(&big->file, big->fd, from, to, &did->bytes, &f) ==
		 0)
		return;
	big_fail(big, &f);
}

bool
make_big_data(struct big *big, uint64_t *at, uint64_t *end)
{
	struct fault f = {0};
	bool data = false;

	while (!atomic_load(&big->failed) && *at < big->item.place.entry.size) {
		/* Parts that nobody writes would be taken for holes. */
		if (run_ending(big->m.run)) {
			fault_set(&f, FAULT_INTERRUPTED, NULL, NULL);
			big_fail(big, &f);
			return false;
		}
		if (file_run(&big->file, *at, &data, end, &f) < 0) {
			big_fail(big, &f);
			return false;
		}
		if (data)
			return true;
		*at = *end;
	}
	return false;
}

/* All parts are written: the rest of what makes it whole. */
static void
big_end(struct big *big, struct restore_report *did)
{
	struct fault f = {0};

	inode_set_meta(&big->m, big->fd, did);
	if (making_end(&big->m, &f) < 0) {
		item_failed(&big->m, &f, did);
		return;
	}
	did->files++;
	item_made(&big->m, did);
}

void
make_big_drop(struct big *big, struct restore_report *did)
{
	if (atomic_fetch_sub(&big->holds, 1) > 1)
		return;
	file_close(&big->file);
	if (atomic_load(&big->failed)) {
		making_drop(&big->m);
		item_failed(&big->m, &big->fault, did);
	} else {
		big_end(big, did);
	}
	cleanup_close(&big->fd);
	mem_free(big);
}
