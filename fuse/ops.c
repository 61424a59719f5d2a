/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing here ever changes, so the kernel may keep all that it is told: names,
 * names that are not there, attributes, directories, pages. In return no
 * table of what it knows is kept here, and forgetting costs nothing.
 */
#include "fuse/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/mem.h"

/* Seconds: for ever. */
#define TIMEOUT 1e9

static struct mount *
mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* The errno that the reader sees. Damage is EIO, and is told. */
static int
answer(struct mount *m, int err, const struct fault *f)
{
	if (f->code == FAULT_NONE)
		return err < 0 ? -err : EIO;
	if (f->code == FAULT_NO_MEMORY)
		return ENOMEM;
	m->complain(f);
	return EIO;
}

static void
reply_fault(fuse_req_t req, int err, const struct fault *f)
{
	fuse_reply_err(req, answer(mount_of(req), err, f));
}

/* The inode of a request; answers itself when there is none. */
static bool
get(fuse_req_t req, fuse_ino_t ino, struct inode *ret)
{
	struct fault f = {0};
	int err = inode_get(mount_of(req)->inodes, ino, ret, &f);

	if (err < 0)
		reply_fault(req, err, &f);
	return err == 0;
}

static void
fill_entry(
	struct mount *m, const struct inode *inode, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = inode->id;
	e->attr_timeout = TIMEOUT;
	e->entry_timeout = TIMEOUT;
	inode_attr(m->inodes, inode, &e->attr);
}

static void
op_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned int wanted =
		FUSE_CAP_POSIX_ACL | FUSE_CAP_CACHE_SYMLINKS |
		FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_ASYNC_READ |
		FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
		FUSE_CAP_READDIRPLUS_AUTO;
	struct mount *m = userdata;

	m->no_opendir = conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	conn->want |= conn->capable & wanted;
	conn->want &= ~(unsigned int)FUSE_CAP_AUTO_INVAL_DATA;
	conn->time_gran = 1;
	conn->max_background = 64;
	conn->congestion_threshold = 48;
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e;
	struct inode dir, found;
	struct fault f = {0};
	int err;

	if (!get(req, parent, &dir))
		return;
	err = inode_lookup(m->inodes, &dir, span_str(name), &found, &f);
	if (err == 0) {
		fill_entry(m, &found, &e);
	} else if (err == -ENOENT && f.code == FAULT_NONE) {
		/* Not there, and never will be. */
		memset(&e, 0, sizeof(e));
		e.entry_timeout = TIMEOUT;
	} else {
		reply_fault(req, err, &f);
		return;
	}
	fuse_reply_entry(req, &e);
}

static void
op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	(void)ino;
	(void)n;
	fuse_reply_none(req);
}

static void
op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	(void)count;
	(void)forgets;
	fuse_reply_none(req);
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct inode inode;
	struct stat st;

	(void)fi;
	if (!get(req, ino, &inode))
		return;
	inode_attr(mount_of(req)->inodes, &inode, &st);
	fuse_reply_attr(req, &st, TIMEOUT);
}

static void
op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct view_object o = VIEW_OBJECT_NONE;
	char target[LIMIT_LINK_TARGET + 1];
	struct fault f = {0};
	struct inode inode;
	struct span span;
	int err;

	if (!get(req, ino, &inode))
		return;
	if (inode.kind == INODE_LINK) {
		fuse_reply_readlink(
			req, inode_latest(mount_of(req)->inodes, &inode));
		return;
	}
	if (inode.kind != INODE_PLACE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	err = place_link(inode.snap, &inode.place, &o, &span, &f);
	if (err < 0) {
		reply_fault(req, err, &f);
		return;
	}
	if (span.n == 0) {
		fuse_reply_err(req, EIO);
		return;
	}
	memcpy(target, span.p, span.n);
	target[span.n] = '\0';
	view_object_put(&o);
	fuse_reply_readlink(req, target);
}

/* ---- files ---- */

static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct ahead_file *file;
	struct inode inode;
	int err;

	if ((fi->flags & O_ACCMODE) != O_RDONLY ||
		(fi->flags & (O_TRUNC | O_CREAT))) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (!get(req, ino, &inode))
		return;
	if (inode.kind != INODE_PLACE) {
		fuse_reply_err(req, EISDIR);
		return;
	}
	err = ahead_open(m->ahead, inode.snap, &inode.place, &file);
	if (err < 0) {
		fuse_reply_err(req, -err);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)file;
	fi->keep_cache = 1;
	if (fuse_reply_open(req, fi) == -ENOENT)
		ahead_close(file); /* the opener was interrupted */
}

