/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/meta.h"
#include "agent/walk.h"
#include "util/limits.h"
#include "util/mem.h"

/* Bytes of entries in a batch, so that it never is much of the buffer. */
#define BATCH_BYTES (256U * 1024U)

/* Encoded bytes of an entry besides its name. */
#define ENTRY_FIXED (WIRE_LISTING_MAX - 256U + 1U)

/* Bytes of a path that the kernel takes, with its NUL. */
#define ROOT_MAX ((size_t)PATH_MAX)

/* Names for which a directory is read again, to see whether they are gone. */
#define LOOKS_MAX 8U

/* The spare memory for names is kept up to here. */
#define SPARE_MAX (1024U * 1024U)

/* A directory of the last batch that is to be entered. */
struct sub {
	uint64_t dev, ino;
	uint32_t name; /* offset in sub_text */
	uint16_t entry;
};

/*
 * A directory on the way down. It is done when it has ended (its last batch
 * is listed) and all of sub has been entered.
 */
struct level {
	struct dir *dir; /* NULL: above the roots */
	struct names names;
	struct exclude_state state;
	struct sub *sub;
	size_t subs, next_sub;
	char *sub_text;
	size_t held;
	uint32_t parent; /* batch and entry that list it */
	uint32_t batch;	 /* its last one */
	uint16_t live;	 /* entries in that */
	uint16_t parent_entry;
	bool begun, ended;
	bool unread;	 /* not read to its end */
	bool unsearched; /* it lists names that it does not find */
	uint8_t looks;	 /* at whether it lists what is not there */
};

/* An entry of the batch that is being made. */
struct draft {
	struct listing l;
	const char *name; /* ends in a NUL */
	int err;	  /* positive; with it a problem is told */
	enum problem_reason reason;
	uint8_t type; /* DT_... */
	bool gone;    /* or excluded */
};

struct turn {
	uint64_t ino;
	size_t draft;
};

struct walk {
	struct walk_opts opts;
	struct dirs *dirs;
	struct out *out;
	struct owners owners;
	struct level *level;
	size_t levels, cap;
	size_t held, live; /* of all levels */
	uint32_t batches;
	bool begun;
	struct names spare;
	struct buf entries;
	struct buf root_text;
	size_t drafts;
	struct draft draft[WIRE_ENTRIES_MAX];
	struct turn turn[WIRE_ENTRIES_MAX];
};

int
walk_new(const struct walk_opts *opts, struct dirs *dirs, struct out *out,
	struct walk **ret)
{
	struct walk *w = mem_zalloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->opts = *opts;
	w->dirs = dirs;
	w->out = out;
	*ret = w;
	return 0;
}

bool
walk_ended(const struct walk *w)
{
	return w->begun && w->levels == 0;
}

void
batch_free(struct dirs *dirs, struct batch *b)
{
	if (!b)
		return;
	dirs_unref(dirs, b->dir);
	mem_free(b);
}

static void
set_held(struct walk *w, struct level *lv, size_t held)
{
	w->held = w->held - lv->held + held;
	lv->held = held;
}

static void
set_live(struct walk *w, struct level *lv, uint16_t live)
{
	w->live = w->live - lv->live + live;
	lv->live = live;
}

/* Most directories need this memory once: hand it from one to the next. */
static void
names_done(struct walk *w, struct names *names)
{
	if (names_size(&w->spare) > 0 || names_size(names) > SPARE_MAX)
		names_free(names);
	else
		w->spare = *names;
	*names = (struct names){0};
}

static void
drop_subs(struct level *lv)
{
	mem_free(lv->sub);
	mem_free(lv->sub_text);
	lv->sub = NULL;
	lv->sub_text = NULL;
	lv->subs = lv->next_sub = 0;
}

