/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/inode.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "restore/links.h"
#include "util/hook.h"
#include "util/io.h"

/* Until owner and mode are set nobody else may look. */
#define MODE_NEW 0600U

/* ---- files ---- */

int
inode_create(const struct making *m, struct fault *f)
{
	int fd;

	fd = io_openat(m->dir->fd, making_name(m),
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, MODE_NEW);
	return fd < 0 ? making_cannot(fd, "file", f) : fd;
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

int
inode_set_length(int fd, const struct item *item, struct fault *f)
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

int
inode_write(struct file *file, int fd, uint64_t from, uint64_t to,
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
	err = inode_set_length(fd, item, f);
	if (err == 0)
		err = inode_write(
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
		      : fstatat(m->dir->fd, making_name(m), &st,
				AT_SYMLINK_NOFOLLOW);
	if (err == 0)
		*m->made = (struct links_inode){st.st_dev, st.st_ino};
}

void
inode_set_meta(const struct making *m, int fd, struct restore_report *did)
{
	const struct dir *dir = m->dir;
	const struct meta_at at = {
		.fd = fd,
		.dirfd = dir->fd,
		.name = making_name(m),
		.created = dir->child_group != (gid_t)-1,
		/* Only there is a default ACL left alone. */
		.strange = dir->bare,
		.group = dir->child_group,
	};

	meta_apply(m->run, &at, &m->item->place, did);
	if (m->made)
		note_inode(m, fd);
}

static int
make_regular(
	const struct making *m, struct restore_report *did, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	int err;

	fd = inode_create(m, f);
	if (fd < 0)
		return fd;
	err = fill_file(m->run, fd, m->item, &did->bytes, f);
	if (err < 0) {
		making_drop(m);
		return err;
	}
	inode_set_meta(m, fd, did);
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
	if (symlinkat(target, m->dir->fd, making_name(m)) != 0)
		return making_cannot(-errno, "link", f);
	inode_set_meta(m, -1, did);
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

	if (mknodat(m->dir->fd, making_name(m), mode, dev) != 0) {
		err = -errno;
		if (err == -EPERM)
			did->devices++;
		return making_cannot(err, "special file", f);
	}
	inode_set_meta(m, -1, did);
	err = making_end(m, f);
	if (err == 0)
		did->specials++;
	return err;
}

int
inode_make(const struct making *m, struct restore_report *did, struct fault *f)
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
