/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "restore/links.h"
#include "restore/restore_internal.h"
#include "util/hook.h"
#include "util/io.h"
#include "util/mem.h"

/* Until owner and mode are set nobody else may look. */
#define MODE_NEW 0600U
#define MODE_NEW_DIR 0700U

/* ".muniment-restore-", a number of the run and one of the inode. */
#define TEMP_NAME 48U

/* Files from here on are written in parts. */
#define BIG_MIN (16U * 1024U * 1024U)

/* ---- names that are there already ---- */

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
	char temp[TEMP_NAME];	  /* that name, when it replaces */
	struct links_inode *made; /* where to say what was made, or NULL */
};

static int
exists(struct fault *f)
{
	return fault_set(f, FAULT_TARGET_EXISTS, NULL,
		"the target has this name already");
}

/* A number that nobody can guess: no name of the snapshot or of the target
 * is like this one. */
static void
temp_name(struct run *run, char dst[TEMP_NAME])
{
	snprintf(dst, TEMP_NAME, ".muniment-restore-%016" PRIx64 "-%u",
		run->token, atomic_fetch_add(&run->temps, 1));
}

static const char *
made_name(const struct making *m)
{
	return m->replaces ? m->temp : m->item->name;
}

static int
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
	temp_name(run, m->temp);
	/* A part is more than nothing, but not more than what is there. */
	if (file_is_cut(&item->place))
		return fault_set(f, FAULT_SOURCE_UNREADABLE, NULL,
			"the source could not read it to its end");
	return 0;
}

/* Invariant 3. It is ours: it was made with O_EXCL or its like. */
static void
making_drop(const struct making *m)
{
	(void)io_unlinkat(m->dir->fd, made_name(m), 0);
}

/* It is whole: now what is in the way may go. */
static int
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

static int
cannot_make(int err, const char *what, struct fault *f)
{
	if (err == -EEXIST)
		return exists(f);
	return fault_errno(f, run_target_code(err), err, NULL,
		"the %s cannot be made", what);
}

/* ---- directories ---- */

void
make_plain(int fd)
{
	/* Without ACLs there is none to take away. */
	(void)fremovexattr(fd, "system.posix_acl_default");
}