static void
pop(struct walk *w)
{
	struct level *lv = &w->level[w->levels - 1];

	set_held(w, lv, 0);
	set_live(w, lv, 0);
	names_done(w, &lv->names);
	drop_subs(lv);
	exclude_state_free(&lv->state);
	dirs_unref(w->dirs, lv->dir);
	w->levels--;
}

/* Room for one more level, all zero. */
static int
grow(struct walk *w)
{
	size_t cap = w->cap > 0 ? 2 * w->cap : 32;
	struct level *more;

	if (w->levels == w->cap) {
		more = mem_realloc_array(w->level, cap, sizeof(*more));
		if (!more)
			return -ENOMEM;
		w->level = more;
		w->cap = cap;
	}
	w->level[w->levels] = (struct level){0};
	return 0;
}

/* Enter the next subdirectory of the lowest level. */
static int
push(struct walk *w)
{
	struct level *up, *lv;
	const struct sub *sub;
	const char *name;
	int err;

	err = grow(w);
	if (err < 0)
		return err;
	up = &w->level[w->levels - 1];
	lv = up + 1;
	sub = &up->sub[up->next_sub++];
	name = up->sub_text + sub->name;
	lv->parent = up->batch;
	lv->parent_entry = sub->entry;
	lv->dir = dir_new(up->dir, name, sub->dev, sub->ino);
	if (!lv->dir)
		return -ENOMEM;
	if (up->dir)
		err = exclude_enter(w->opts.excludes, &up->state,
			span_str(name), &lv->state);
	else
		err = exclude_root(w->opts.excludes, &lv->state);
	if (err < 0) {
		dirs_unref(w->dirs, lv->dir);
		return err;
	}
	w->levels++;
	return 0;
}

static int
tell_problem(
	struct walk *w, struct wire_at at, enum problem_reason reason, int err)
{
	const struct wire_problem p = {
		.at = at, .reason = reason, .err = (uint32_t)err};

	return wire_problem_encode(&w->out->b, &p);
}

/* err is positive. What was read of the directory so far is listed. */
static int
give_up(struct walk *w, struct level *lv, enum problem_reason reason, int err)
{
	const struct wire_at at = {lv->parent, lv->parent_entry};

	lv->unread = true;
	return tell_problem(w, at, reason, err);
}

static int
read_pass(struct walk *w, struct level *lv, int fd)
{
	struct names *names = &lv->names;
	uint8_t last[LIMIT_NAME];
	struct span from = {last, 0};
	int err;

	if (!lv->begun) {
		*names = w->spare;
		w->spare = (struct names){0};
	} else if (names->n > 0) {
		from = names_span(names, &names->name[names->n - 1]);
		memcpy(last, from.p, from.n);
		from.p = last;
	}
	names->too_long = false;
	err = names_read(names, fd, from, NAMES_KEEP);
	if (err < 0)
		return give_up(w, lv, PROBLEM_DIRECTORY, -err);
	if (names->too_long && !lv->unread)
		return give_up(w, lv, PROBLEM_DIRECTORY, ENAMETOOLONG);
	return 0;
}

/*
 * Have names to list and a descriptor to examine them by; *ret_fd is -1 when
 * the directory cannot be gone on with.
 */
static int
prepare(struct walk *w, struct level *lv, int *ret_fd)
{
	bool fresh = !lv->begun;
	int fd, err = 0;

	*ret_fd = -1;
	if (fresh && w->held > WALK_HELD_MAX) {
		lv->begun = true;
		return give_up(w, lv, PROBLEM_DIRECTORY, ENOMEM);
	}
	fd = dirs_open(w->dirs, lv->dir);
	if (fd < 0) {
		lv->begun = true;
		return give_up(w, lv,
			fresh ? PROBLEM_NOT_OPENED : PROBLEM_DIRECTORY, -fd);
	}
	if (lv->names.next == lv->names.n)
		err = read_pass(w, lv, fd);
	lv->begun = true;
	*ret_fd = fd;
	return err;
}