static struct ahead_file *
handle(const struct fuse_file_info *fi)
{
	return (struct ahead_file *)(uintptr_t)fi->fh;
}

static void
op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	ahead_close(handle(fi));
	fuse_reply_err(req, 0);
}

static int
cut_here(struct fault *f)
{
	return fault_set(f, FAULT_SOURCE_UNREADABLE, NULL,
		"the source could not read this file to its end");
}

/* As file_pread; what reaches beyond the bytes of a cut file fails. */
static ssize_t
read_file(struct file *file, void *dst, size_t n, uint64_t offset,
	struct fault *f)
{
	uint64_t size = file->place.entry.size;

	if (inode_is_cut(&file->place) && (offset >= size || n > size - offset))
		return cut_here(f);
	return file_pread(file, dst, n, offset, f);
}

/* As file_seek; the byte that a cut file has more is data, or a program that
 * copies data alone would not meet it. */
static int
seek_file(struct file *file, uint64_t offset, bool data, uint64_t *ret,
	struct fault *f)
{
	uint64_t size = file->place.entry.size;
	int err = file_seek(file, offset, data, ret, f);

	if (!inode_is_cut(&file->place) || offset > size)
		return err;
	if (err == -ENXIO) {
		*ret = data ? size : size + 1;
		return 0;
	}
	if (err == 0 && !data && *ret == size)
		*ret = size + 1;
	return err;
}

static void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	struct ahead_file *file = handle(fi);
	struct fault f = {0};
	uint8_t *buf;
	ssize_t n;

	(void)ino;
	buf = mem_alloc(size);
	if (!buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	ahead_note(file, (uint64_t)off, size);
	n = read_file(ahead_file_peek(file), buf, size, (uint64_t)off, &f);
	/* A short answer would mean the end of the file: all or nothing. The
	 * kernel then asks again, page by page. */
	if (n < 0)
		reply_fault(req, (int)n, &f);
	else
		fuse_reply_buf(req, (const char *)buf, (size_t)n);
	mem_free(buf);
}

static void
op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
	struct fuse_file_info *fi)
{
	struct fault f = {0};
	uint64_t at = 0;
	int err;

	(void)ino;
	if (whence != SEEK_DATA && whence != SEEK_HOLE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	if (off < 0) {
		fuse_reply_err(req, ENXIO);
		return;
	}
	err = seek_file(ahead_file_peek(handle(fi)), (uint64_t)off,
		whence == SEEK_DATA, &at, &f);
	if (err < 0)
		reply_fault(req, err, &f);
	else
		fuse_reply_lseek(req, (off_t)at);
}

/* ---- directories ---- */

/* Offsets: 1 follows ".", 2 follows "..", index + 3 the entry of an index. */
#define DOTS 2

/* An answer to readdir or readdirplus, growing. */
struct listing {
	fuse_req_t req;
	struct mount *m;
	char *buf;
	size_t size, used;
	bool plus;
};

/* False when it did not fit. known: the kernel may keep it as looked up. */
static bool
add(struct listing *l, const char *name, const struct fuse_entry_param *e,
	off_t next)
{
	size_t left = l->size - l->used, n;

	n = l->plus ? fuse_add_direntry_plus(
			      l->req, l->buf + l->used, left, name, e, next)
		    : fuse_add_direntry(l->req, l->buf + l->used, left, name,
			      &e->attr, next);
	if (n > left)
		return false;
	l->used += n;
	return true;
}

static bool
add_brief(struct listing *l, const char *name, uint64_t id, mode_t type,
	off_t next)
{
	struct fuse_entry_param e;

	/* ino 0: the kernel looks it up when somebody wants more. */
	memset(&e, 0, sizeof(e));
	inode_attr_brief(id, type, &e.attr);
	return add(l, name, &e, next);
}

static bool
add_place(struct listing *l, const struct inode *dir, struct span name,
	const struct place *place, off_t next)
{
	char text[LIMIT_NAME + 1];
	struct fuse_entry_param e;
	struct inode inode;
	struct stat st;

	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	inode_of_place(l->m->inodes, dir, place, &inode);
	if (l->plus) {
		fill_entry(l->m, &inode, &e);
		return add(l, text, &e, next);
	}
	/* No need to count blocks for a name. */
	inode.place.entry.content = 0;
	inode_attr(l->m->inodes, &inode, &st);
	memset(&e, 0, sizeof(e));
	e.attr = st;
	return add(l, text, &e, next);
}

static int
list_static(struct listing *l, const struct inode *dir, uint64_t i)
{
	const char *name;
	mode_t type;
	uint64_t id;

	for (; inode_static_entry(l->m->inodes, dir, i, &id, &type, &name) == 0;
		i++) {
		if (!add_brief(l, name, id, type, (off_t)i + DOTS + 1))
			break;
	}
	return 0;
}

static int
list_place(
	struct listing *l, const struct inode *dir, uint64_t i, struct fault *f)
{
	struct place_dir d;
	struct place place;
	struct span name;
	bool full = false;
	int r;

