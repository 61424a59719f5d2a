/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "restore/restore_internal.h"
#include "util/hook.h"
#include "util/io.h"
#include "util/mem.h"

/* Until owner and mode are set nobody else may look. */
#define MODE_NEW 0600U
#define MODE_NEW_DIR 0700U

/* Files from here on are written in parts. */
#define BIG_MIN (16U * 1024U * 1024U)

/* ---- names that are there already ---- */

static int
exists(const struct item *item, struct fault *f)
{
	return fault_set(f, FAULT_TARGET_EXISTS, item->name,
		"the target has this name already");
}

/* After -EEXIST: 0 when the name is free now. */
static int
clear_way(struct run *run, const struct dir *dir, const struct item *item,
	struct fault *f)
{
	int err;

	if (!run->opts->overwrite)
		return exists(item, f);
	err = io_unlinkat(dir->fd, item->name, 0);
	if (err == -EISDIR || err == -EPERM)
		return fault_set(f, FAULT_TARGET_EXISTS, item->name,
			"a directory is in the way");
	if (err < 0 && err != -ENOENT)
		return fault_errno(f, FAULT_TARGET_EXISTS, err, item->name,
			"it cannot be replaced");
	return 0;
}

/* ---- directories ---- */

void
make_plain(int fd)
{
	/* Without ACLs there is none to take away. */
	(void)fremovexattr(fd, "system.posix_acl_default");
}

static int
open_dir(const struct dir *dir, const struct item *item)
{
	return io_openat(
		dir->fd, item->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* A directory of this name that is there and may be filled. */
static bool
may_fill(struct run *run, const struct dir *dir, const struct item *item)
{
	/* Each new ext file system brings one along. */
	return run->opts->overwrite ||
	       (!dir->parent && strcmp(item->name, "lost+found") == 0);
}

int
make_dir(struct run *run, const struct dir *dir, const struct item *item,
	bool *created, struct fault *f)
{
	int err, fd;

	err = io_mkdirat(dir->fd, item->name, MODE_NEW_DIR);
	*created = err == 0;
	if (err == -EEXIST && may_fill(run, dir, item)) {
		fd = open_dir(dir, item);
		if (fd >= 0) {
			make_plain(fd);
			return fd;
		}
		err = clear_way(run, dir, item, f);
		if (err < 0)
			return err;
		err = io_mkdirat(dir->fd, item->name, MODE_NEW_DIR);
		*created = err == 0;
	}
	if (err == -EEXIST)
		return exists(item, f);
	if (err < 0)
		return fault_errno(f, FAULT_IO, err, item->name,
			"the directory cannot be made");
	fd = open_dir(dir, item);
	if (fd < 0)
		return fault_errno(f, FAULT_IO, fd, item->name,
			"the new directory cannot be opened");
	return fd;
}

/* ---- files ---- */

static int
create_file(struct run *run, const struct dir *dir, const struct item *item,
	struct fault *f)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
	int fd, err;

	fd = io_openat(dir->fd, item->name, flags, MODE_NEW);
	if (fd == -EEXIST) {
		err = clear_way(run, dir, item, f);
		if (err < 0)
			return err;
		fd = io_openat(dir->fd, item->name, flags, MODE_NEW);
	}
	if (fd < 0)
		return fault_errno(
			f, FAULT_IO, fd, item->name, "the file cannot be made");
	return fd;
}

struct writing {
	int fd;
	int err; /* of the target, not of the store */
	uint64_t bytes;
};

static int
write_piece(void *ctx, const struct file_piece *piece)
{
	struct writing *w = ctx;

	if (!piece->bytes.p)
		return 0;
	w->err = io_pwrite_full(
		w->fd, piece->bytes.p, piece->bytes.n, piece->offset);
	w->bytes += piece->bytes.n;
	return w->err;
}

/* Length first where there may be holes: nothing is written into them. */
static int
set_length(int fd, const struct item *item, struct fault *f)
{
	const struct dirent_rec *e = &item->place.entry;
	int err;

	if (e->size == 0 || e->content == OBJECT_CHUNK)
		return 0;
	if (e->size > INT64_MAX)
		return fault_set(f, FAULT_OBJECT_DAMAGED, item->name,
			"no file has this size");
	err = hook_check(HOOK_TRUNCATE);
	if (err == 0 && ftruncate(fd, (off_t)e->size) != 0)
		err = -errno;
	if (err < 0)
		return fault_errno(f, FAULT_IO, err, item->name,
			"its length cannot be set");
	return 0;
}

static int
write_range(struct file *file, int fd, const struct item *item, uint64_t from,
	uint64_t to, uint64_t *bytes, struct fault *f)
{
	struct writing w = {fd, 0, 0};
	int err;

	err = file_walk(file, from, to, write_piece, &w, f);
	*bytes += w.bytes;
	if (w.err < 0)
		return fault_errno(
			f, FAULT_IO, w.err, item->name, "writing failed");
	return err;
}

static int
fill_file(struct run *run, int fd, const struct item *item, uint64_t *bytes,
	struct fault *f)
{
	struct file file;
	int err;

	if (item->place.entry.size == 0)
		return 0;
	err = file_open(run->snap, &item->place, &file);
	if (err < 0)
		return fault_set(f, FAULT_INTERNAL, item->name, NULL);
	err = set_length(fd, item, f);
	if (err == 0)
		err = write_range(
			&file, fd, item, 0, item->place.entry.size, bytes, f);
	file_close(&file);
	return err;
}

static void
finish_meta(struct run *run, const struct dir *dir, const struct item *item,
	int fd, struct restore_report *did)
{
	const struct meta_at at = {
		.fd = fd,
		.dirfd = dir->fd,
		.name = item->name,
		.created = dir->child_group != (gid_t)-1,
		/* Only there is a default ACL left alone. */
		.strange = dir->bare,
		.group = dir->child_group,
	};

	meta_apply(run, &at, &item->place, did);
}

static void
count_flags(const struct item *item, struct restore_report *did)
{
	if (item->place.entry.flags & DIRENT_CHANGED)
		did->changed++;
	if (item->place.entry.flags & DIRENT_UNREAD)
		did->unread++;
}

static int
make_regular(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	int err;

	fd = create_file(run, dir, item, f);
	if (fd < 0)
		return fd;
	err = fill_file(run, fd, item, &did->bytes, f);
	if (err < 0) {
		/* Invariant 3. It is ours: it was made with O_EXCL. */
		(void)io_unlinkat(dir->fd, item->name, 0);
		return err;
	}
	finish_meta(run, dir, item, fd, did);
	did->files++;
	return 0;
}

/* ---- all other kinds ---- */

static int
make_symlink(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did, struct fault *f)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	char target[LIMIT_LINK_TARGET + 1];
	struct span span;
	int err;

	err = place_link(run->snap, &item->place, &o, &span, f);
	if (err < 0)
		return err;
	if (span.n == 0)
		return fault_set(f, FAULT_SOURCE_UNREADABLE, item->name,
			"the pull could not read this link");
	memcpy(target, span.p, span.n);
	target[span.n] = '\0';
	err = symlinkat(target, dir->fd, item->name) == 0 ? 0 : -errno;
	if (err == -EEXIST) {
		err = clear_way(run, dir, item, f);
		if (err < 0)
			return err;
		err = symlinkat(target, dir->fd, item->name) == 0 ? 0 : -errno;
	}
	if (err < 0)
		return fault_errno(f, FAULT_IO, err, item->name,
			"the link cannot be made");
	finish_meta(run, dir, item, -1, did);
	did->symlinks++;
	return 0;
}