static bool
excluded(const struct walk *w, const struct level *lv, const struct draft *d,
	bool is_dir)
{
	if (w->opts.excludes->patterns == 0)
		return false;
	return exclude_match(w->opts.excludes, &lv->state, d->l.name, is_dir);
}

/* As many names as a batch holds. */
static void
take_names(struct walk *w, struct level *lv)
{
	const size_t max = w->live - lv->live < WALK_LIVE_MAX
				   ? WIRE_ENTRIES_MAX
				   : WALK_BATCH_SMALL;
	struct names *names = &lv->names;
	size_t bytes = 0;

	w->drafts = 0;
	while (names->next < names->n && w->drafts < max) {
		const struct name *name = &names->name[names->next];
		struct draft *d = &w->draft[w->drafts];

		bytes += ENTRY_FIXED + name->n;
		if (bytes > BATCH_BYTES)
			break;
		names->next++;
		*d = (struct draft){
			.type = name->type, .l.name = names_span(names, name)};
		d->name = (const char *)d->l.name.p;
		/* Without a type it takes a look at the inode to know. */
		if (d->type != DT_UNKNOWN &&
			excluded(w, lv, d, d->type == DT_DIR))
			continue;
		w->turn[w->drafts] = (struct turn){name->ino, w->drafts};
		w->drafts++;
	}
}

/* Flags of a directory, and what there is to say of it. */
static void
judge_dir(struct walk *w, const struct level *lv, struct draft *d, int fd,
	bool mount)
{
	bool cross = (w->opts.options & WIRE_CROSS_DEVICES) != 0;

	if (!cross && (mount || d->l.device != lv->dir->dev)) {
		d->l.flags = WIRE_ENTRY_OTHER_DEVICE;
	} else if (lv->dir->depth + 1 >= LIMIT_PATH_DEPTH) {
		d->l.flags = WIRE_ENTRY_UNEXAMINED;
		d->err = ENAMETOOLONG;
		d->reason = PROBLEM_DIRECTORY;
	} else if ((w->opts.options & WIRE_SKIP_CACHEDIRS) &&
		   meta_is_cachedir(fd, d->name, d->l.user)) {
		d->l.flags = WIRE_ENTRY_CACHEDIR;
	} else {
		d->l.flags = WIRE_ENTRY_FOLLOWS;
	}
}

/* The directory entry's type is all that is known of it. */
static void
not_examined(struct draft *d, int err)
{
	static const uint8_t kinds[] = {[DT_REG] = FILE_REGULAR,
		[DT_DIR] = FILE_DIRECTORY,
		[DT_LNK] = FILE_SYMLINK,
		[DT_FIFO] = FILE_FIFO,
		[DT_SOCK] = FILE_SOCKET,
		[DT_CHR] = FILE_CHAR,
		[DT_BLK] = FILE_BLOCK};

	d->l = (struct listing){.name = d->l.name,
		.kind = d->type < array_len(kinds) ? kinds[d->type] : 0,
		.flags = WIRE_ENTRY_UNEXAMINED};
	d->err = err;
	d->reason = PROBLEM_NOT_EXAMINED;
}

/*
 * A directory that will not be entered is not waited for: it may be a mount
 * whose server does not answer, and then no pull would ever end.
 */
static int
ask(const struct walk *w, struct draft *d, int fd, bool *mount)
{
	bool may_be_dir = d->type == DT_DIR || d->type == DT_UNKNOWN;
	int err = 0;

	if (may_be_dir && (w->opts.options & WIRE_CROSS_DEVICES) == 0)
		err = meta_is_mount(fd, d->name);
	if (err < 0)
		return err;
	return meta_stat(
		fd, d->name, err > 0 ? META_CACHED : META_FRESH, &d->l, mount);
}

/*
 * A name of which the kernel says that it is not there was removed since the
 * directory told it. But there are file systems that tell names which they
 * cannot find, and would for ever: so a directory is asked again, for some of
 * its names. Where one is there still, or that cannot be learnt, no other is
 * taken for removed.
 */
