/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/tour.h"

#include "tests/fuzz/objects.h"
#include "tests/fuzz/trip.h"
#include "view/file.h"
#include "view/place.h"

/* Runs of one file that are asked for, nodes whose blocks are counted. */
#define RUNS 32U
#define NODES 8U
/* Pieces that are read in another way. */
#define PIECES 20000U
/* Directories below each other: the tour calls itself. */
#define DEPTH 300U

uint64_t
tour_mix(uint64_t to, uint64_t value)
{
	uint64_t v = (to ^ value) * 0x9e3779b97f4a7c15U;

	return (v ^ v >> 29) + value;
}

uint64_t
tour_hash(struct span bytes)
{
	uint64_t h = bytes.n;

	for (size_t i = 0; i < bytes.n; i++)
		h = tour_mix(h, bytes.p[i]);
	return h;
}

uint64_t
tour_content(uint64_t offset, struct span bytes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < bytes.n; i++) {
		if (bytes.p[i] != 0)
			sum += tour_mix(offset + i, bytes.p[i]);
	}
	return sum;
}

uint64_t
tour_below(uint64_t path, struct span name)
{
	return tour_mix(path, tour_hash(name));
}

uint64_t
tour_entry(uint64_t path, const struct dirent_rec *e, uint64_t content,
	uint64_t attrs)
{
	const uint64_t values[] = {e->kind, e->mode, e->user, e->group,
		(uint64_t)e->mtime.s, e->mtime.ns, (uint64_t)e->ctime.s,
		e->ctime.ns, e->major, e->minor, content, attrs,
		e->flags &
			(DIRENT_CHANGED | DIRENT_UNREAD | DIRENT_NOT_ENTERED)};
	uint64_t h = path;

	for (size_t i = 0; i < array_len(values); i++)
		h = tour_mix(h, values[i]);
	if (e->kind == FILE_REGULAR || e->kind == FILE_SYMLINK)
		h = tour_mix(h, e->size);
	return h;
}

static bool
step(struct tour *t)
{
	if (t->honest)
		return true;
	t->steps -= t->steps > 0;
	return t->steps > 0;
}

/* What an honest snapshot cannot answer. */
static void
well(const struct tour *t, int err)
{
	TRIP_MUST(!t->honest || err >= 0);
}

/* ---- files ---- */

struct reading {
	struct tour *t;
	uint64_t at, sum;
};

static int
read_piece(void *ctx, const struct file_piece *piece)
{
	struct reading *r = ctx;

	TRIP_MUST(piece->offset == r->at && piece->length > 0);
	TRIP_MUST(!piece->bytes.p || piece->bytes.n == piece->length);
	r->at += piece->length;
	r->sum += tour_content(piece->offset, piece->bytes);
	return step(r->t) ? 0 : 1;
}

static void
look_around(struct tour *t, struct file *file)
{
	uint64_t size = file->place.entry.size, at = 0, end = 0, where;
	uint8_t bytes[64];
	bool data;

	well(t, file_allocated(file, NODES, &where, NULL));
	TRIP_MUST(!t->honest || where <= size);
	for (unsigned int i = 0; i < RUNS && at < size; i++, at = end) {
		if (file_run(file, at, &data, &end, NULL) != 0) {
			TRIP_MUST(!t->honest);
			return;
		}
		TRIP_MUST(end > at && end <= size);
		if (file_pread(file, bytes, sizeof(bytes), end - 1, NULL) < 0)
			TRIP_MUST(!t->honest);
	}
}

/* What was read without a failure is what is there. */
static void
compare(const struct place *p, uint64_t sum)
{
	unsigned int left = PIECES;
	uint64_t plain = 0;
	enum objects_read done =
		objects_content(&p->entry, &p->content, &left, &plain);

	TRIP_MUST(done != OBJECTS_WRONG);
	TRIP_MUST(done == OBJECTS_MANY || plain == sum);
}

static uint64_t
tour_file(struct tour *t, const struct place *p)
{
	struct reading r = {.t = t};
	struct file file;
	int err;

	TRIP_MUST(file_open(t->snap, p, &file) == 0);
	err = file_walk(&file, 0, UINT64_MAX, read_piece, &r, NULL);
	if (err == 0)
		compare(p, r.sum);
	if (!file_is_lost(p)) {
		well(t, err);
		TRIP_MUST(err != 0 || r.at == p->entry.size);
		look_around(t, &file);
	}
	file_close(&file);
	return r.sum;
}