static int
make_special(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did, struct fault *f)
{
	const struct dirent_rec *e = &item->place.entry;
	mode_t mode = place_type(e->kind) | MODE_NEW;
	dev_t dev = makedev(e->major, e->minor);
	int err;

	err = mknodat(dir->fd, item->name, mode, dev) == 0 ? 0 : -errno;
	if (err == -EEXIST) {
		err = clear_way(run, dir, item, f);
		if (err < 0)
			return err;
		err = mknodat(dir->fd, item->name, mode, dev) == 0 ? 0 : -errno;
	}
	if (err == -EPERM)
		did->devices++;
	if (err < 0)
		return fault_errno(f, FAULT_IO, err, item->name,
			"the special file cannot be made");
	finish_meta(run, dir, item, -1, did);
	did->specials++;
	return 0;
}

static int
make_inode(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did, struct fault *f)
{
	if (file_is_lost(&item->place))
		return fault_set(f, FAULT_SOURCE_UNREADABLE, item->name,
			"the pull could not read this file");
	switch (item->place.entry.kind) {
	case FILE_REGULAR:
		return make_regular(run, dir, item, did, f);
	case FILE_SYMLINK:
		return make_symlink(run, dir, item, did, f);
	case FILE_FIFO:
	case FILE_SOCKET:
	case FILE_CHAR:
	case FILE_BLOCK:
		return make_special(run, dir, item, did, f);
	case FILE_DIRECTORY:
	default:
		return fault_set(f, FAULT_INTERNAL, item->name, NULL);
	}
}

/* ---- hard links ---- */

/*
 * The directory part of a path below the target, component by component: no
 * link is followed. -1 in *ret_fd stands for the target itself.
 */