static bool
was_removed(struct level *lv, const struct draft *d, int fd)
{
	int has;

	if (lv->unsearched || lv->looks == LOOKS_MAX)
		return !lv->unsearched;
	lv->looks++;
	has = names_has(fd, span_str(d->name));
	/* The directory may be gone itself. */
	return has == 0 || has == -ENOENT;
}

static void
examine(struct walk *w, struct level *lv, struct draft *d, int fd)
{
	bool mount, is_dir;
	int err;

	err = ask(w, d, fd, &mount);
	if (err == -ENOENT) {
		d->gone = was_removed(lv, d, fd);
		if (d->gone)
			return;
		/* Or it has come back. */
		err = ask(w, d, fd, &mount);
		lv->unsearched = lv->unsearched || err == -ENOENT;
	}
	if (err < 0) {
		not_examined(d, -err);
		return;
	}
	is_dir = d->l.kind == FILE_DIRECTORY;
	if (d->type == DT_UNKNOWN || is_dir != (d->type == DT_DIR))
		d->gone = excluded(w, lv, d, is_dir);
	if (is_dir && !d->gone)
		judge_dir(w, lv, d, fd, mount);
}

static int
by_ino(const void *ap, const void *bp)
{
	const struct turn *a = ap, *b = bp;

	return (a->ino > b->ino) - (a->ino < b->ino);
}

/*
 * In the order of their inodes: on a disk that is roughly the order in which
 * they lie.
 */
static void
examine_all(struct walk *w, struct level *lv, int fd)
{
	if (w->drafts > 1)
		qsort(w->turn, w->drafts, sizeof(w->turn[0]), by_ino);
	for (size_t i = 0; i < w->drafts; i++)
		examine(w, lv, &w->draft[w->turn[i].draft], fd);
}

/* Owners' names, then entries, of what is left of the drafts. */
static int
encode_entries(struct walk *w, bool roots, uint16_t *ret_n)
{
	int err = 0;
	uint16_t n = 0;

	buf_clear(&w->entries);
	for (size_t i = 0; err == 0 && i < w->drafts; i++) {
		struct listing *l = &w->draft[i].l;
		struct span name = l->name;

		if (w->draft[i].gone)
			continue;
		n++;
		if (!(l->flags & WIRE_ENTRY_UNEXAMINED)) {
			err = owners_user(&w->owners, l->user, &w->out->b);
			if (err == 0)
				err = owners_group(
					&w->owners, l->group, &w->out->b);
		}
		if (roots)
			l->name.n = 0;
		if (err == 0)
			err = wire_listing_encode(&w->entries, l);
		l->name = name;
	}
	*ret_n = n;
	return err < 0 ? err : owners_tell(&w->owners, &w->out->b);
}

static int
tell_batch(struct walk *w, const struct level *lv, uint16_t *ret_n)
{
	struct wire_batch b = {.batch = w->batches,
		.parent = lv->parent,
		.parent_entry = lv->parent_entry};
	uint16_t entry = 0;
	int err;

	if (lv->ended)
		b.flags = WIRE_BATCH_LAST;
	if (lv->ended && lv->unread)
		b.flags |= WIRE_BATCH_UNREAD;
	err = encode_entries(w, !lv->dir, &b.n);
	if (err < 0)
		return err;
	b.entries = buf_span(&w->entries);
	err = wire_batch_encode(&w->out->b, &b);
	for (size_t i = 0; err == 0 && i < w->drafts; i++) {
		const struct draft *d = &w->draft[i];

		if (!d->gone && d->err != 0)
			err = tell_problem(w, (struct wire_at){b.batch, entry},
				d->reason, d->err);
		entry = (uint16_t)(entry + !d->gone);
	}
	*ret_n = b.n;
	return err;
}

