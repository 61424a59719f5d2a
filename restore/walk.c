/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread walks, the pool's workers make files. A directory is gone
 * through in parts of up to PART entries: first its files, gathered into
 * units, then its directories; so that files are asked for in the order in
 * which a pull stored them.
 *
 * A directory is pending while the walker is in or below it, a unit works in
 * it, or a directory below it is pending. Who ends the last of these gives it
 * its metadata and closes it: children first, whatever the timing.
 *
 * Descriptors: the walker keeps those of the KEEP deepest directories on its
 * way. One further up is closed (as soon as no unit works in it) and opened
 * again through ".." on the way back, where device and inode must be the
 * same. Listings that deep are closed too, and found again by their index.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "restore/restore_internal.h"
#include "restore/ways.h"
#include "util/io.h"
#include "util/mem.h"

#define PART 1024U
#define KEEP 64U
/* Directories open at a time, the way of the walker included. */
#define OPEN_DIRS 256U
#define UNIT_ITEMS 32U
/* A unit is given away when its files have this many bytes. */
#define UNIT_BYTES (2U * 1024U * 1024U)
/* Bytes of a big file that one job writes. */
#define BIG_PART (4U * 1024U * 1024U)

struct unit {
	struct run *run;
	struct dir *dir;
	unsigned int n;
	uint64_t bytes;
	struct item item[UNIT_ITEMS];
};

struct part {
	struct run *run;
	struct dir *dir;
	struct big *big;
	uint64_t from, to;
};

struct walker {
	struct run *run;
	struct unit *unit; /* being gathered, of the directory at hand */
};

/* ---- the end of a directory ---- */

static void
finish_dir(struct run *run, struct dir *d)
{
	struct restore_report did = {0};
	const struct meta_at at = {
		.fd = d->fd,
		.dirfd = -1,
		.name = d->name,
		.created = d->created,
		.strange = !d->created,
		.group = d->group,
	};

	if (!d->bare && d->fd >= 0) {
		meta_apply(run, &at, &d->place, &did);
		did.directories = 1;
		if (d->place.entry.flags & DIRENT_UNREAD) {
			did.unread = 1;
			run_cut(run, d->parent, d->name, d->name_len, &did);
		}
		run_add(run, &did, 1, 0);
	}
	pthread_mutex_lock(&run->lock);
	if (d->fd >= 0)
		run->open_dirs--;
	pthread_cond_broadcast(&run->freed);
	pthread_mutex_unlock(&run->lock);
	cleanup_close(&d->fd);
}

/* One pending thing less; up the tree as far as that was the last. */
static void
dir_drop(struct run *run, struct dir *d)
{
	while (d) {
		struct dir *parent = d->parent;
		bool last;

		pthread_mutex_lock(&run->lock);
		last = --d->pending == 0;
		pthread_mutex_unlock(&run->lock);
		if (!last)
			return;
		finish_dir(run, d);
		ways_drop(run->ways, d->way);
		mem_free(d);
		d = parent;
	}
}

/* Called with the lock held. */
static void
spill_if_idle(struct run *run, struct dir *d)
{
	if (!d->spill || d->units > 0 || d->fd < 0)
		return;
	cleanup_close(&d->fd);
	run->open_dirs--;
}

/* ---- units ---- */

static void
work_begin(struct run *run, struct dir *d)
{
	pthread_mutex_lock(&run->lock);
	d->units++;
	d->pending++;
	run->units++;
	pthread_mutex_unlock(&run->lock);
}

static void
work_end(struct run *run, struct dir *d)
{
	pthread_mutex_lock(&run->lock);
	d->units--;
	spill_if_idle(run, d);
	pthread_mutex_unlock(&run->lock);
	dir_drop(run, d);
	/* Only now: it may have closed a long way up. */
	pthread_mutex_lock(&run->lock);
	run->units--;
	pthread_cond_broadcast(&run->freed);
	pthread_mutex_unlock(&run->lock);
}

static void
run_unit(void *arg)
{
	struct unit *u = arg;
	struct restore_report did = {0};
	unsigned int i;

	for (i = 0; i < u->n && !run_ending(u->run); i++)
		make_item(u->run, u->dir, &u->item[i], &did);
	run_add(u->run, &did, i, u->bytes);
	work_end(u->run, u->dir);
	mem_free(u);
}

static void
flush(struct walker *w)
{
	struct unit *u = w->unit;

	if (!u)
		return;
	w->unit = NULL;
	work_begin(w->run, u->dir);
	pool_submit(w->run->pool, run_unit, u);
}

static void
out_of_memory(struct run *run)
{
	struct fault f = {0};

	fault_set(&f, FAULT_NO_MEMORY, NULL, NULL);
	run_fatal(run, &f);
}

static void
run_part(void *arg)
{
	struct part *p = arg;
	struct restore_report did = {0};

	make_big_part(p->big, p->from, p->to, &did);
	make_big_drop(p->big, &did);
	run_add(p->run, &did, 0, p->to - p->from);
	work_end(p->run, p->dir);
	mem_free(p);
}