	r = place_dir_open(dir->snap, &dir->place, i, &d, f);
	if (r < 0)
		return r;
	while ((r = place_dir_next(&d, &name, &place, f)) > 0) {
		full = !add_place(l, dir, name, &place, (off_t)d.index + DOTS);
		if (full) {
			r = 0;
			break;
		}
	}
	place_dir_close(&d);
	/* A listing that the source could not end has no end here. */
	if (r == 0 && dir->place.entry.flags & DIRENT_UNREAD && !full)
		r = fault_set(f, FAULT_SOURCE_UNREADABLE, NULL,
			"the source could not list this directory to its end");
	/* What came before the damage is given first. */
	return r < 0 && l->used > 0 ? 0 : r;
}

static int
list_dots(
	struct listing *l, const struct inode *dir, off_t off, struct fault *f)
{
	uint64_t parent = INODE_ROOT;
	int err;

	if (off < 1 && !add_brief(l, ".", dir->id, S_IFDIR, 1))
		return 0;
	if (off >= DOTS)
		return 0;
	err = inode_parent(l->m->inodes, dir, &parent, f);
	if (err < 0)
		return err;
	add_brief(l, "..", parent, S_IFDIR, DOTS);
	return 0;
}

static int
list(struct listing *l, const struct inode *dir, off_t off, struct fault *f)
{
	uint64_t i = off > DOTS ? (uint64_t)off - DOTS : 0;
	int err;

	if (dir->kind == INODE_LINK ||
		(dir->kind == INODE_PLACE && !place_is_dir(&dir->place)))
		return -ENOTDIR;
	err = list_dots(l, dir, off, f);
	if (err < 0)
		return err;
	if (dir->kind == INODE_PLACE)
		return list_place(l, dir, i, f);
	return list_static(l, dir, i);
}

static void
read_directory(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	struct listing l = {
		.req = req, .m = mount_of(req), .size = size, .plus = plus};
	struct fault f = {0};
	struct inode dir;
	int err;

	if (!get(req, ino, &dir))
		return;
	l.buf = mem_alloc(size);
	if (!l.buf) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	err = list(&l, &dir, off, &f);
	if (err < 0)
		reply_fault(req, err, &f);
	else
		fuse_reply_buf(req, l.buf, l.used);
	mem_free(l.buf);
}

static void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	(void)fi;
	read_directory(req, ino, size, off, false);
}

static void
op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	(void)fi;
	read_directory(req, ino, size, off, true);
}

static void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	if (mount_of(req)->no_opendir) {
		/* "No need to ask": the kernel opens by itself from now on
		 * and keeps what it reads. */
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	fuse_reply_open(req, fi);
}

/* ---- attributes ---- */

static void
reply_bytes(fuse_req_t req, struct span bytes, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, bytes.n);
	else if (bytes.n > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, (const char *)bytes.p, bytes.n);
}

/*
 * The set of an inode, held by o; answers itself when there is none, or when it
 * must be whole and the source could not read it.
 */
static bool
get_attrs(fuse_req_t req, fuse_ino_t ino, bool whole, struct view_object *o,
	struct attrs *ret)
{
	struct fault f = {0};
	struct inode inode;
	int err;

	*o = VIEW_OBJECT_NONE;
	*ret = (struct attrs){0, {NULL, 0}};
	if (!get(req, ino, &inode))
		return false;
	if (inode.kind != INODE_PLACE)
		return true;
	if (whole && (inode.place.entry.flags & DIRENT_ATTRS_UNREAD)) {
		fuse_reply_err(req, EIO);
		return false;
	}
	err = place_attrs(inode.snap, &inode.place, o, ret, &f);
	if (err < 0)
		reply_fault(req, err, &f);
	return err == 0;
}

static void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct view_object o;
	struct attrs set;
	struct span value;

	if (!get_attrs(req, ino, false, &o, &set))
		return;
	if (set.n == 0 || attrs_find(&set, span_str(name), &value) != 0)
		fuse_reply_err(req, ENODATA);
	else
		reply_bytes(req, value, size);
	view_object_put(&o);
}