/* What is to be remembered of the drafts for the vault's answer. */
static struct batch *
keep_batch(struct walk *w, const struct level *lv, uint16_t n)
{
	size_t bytes = sizeof(struct batch) + n * sizeof(struct item), at = 0;
	struct item *item;
	struct batch *b;

	for (size_t i = 0; i < w->drafts; i++)
		bytes += w->draft[i].gone ? 0 : w->draft[i].l.name.n + 1;
	b = mem_alloc(bytes);
	if (!b)
		return NULL;
	*b = (struct batch){.number = w->batches, .n = n};
	b->text = (char *)(b->item + n);
	b->dir = lv->dir ? dir_ref(lv->dir) : NULL;
	item = b->item;
	for (size_t i = 0; i < w->drafts; i++) {
		const struct draft *d = &w->draft[i];

		if (d->gone)
			continue;
		*item++ = (struct item){.dev = d->l.device,
			.ino = d->l.inode,
			.name = (uint32_t)at,
			.err = d->err,
			.kind = d->l.kind};
		memcpy(b->text + at, d->name, d->l.name.n + 1);
		at += d->l.name.n + 1;
	}
	return b;
}

static int
keep_subs(struct walk *w, struct level *lv)
{
	size_t n = 0, bytes = 0, at = 0;
	uint16_t entry = 0;

	drop_subs(lv);
	set_held(w, lv, 0);
	for (size_t i = 0; i < w->drafts; i++) {
		const struct draft *d = &w->draft[i];

		if (!d->gone && (d->l.flags & WIRE_ENTRY_FOLLOWS)) {
			n++;
			bytes += d->l.name.n + 1;
		}
	}
	if (n == 0)
		return 0;
	lv->sub = mem_array(n, sizeof(*lv->sub));
	lv->sub_text = mem_alloc(bytes);
	if (!lv->sub || !lv->sub_text)
		return -ENOMEM;
	for (size_t i = 0; i < w->drafts; i++) {
		const struct draft *d = &w->draft[i];

		if (!d->gone && (d->l.flags & WIRE_ENTRY_FOLLOWS)) {
			lv->sub[lv->subs++] = (struct sub){
				d->l.device, d->l.inode, (uint32_t)at, entry};
			memcpy(lv->sub_text + at, d->name, d->l.name.n + 1);
			at += d->l.name.n + 1;
		}
		entry = (uint16_t)(entry + !d->gone);
	}
	set_held(w, lv, n * sizeof(*lv->sub) + bytes);
	return 0;
}

/* Send the drafts as a batch of the level. */
static int
send_batch(struct walk *w, struct level *lv, struct batch **ret)
{
	struct batch *b;
	uint16_t n;
	int err;

	if (w->batches == UINT32_MAX)
		return -EOVERFLOW;
	err = tell_batch(w, lv, &n);
	if (err == 0)
		err = keep_subs(w, lv);
	if (err < 0)
		return err;
	b = keep_batch(w, lv, n);
	if (!b)
		return -ENOMEM;
	lv->batch = w->batches++;
	set_live(w, lv, n);
	if (lv->ended)
		names_done(w, &lv->names);
	else
		set_held(w, lv, lv->held + names_size(&lv->names));
	*ret = b;
	return 0;
}

static int
list_level(struct walk *w, struct level *lv, struct batch **ret)
{
	int fd, err;

	err = prepare(w, lv, &fd);
	if (err < 0)
		return err;
	w->drafts = 0;
	if (fd >= 0) {
		take_names(w, lv);
		examine_all(w, lv, fd);
	}
	/* After a failure what follows the names of this pass is unknown. */
	lv->ended = fd < 0 || (lv->names.next == lv->names.n &&
				      (lv->unread || !lv->names.more));
	return send_batch(w, lv, ret);
}