static void
submit_part(struct run *run, struct dir *d, struct big *big, uint64_t from,
	uint64_t to)
{
	struct part *p = mem_zalloc(sizeof(*p));

	if (!p) {
		out_of_memory(run);
		return;
	}
	*p = (struct part){run, d, big, from, to};
	make_big_hold(big);
	work_begin(run, d);
	pool_submit(run->pool, run_part, p);
}

static void
give_big(struct run *run, struct dir *d, const struct item *item)
{
	struct restore_report did = {0};
	uint64_t at = 0, end = 0;
	struct big *big;

	big = make_big(run, d, item, &did);
	while (big && make_big_data(big, &at, &end)) {
		uint64_t to = at + BIG_PART - at % BIG_PART;

		to = to < end ? to : end;
		submit_part(run, d, big, at, to);
		at = to;
	}
	if (big)
		make_big_drop(big, &did);
	run_add(run, &did, 1, 0);
}

static void
give_item(struct walker *w, struct dir *d, const struct item *item)
{
	if (make_is_big(item)) {
		give_big(w->run, d, item);
		return;
	}
	if (!w->unit) {
		w->unit = mem_alloc(sizeof(*w->unit));
		if (!w->unit) {
			out_of_memory(w->run);
			return;
		}
		w->unit->run = w->run;
		w->unit->dir = d;
		w->unit->n = 0;
		w->unit->bytes = 0;
	}
	w->unit->item[w->unit->n++] = *item;
	if (item->place.entry.kind == FILE_REGULAR)
		w->unit->bytes += item->place.entry.size;
	if (w->unit->n == UNIT_ITEMS || w->unit->bytes >= UNIT_BYTES)
		flush(w);
}

/* ---- in and out of directories ---- */

static struct dir *
dir_new(struct run *run, struct dir *parent, const struct place *place, int fd)
{
	struct dir *d = mem_zalloc(sizeof(*d));
	struct stat st;

	if (!d || fstat(fd, &st) != 0) {
		mem_free(d);
		close(fd);
		out_of_memory(run);
		return NULL;
	}
	d->parent = parent;
	d->place = *place;
	d->bare = place->path == PLACE_ABOVE;
	d->group = st.st_gid;
	d->child_group = st.st_gid == run->gid && !(st.st_mode & S_ISGID)
				 ? run->gid
				 : (gid_t)-1;
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	d->depth = parent ? parent->depth + 1 : 0;
	d->fd = fd;
	d->pending = 1;
	pthread_mutex_lock(&run->lock);
	run->open_dirs++;
	if (parent)
		parent->pending++;
	pthread_mutex_unlock(&run->lock);
	return d;
}

static void
close_listing(struct dir *d)
{
	if (!d->listing)
		return;
	d->index = d->listing->index;
	place_dir_close(d->listing);
	mem_free(d->listing);
	d->listing = NULL;
}

/*
 * Wait while many are open and the units at work will close some; only the
 * walker opens any. Called with the lock held.
 */
static void
wait_for_room(struct run *run)
{
	while (run->open_dirs >= OPEN_DIRS && run->units > 0)
		pthread_cond_wait(&run->freed, &run->lock);
}

/* Close what lies KEEP levels up, and wait until few are open. */
static void
bound_open(struct run *run, struct dir *d)
{
	struct dir *far = d;

	for (unsigned int i = 0; i < KEEP && far; i++)
		far = far->parent;
	pthread_mutex_lock(&run->lock);
	if (far) {
		far->spill = true;
		spill_if_idle(run, far);
	}
	wait_for_room(run);
	pthread_mutex_unlock(&run->lock);
}

static void
skip_dir(struct run *run, struct dir *d, const struct item *item,
	const struct fault *f)
{
	struct restore_report did = {.failed = 1};

	run_failed(run, d, item->name, item->name_len, f);
	run_add(run, &did, item->place.entry.below + 1, item->place.entry.size);
}

/* The directory that the walker is in from now on: d when it failed. */
static struct dir *
enter(struct run *run, struct dir *d, const struct item *item)
{
	struct fault f = {0};
	bool created = false;
	struct dir *child;
	int fd;

	if (d->depth >= LIMIT_PATH_DEPTH)
		fd = fault_set(&f, FAULT_LIMIT_EXCEEDED, NULL,
			"it lies deeper than %u directories", LIMIT_PATH_DEPTH);
	else
		fd = make_dir(run, d, item, &created, &f);
	if (fd < 0) {
		skip_dir(run, d, item, &f);
		return d;
	}
	child = dir_new(run, d, &item->place, fd);
	if (!child)
		return d;
	child->created = created && d->child_group != (gid_t)-1;
	child->name_len = item->name_len;
	memcpy(child->name, item->name, item->name_len + 1);
	if (d->depth >= KEEP)
		close_listing(d);
	bound_open(run, child);
	return child;
}