/* ---- entries ---- */

static uint64_t
tour_link(struct tour *t, const struct place *p)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct span target;
	int err = place_link(t->snap, p, &o, &target, NULL);

	well(t, err);
	return err == 0 ? tour_hash(target) : 0;
}

static uint64_t
tour_attrs(struct tour *t, const struct place *p)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct attrs set;
	struct attr a;
	struct rcur at;
	uint64_t h = 0;
	int err = place_attrs(t->snap, p, &o, &set, NULL);

	well(t, err);
	if (err != 0)
		return 0;
	at = rcur_init(set.rows);
	while (attrs_next(&at, &a))
		h = tour_mix(
			tour_mix(h, tour_hash(a.name)), tour_hash(a.value));
	return h;
}

static void
meet(struct tour *t, const struct place *p, uint64_t path)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	uint64_t content = 0;

	if (p->entry.kind == FILE_REGULAR)
		content = tour_file(t, p);
	if (p->entry.kind == FILE_SYMLINK)
		content = tour_link(t, p);
	well(t, place_owner(t->snap, p, OWNER_USER, &name, NULL));
	t->entries++;
	t->files += p->entry.kind == FILE_REGULAR;
	t->directories += p->entry.kind == FILE_DIRECTORY;
	t->bytes += p->entry.kind == FILE_REGULAR ? p->entry.size : 0;
	t->sum += tour_entry(path, &p->entry, content, tour_attrs(t, p));
}

static bool
same_place(const struct place *a, const struct place *b)
{
	return a->path == b->path && a->number == b->number &&
	       a->entry.kind == b->entry.kind &&
	       (a->entry.content == 0 || ref_equal(&a->content, &b->content));
}

/* The other ways to the index-th entry of a directory. */
static void
find_again(struct tour *t, const struct place *dir, uint64_t index,
	struct span name, const struct place *p)
{
	struct place found, parent;
	struct span same;
	struct place_dir d;
	int err;

	err = place_find(t->snap, dir, name, &found, NULL);
	well(t, err);
	TRIP_MUST(!t->honest || same_place(&found, p));
	err = place_number(t->snap, p->path, p->number, &found, &parent, NULL);
	well(t, err);
	TRIP_MUST(!t->honest ||
		  (same_place(&found, p) && same_place(&parent, dir)));
	err = place_dir_open(t->snap, dir, index, &d, NULL);
	well(t, err);
	if (err != 0)
		return;
	err = place_dir_next(&d, &same, &found, NULL);
	TRIP_MUST(!t->honest || (err == 1 && same_place(&found, p)));
	place_dir_close(&d);
}

static void
tour_dir(struct tour *t, const struct place *dir, uint64_t path,
	unsigned int depth)
{
	uint64_t number = dir->number, index = 0;
	struct place_dir d;
	struct place p;
	struct span name;
	int err = place_dir_open(t->snap, dir, 0, &d, NULL);

	well(t, err);
	if (err != 0)
		return;
	while ((err = place_dir_next(&d, &name, &p, NULL)) > 0 && step(t)) {
		uint64_t below = tour_below(path, name);

		TRIP_MUST(!t->honest || p.number == number + 1);
		find_again(t, dir, index++, name, &p);
		meet(t, &p, below);
		t->cut |= depth == DEPTH;
		if (place_is_dir(&p) && depth < DEPTH)
			tour_dir(t, &p, below, depth + 1);
		number = p.number + p.entry.below;
	}
	well(t, err);
	TRIP_MUST(!t->honest || number == dir->number + dir->entry.below);
	place_dir_close(&d);
}

static int
tell_problem(void *ctx, const struct problem *problem)
{
	struct tour *t = ctx;

	TRIP_MUST(tour_hash(problem->name) != 0 || problem->name.n == 0);
	return step(t) ? 0 : 1;
}

void
tour_all(struct tour *t)
{
	struct place top;

	place_top(t->snap, &top);
	meet(t, &top, TOUR_ROOT);
	if (place_is_dir(&top))
		tour_dir(t, &top, TOUR_ROOT, 0);
	well(t, view_problems_each(t->snap, tell_problem, t, NULL));
}