/* What is no directory, nor a link to one: where links lead in the end. */
static int
reach_other(struct draft *d, char *name)
{
	_cleanup_free_ char *real = realpath(name, NULL);
	bool mount;
	int err;

	if (!real)
		return -errno;
	if (strlen(real) >= ROOT_MAX)
		return -ENAMETOOLONG;
	strcpy(name, real);
	err = meta_stat(AT_FDCWD, name, META_FRESH, &d->l, &mount);
	/* It is another by now: it must not pass for a folder that is not
	 * entered, nor for a link. */
	if (err == 0 &&
		(d->l.kind == FILE_DIRECTORY || d->l.kind == FILE_SYMLINK))
		err = -ESTALE;
	return err;
}

/*
 * The name by which a root is reached: with a slash behind it if it is a
 * directory or a symbolic link to one, which makes the kernel follow that
 * link in every later call.
 */
static int
reach_root(struct walk *w, struct draft *d, struct span path)
{
	size_t at = w->root_text.n;
	bool mount;
	int err;

	err = buf_append(&w->root_text, path.p, path.n);
	if (err == 0)
		err = buf_append(&w->root_text, "/", 2);
	if (err < 0)
		return err;
	d->name = (const char *)w->root_text.p + at;
	err = meta_stat(AT_FDCWD, d->name, META_FOLLOW, &d->l, &mount);
	if (err == 0)
		d->l.flags = WIRE_ENTRY_FOLLOWS;
	/* Any other failure leaves open what it is. */
	if (err == -ENOTDIR || err == -ENOENT || err == -ELOOP) {
		w->root_text.p[at + path.n] = '\0';
		w->root_text.n += ROOT_MAX;
		err = reach_other(d, (char *)w->root_text.p + at);
	}
	d->l.name = span_of(w->root_text.p + at, strlen(d->name));
	d->type = DT_UNKNOWN;
	if (err < 0)
		not_examined(d, -err);
	return 0;
}

static int
list_roots(struct walk *w, struct level *lv, struct batch **ret)
{
	size_t bytes = 0;
	int err;

	assert(w->opts.paths <= WIRE_ENTRIES_MAX);
	for (uint32_t i = 0; i < w->opts.paths; i++)
		bytes += w->opts.path[i].n + 2 + ROOT_MAX;
	/* All of it now, so that the names in the drafts stay in place. */
	err = buf_reserve(&w->root_text, bytes);
	w->drafts = 0;
	for (uint32_t i = 0; err == 0 && i < w->opts.paths; i++) {
		w->draft[i] = (struct draft){0};
		err = reach_root(w, &w->draft[i], w->opts.path[i]);
		w->drafts++;
	}
	if (err < 0)
		return err;
	lv->parent = WIRE_NO_PARENT;
	lv->ended = true;
	return send_batch(w, lv, ret);
}

/* Leave all levels that are done. */
static void
settle(struct walk *w)
{
	while (w->levels > 0) {
		const struct level *lv = &w->level[w->levels - 1];

		if (!lv->ended || lv->next_sub < lv->subs)
			return;
		pop(w);
	}
}

int
walk_next(struct walk *w, struct batch **ret)
{
	struct level *lv;
	int err;

	assert(!walk_ended(w));
	if (!w->begun) {
		err = grow(w);
		if (err < 0)
			return err;
		w->begun = true;
		lv = &w->level[w->levels++];
		err = list_roots(w, lv, ret);
	} else {
		lv = &w->level[w->levels - 1];
		err = lv->next_sub < lv->subs ? push(w) : 0;
		if (err < 0)
			return err;
		err = list_level(w, &w->level[w->levels - 1], ret);
	}
	if (err == 0)
		settle(w);
	return err;
}

void
walk_free(struct walk *w)
{
	if (!w)
		return;
	while (w->levels > 0)
		pop(w);
	names_free(&w->spare);
	owners_free(&w->owners);
	mem_free(w->level);
	buf_free(&w->entries);
	buf_free(&w->root_text);
	mem_free(w);
}