/* Open the parent of d again, if it was closed. */
static int
reopen_parent(struct run *run, struct dir *d)
{
	struct dir *p = d->parent;
	struct stat st;
	int fd = -1;

	pthread_mutex_lock(&run->lock);
	wait_for_room(run);
	p->spill = false;
	if (p->fd < 0) {
		fd = io_openat(d->fd, "..", O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_dev != p->dev ||
				       st.st_ino != p->ino))
			cleanup_close(&fd);
		p->fd = fd >= 0 ? fd : -1;
		if (fd >= 0)
			run->open_dirs++;
	}
	fd = p->fd;
	pthread_mutex_unlock(&run->lock);
	return fd >= 0 ? 0 : -ESTALE;
}

/* Out of d: the directory that the walker is in from now on, or NULL. */
static struct dir *
leave(struct walker *w, struct dir *d)
{
	struct dir *parent = d->parent;
	struct fault f = {0};

	flush(w);
	close_listing(d);
	if (parent && reopen_parent(w->run, d) < 0) {
		fault_set(&f, FAULT_TARGET_BAD, w->run->opts->target,
			"a directory was moved while it was being filled");
		run_fatal(w->run, &f);
	}
	dir_drop(w->run, d);
	return parent;
}

/* ---- listings ---- */

static int
open_listing(struct run *run, struct dir *d, struct fault *f)
{
	int err;

	if (d->listing)
		return 0;
	d->listing = mem_alloc(sizeof(*d->listing));
	if (!d->listing)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	err = place_dir_open(run->snap, &d->place, d->index, d->listing, f);
	if (err < 0) {
		mem_free(d->listing);
		d->listing = NULL;
	}
	return err;
}

static void
set_name(struct item *item, struct span name)
{
	item->name_len = name.n;
	memcpy(item->name, name.p, name.n);
	item->name[name.n] = '\0';
}

/*
 * What was read of a directory was restored; say that the rest was not, and
 * pass over it.
 */
static void
listing_failed(struct run *run, struct dir *d, const struct fault *f)
{
	struct restore_report did = {.failed = 1};

	run_failed(run, d->parent, d->name, d->name_len, f);
	run_add(run, &did, 0, 0);
}

/*
 * Files of a part, up to its end: 1 when directories were seen, 2 when the
 * listing ends with it, 3 for both.
 */
static int
first_half(struct walker *w, struct dir *d, struct fault *f)
{
	struct item item;
	struct span name;
	int r, seen = 0;

	while (d->listing->index < d->part + PART && !run_ending(w->run)) {
		r = place_dir_next(d->listing, &name, &item.place, f);
		if (r < 0)
			return r;
		if (r == 0)
			return seen | 2;
		if (place_is_dir(&item.place)) {
			seen = 1;
			continue;
		}
		set_name(&item, name);
		give_item(w, d, &item);
	}
	return seen;
}

/* Directories of a part: 1 with the next one in *item, 0 at its end. */
static int
second_half(struct dir *d, struct item *item, struct fault *f)
{
	struct span name;
	int r;

	while (d->listing->index < d->part + PART) {
		r = place_dir_next(d->listing, &name, &item->place, f);
		if (r <= 0)
			return r;
		if (!place_is_dir(&item->place))
			continue;
		set_name(item, name);
		return 1;
	}
	return 0;
}

/* Go on in d; the directory to go on in next, NULL at the end of all. */
static struct dir *
walk_on(struct walker *w, struct dir *d)
{
	struct fault f = {0};
	struct item item;
	int r;

	r = open_listing(w->run, d, &f);
	if (r == 0 && !d->second) {
		r = first_half(w, d, &f);
		if (r >= 0 && (r & 2))
			d->ended = true;
		if (r > 0 && (r & 1)) {
			flush(w);
			close_listing(d);
			d->index = d->part;
			d->second = true;
			return d;
		}
		if (r >= 0)
			r = 0;
	} else if (r == 0) {
		r = second_half(d, &item, &f);
		if (r > 0)
			return enter(w->run, d, &item);
	}
	if (r < 0) {
		listing_failed(w->run, d, &f);
		return leave(w, d);
	}
	d->second = false;
	d->part += PART;
	return d->ended ? leave(w, d) : d;
}

void
walk_tree(struct run *run, const struct place *top, int fd)
{
	struct walker w = {run, NULL};
	struct dir *d = dir_new(run, NULL, top, fd);

	while (d)
		d = run_ending(run) ? leave(&w, d) : walk_on(&w, d);
}

void
walk_item(struct run *run, const struct item *item, int fd)
{
	struct walker w = {run, NULL};
	const struct place none = {.path = PLACE_ABOVE};
	struct dir *d = dir_new(run, NULL, &none, fd);

	if (!d)
		return;
	give_item(&w, d, item);
	leave(&w, d);
}