static void
op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	struct view_object o;
	struct attrs set;
	struct attr attr;
	struct rcur at;
	int err = 0;

	if (!get_attrs(req, ino, true, &o, &set))
		return;
	at = rcur_init(set.rows);
	while (err == 0 && attrs_next(&at, &attr)) {
		err = buf_append(&names, attr.name.p, attr.name.n);
		if (err == 0)
			err = buf_u8(&names, 0);
	}
	view_object_put(&o);
	if (err < 0)
		fuse_reply_err(req, ENOMEM);
	else
		reply_bytes(req, buf_span(&names), size);
}

static void
op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {0};
	uint64_t bytes, entries;

	(void)ino;
	inode_sums(mount_of(req)->inodes, &bytes, &entries);
	st.f_bsize = st.f_frsize = 4096;
	st.f_blocks = bytes / 4096 + (bytes % 4096 != 0);
	st.f_files = entries;
	st.f_namemax = LIMIT_NAME;
	fuse_reply_statfs(req, &st);
}

/* ---- what would change something ---- */

static void
ro_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
	struct fuse_file_info *fi)
{
	(void)ino, (void)attr, (void)to_set, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void
ro_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	fuse_reply_err(req, EROFS);
}

static void
ro_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent, (void)name, (void)mode;
	fuse_reply_err(req, EROFS);
}

static void
ro_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent, (void)name;
	fuse_reply_err(req, EROFS);
}

static void
ro_symlink(
	fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target, (void)parent, (void)name;
	fuse_reply_err(req, EROFS);
}

static void
ro_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	fuse_ino_t newparent, const char *newname, unsigned int flags)
{
	(void)parent, (void)name, (void)newparent, (void)newname, (void)flags;
	fuse_reply_err(req, EROFS);
}

static void
ro_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	(void)ino, (void)parent, (void)name;
	fuse_reply_err(req, EROFS);
}

static void
ro_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
	off_t off, struct fuse_file_info *fi)
{
	(void)ino, (void)buf, (void)size, (void)off, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void
ro_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *fi)
{
	(void)parent, (void)name, (void)mode, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void
ro_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
	size_t size, int flags)
{
	(void)ino, (void)name, (void)value, (void)size, (void)flags;
	fuse_reply_err(req, EROFS);
}

static void
ro_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino, (void)name;
	fuse_reply_err(req, EROFS);
}

static void
ro_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset,
	off_t length, struct fuse_file_info *fi)
{
	(void)ino, (void)mode, (void)offset, (void)length, (void)fi;
	fuse_reply_err(req, EROFS);
}

static void
ro_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
	struct fuse_file_info *fi_in, fuse_ino_t ino_out, off_t off_out,
	struct fuse_file_info *fi_out, size_t len, int flags)
{
	(void)ino_in, (void)off_in, (void)fi_in, (void)ino_out, (void)off_out;
	(void)fi_out, (void)len, (void)flags;
	fuse_reply_err(req, EROFS);
}

/* Flags of ext file systems were not kept: none is set. */
static void
op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
	struct fuse_file_info *fi, unsigned int flags, const void *in_buf,
	size_t in_size, size_t out_size)
{
	static const struct fsxattr none;

	(void)ino, (void)arg, (void)fi, (void)flags, (void)in_buf;
	(void)in_size;
	switch (cmd) {
	case FS_IOC_GETFLAGS:
	case FS_IOC32_GETFLAGS:
	case FS_IOC_FSGETXATTR:
		fuse_reply_ioctl(req, 0, &none,
			out_size < sizeof(none) ? out_size : sizeof(none));
		return;
	case FS_IOC_SETFLAGS:
	case FS_IOC32_SETFLAGS:
	case FS_IOC_FSSETXATTR:
		fuse_reply_err(req, EROFS);
		return;
	default:
		fuse_reply_err(req, ENOTTY);
	}
}

const struct fuse_lowlevel_ops ops_table = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.release = op_release,
	.read = op_read,
	.lseek = op_lseek,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.statfs = op_statfs,

	.setattr = ro_setattr,
	.mknod = ro_mknod,
	.mkdir = ro_mkdir,
	.unlink = ro_remove,
	.rmdir = ro_remove,
	.symlink = ro_symlink,
	.rename = ro_rename,
	.link = ro_link,
	.write = ro_write,
	.create = ro_create,
	.setxattr = ro_setxattr,
	.removexattr = ro_removexattr,
	.fallocate = ro_fallocate,
	.copy_file_range = ro_copy_file_range,
	.ioctl = op_ioctl,
};