static int
open_dir(const struct dir *dir, const char *name)
{
	return io_openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* A directory of this name that is there and may be filled. */
static bool
may_fill(struct run *run, const struct dir *dir, const struct item *item)
{
	/* Each new ext file system brings one along. */
	return run->opts->overwrite ||
	       (!dir->parent && strcmp(item->name, "lost+found") == 0);
}

static int
exchange(int dirfd, const char *a, const char *b)
{
	int err = hook_check(HOOK_RENAME);

	if (err == 0 && renameat2(dirfd, a, dirfd, b, RENAME_EXCHANGE) != 0)
		err = -errno;
	return err;
}

/*
 * A directory in the place of what is no directory. They change names in one
 * step: before it nothing has happened to the old one, after it the new one
 * is there. A file system that cannot do that keeps the old one.
 */
static int
replace_by_dir(struct run *run, const struct dir *dir, const struct item *item,
	struct fault *f)
{
	_cleanup_close_ int fd = -1;
	char temp[TEMP_NAME];
	int err;

	temp_name(run, temp);
	err = io_mkdirat(dir->fd, temp, MODE_NEW_DIR);
	if (err == 0) {
		fd = open_dir(dir, temp);
		err = fd < 0 ? fd : exchange(dir->fd, temp, item->name);
		/* The new one if that failed, else the old one. */
		(void)io_unlinkat(dir->fd, temp, err < 0 ? AT_REMOVEDIR : 0);
	}
	if (err < 0)
		return fault_errno(f, FAULT_TARGET_EXISTS, err, NULL,
			"what is in the way of the directory cannot be "
			"replaced");
	return take_fd(&fd);
}

/*
 * A directory that was there. What was restored before may be closed to its
 * owner by now; its mode comes once more at the end. What cannot be opened to
 * him says so at the next step.
 */
static int
open_found(const struct run *run, const struct dir *dir, const char *name)
{
	_cleanup_close_ int at = -1;
	char path[sizeof("/proc/self/fd/") + 10];
	struct stat st;

	if (run->root)
		return open_dir(dir, name);
	at = io_openat(dir->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (at < 0)
		return at;
	if (fstat(at, &st) == 0 && (st.st_mode & S_IRWXU) != S_IRWXU) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
		(void)chmod(path, (st.st_mode & 07777) | S_IRWXU);
	}
	return io_openat(at, ".", O_RDONLY | O_DIRECTORY, 0);
}

/* After -EEXIST. */
static int
take_dir(struct run *run, const struct dir *dir, const struct item *item,
	bool *created, struct fault *f)
{
	int fd;

	if (!may_fill(run, dir, item))
		return exists(f);
	fd = open_found(run, dir, item->name);
	if (fd >= 0) {
		make_plain(fd);
		return fd;
	}
	if (fd != -ENOTDIR && fd != -ELOOP)
		return fault_errno(f, FAULT_IO, fd, NULL,
			"the directory cannot be opened");
	if (!run->opts->overwrite)
		return exists(f);
	fd = replace_by_dir(run, dir, item, f);
	*created = fd >= 0;
	return fd;
}

int
make_dir(struct run *run, const struct dir *dir, const struct item *item,
	bool *created, struct fault *f)
{
	int err, fd;

	err = io_mkdirat(dir->fd, item->name, MODE_NEW_DIR);
	*created = err == 0;
	if (err == -EEXIST)
		return take_dir(run, dir, item, created, f);
	if (err < 0)
		return cannot_make(err, "directory", f);
	fd = open_dir(dir, item->name);
	if (fd < 0)
		return fault_errno(f, FAULT_IO, fd, NULL,
			"the new directory cannot be opened");
	return fd;
}

/* ---- files ---- */

static int
create_file(const struct making *m, struct fault *f)
{
	int fd;

	fd = io_openat(m->dir->fd, made_name(m),
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE_NEW);
	return fd < 0 ? cannot_make(fd, "file", f) : fd;
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
		return fault_set(
			f, FAULT_OBJECT_DAMAGED, NULL, "no file has this size");
	err = hook_check(HOOK_TRUNCATE);
	if (err == 0 && ftruncate(fd, (off_t)e->size) != 0)
		err = -errno;
	if (err < 0)
		return fault_errno(f, run_target_code(err), err, NULL,
			"its length cannot be set");
	return 0;
}

static int
write_range(struct file *file, int fd, uint64_t from, uint64_t to,
	uint64_t *bytes, struct fault *f)
{
	struct writing w = {fd, 0, 0};
	int err;

	err = file_walk(file, from, to, write_piece, &w, f);
	*bytes += w.bytes;
	if (w.err < 0)
		return fault_errno(f, run_target_code(w.err), w.err, NULL,
			"writing failed");
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
		return fault_set(f, FAULT_INTERNAL, NULL, NULL);
	err = set_length(fd, item, f);
	if (err == 0)
		err = write_range(
			&file, fd, 0, item->place.entry.size, bytes, f);
	file_close(&file);
	return err;
}

/* By the descriptor where there is one: its directory may be a user's. */
static void
note_inode(const struct making *m, int fd)
{
	struct stat st;
	int err;

	err = fd >= 0 ? fstat(fd, &st)
		      : fstatat(m->dir->fd, made_name(m), &st,
				AT_SYMLINK_NOFOLLOW);
	if (err == 0)
		*m->made = (struct links_inode){st.st_dev, st.st_ino};
}

static void
finish_meta(const struct making *m, int fd, struct restore_report *did)
{
	const struct dir *dir = m->dir;
	const struct meta_at at = {
		.fd = fd,
		.dirfd = dir->fd,
		.name = made_name(m),
		.created = dir->child_group != (gid_t)-1,
		/* Only there is a default ACL left alone. */
		.strange = dir->bare,
		.group = dir->child_group,
	};

	meta_apply(m->run, &at, &m->item->place, did);
	if (m->made)
		note_inode(m, fd);
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
make_regular(
	const struct making *m, struct restore_report *did, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	int err;

	fd = create_file(m, f);
	if (fd < 0)
		return fd;
	err = fill_file(m->run, fd, m->item, &did->bytes, f);
	if (err < 0) {
		making_drop(m);
		return err;
	}
	finish_meta(m, fd, did);
	err = making_end(m, f);
	if (err == 0)
		did->files++;
	return err;
}

/* ---- all other kinds ---- */

static int
make_symlink(
	const struct making *m, struct restore_report *did, struct fault *f)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	char target[LIMIT_LINK_TARGET + 1];
	struct span span;
	int err;

	err = place_link(m->run->snap, &m->item->place, &o, &span, f);
	if (err < 0)
		return err;
	if (span.n == 0)
		return fault_set(f, FAULT_SOURCE_UNREADABLE, NULL,
			"the pull could not read this link");
	memcpy(target, span.p, span.n);
	target[span.n] = '\0';
	if (symlinkat(target, m->dir->fd, made_name(m)) != 0)
		return cannot_make(-errno, "link", f);
	finish_meta(m, -1, did);
	err = making_end(m, f);
	if (err == 0)
		did->symlinks++;
	return err;
}

static int
make_special(
	const struct making *m, struct restore_report *did, struct fault *f)
{
	const struct dirent_rec *e = &m->item->place.entry;
	mode_t mode = place_type(e->kind) | MODE_NEW;
	dev_t dev = makedev(e->major, e->minor);
	int err;

	if (mknodat(m->dir->fd, made_name(m), mode, dev) != 0) {
		err = -errno;
		if (err == -EPERM)
			did->devices++;
		return cannot_make(err, "special file", f);
	}
	finish_meta(m, -1, did);
	err = making_end(m, f);
	if (err == 0)
		did->specials++;
	return err;
}

static int
make_inode(const struct making *m, struct restore_report *did, struct fault *f)
{
	if (file_is_lost(&m->item->place))
		return fault_set(f, FAULT_SOURCE_UNREADABLE, NULL,
			"the pull could not read this file");
	switch (m->item->place.entry.kind) {
	case FILE_REGULAR:
		return make_regular(m, did, f);
	case FILE_SYMLINK:
		return make_symlink(m, did, f);
	case FILE_FIFO:
	case FILE_SOCKET:
	case FILE_CHAR:
	case FILE_BLOCK:
		return make_special(m, did, f);
	case FILE_DIRECTORY:
	default:
		return fault_set(f, FAULT_INTERNAL, NULL, NULL);
	}
}

/* ---- hard links ---- */

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
		linkat(fd, first->name, m->dir->fd, made_name(m), 0) != 0)
		err = -errno;
	if (err < 0)
		return err;
	if (fstatat(m->dir->fd, made_name(m), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
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
	return make_inode(&first, did, f);
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
		return exists(f);
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

static int
make_member(const struct making *m, struct restore_report *did, struct fault *f)
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
		return make_inode(m, did, f);
	default:
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	}
}

/* ---- one item ---- */

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
		err = make_member(&m, did, &f);
	else if (err == 0)
		err = make_inode(&m, did, &f);
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

	big->fd = create_file(&big->m, f);
	if (big->fd < 0)
		return big->fd;
	err = set_length(big->fd, &big->item, f);
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
	else if (write_range(&big->file, big->fd, from, to, &did->bytes, &f) ==
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

	finish_meta(&big->m, big->fd, did);
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