static int
open_parent(struct run *run, const char **path, int *ret_fd)
{
	_cleanup_close_ int at = -1;
	const char *slash;

	while ((slash = strchr(*path, '/'))) {
		char name[LIMIT_NAME + 1];
		size_t n = (size_t)(slash - *path);
		int fd;

		memcpy(name, *path, n);
		name[n] = '\0';
		fd = io_openat(at >= 0 ? at : run->rootfd, name,
			O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		if (fd < 0)
			return fd;
		cleanup_close(&at);
		at = fd;
		*path = slash + 1;
	}
	*ret_fd = take_fd(&at);
	return 0;
}

static int
link_to(struct run *run, const char *first, const struct dir *dir,
	const struct item *item)
{
	_cleanup_close_ int fd = -1;
	int err;

	err = open_parent(run, &first, &fd);
	if (err < 0)
		return err;
	err = hook_check(HOOK_LINK);
	if (err == 0 && linkat(fd >= 0 ? fd : run->rootfd, first, dir->fd,
				item->name, 0) != 0)
		err = -errno;
	return err;
}

/* Another name of an inode that was made at path. */
static int
make_link(struct run *run, const struct dir *dir, const struct item *item,
	struct buf *path, struct restore_report *did, struct fault *f)
{
	int err;

	err = buf_u8(path, 0);
	if (err < 0)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	err = link_to(run, (const char *)path->p, dir, item);
	if (err == -EEXIST) {
		err = clear_way(run, dir, item, f);
		if (err < 0)
			return err;
		err = link_to(run, (const char *)path->p, dir, item);
	}
	if (err == 0) {
		did->hard_links++;
		return 0;
	}
	if (did->lost[RESTORE_LINK]++ == 0)
		did->why[RESTORE_LINK] = err;
	return make_inode(run, dir, item, did, f);
}

static int
make_first(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did, struct fault *f)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	uint8_t group[16];
	int err;

	/* Before it is made: without its path the others would be copies. */
	if (run_path(dir, item->name, item->name_len, &path) != 0)
		err = fault_set(f, FAULT_NO_MEMORY, item->name, NULL);
	else
		err = make_inode(run, dir, item, did, f);
	if (err < 0)
		buf_clear(&path);
	place_link_group(&item->place, group);
	links_done(run->links, group, &path);
	return err;
}

static int
make_member(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did, struct fault *f)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	uint8_t group[16];

	place_link_group(&item->place, group);
	switch (links_ask(run->links, group, item->place.entry.links, &path)) {
	case LINKS_FIRST:
		return make_first(run, dir, item, did, f);
	case LINKS_NEXT:
		return make_link(run, dir, item, &path, did, f);
	case LINKS_FAILED:
		/* It says for itself why. */
		return make_inode(run, dir, item, did, f);
	default:
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	}
}

/* ---- one item ---- */

/* A file that is there may lack its end: that must not pass for whole. */
static void
item_made(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did)
{
	if (item->place.entry.flags & DIRENT_UNREAD)
		run_cut(run, dir, item->name, item->name_len, did);
}

/* Tell and count what did not become of an item. */
static void
item_failed(struct run *run, const struct dir *dir, const struct item *item,
	const struct fault *f, struct restore_report *did)
{
	run_failed(run, dir, item->name, item->name_len, f);
	/* What the source could not read counts there. */
	if (f->code != FAULT_SOURCE_UNREADABLE)
		did->failed++;
}

void
make_item(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did)
{
	struct fault f = {0};
	int err;

	count_flags(item, did);
	if (item->place.entry.flags & DIRENT_LINK_GROUP)
		err = make_member(run, dir, item, did, &f);
	else
		err = make_inode(run, dir, item, did, &f);
	if (err < 0)
		item_failed(run, dir, item, &f, did);
	else
		item_made(run, dir, item, did);
}

/* ---- big files ---- */

struct big {
	struct run *run;
	const struct dir *dir;
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

struct big *
make_big(struct run *run, const struct dir *dir, const struct item *item,
	struct restore_report *did)
{
	struct big *big = mem_zalloc(sizeof(*big));
	struct fault f = {0};
	int err;

	if (!big) {
		fault_set(&f, FAULT_NO_MEMORY, item->name, NULL);
		item_failed(run, dir, item, &f, did);
		return NULL;
	}
	count_flags(item, did);
	big->run = run;
	big->dir = dir;
	big->item = *item;
	atomic_init(&big->holds, 1);
	big->fd = create_file(run, dir, item, &f);
	err = big->fd < 0 ? big->fd : set_length(big->fd, item, &f);
	if (err == 0)
		err = file_open(run->snap, &item->place, &big->file);
	if (err == 0)
		return big;
	if (big->fd >= 0)
		(void)io_unlinkat(dir->fd, item->name, 0);
	cleanup_close(&big->fd);
	mem_free(big);
	item_failed(run, dir, item, &f, did);
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
	if (run_ending(big->run))
		fault_set(&f, FAULT_INTERRUPTED, big->item.name, NULL);
	else if (write_range(&big->file, big->fd, &big->item, from, to,
			 &did->bytes, &f) == 0)
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
		if (run_ending(big->run)) {
			fault_set(&f, FAULT_INTERRUPTED, big->item.name, NULL);
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

void
make_big_drop(struct big *big, struct restore_report *did)
{
	if (atomic_fetch_sub(&big->holds, 1) > 1)
		return;
	file_close(&big->file);
	if (atomic_load(&big->failed)) {
		(void)io_unlinkat(big->dir->fd, big->item.name, 0);
		item_failed(big->run, big->dir, &big->item, &big->fault, did);
	} else {
		finish_meta(big->run, big->dir, &big->item, big->fd, did);
		did->files++;
		item_made(big->run, big->dir, &big->item, did);
	}
	cleanup_close(&big->fd);
	mem_free(big);
}
