/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/told.h"

#include <errno.h>

#include "format/attrs.h"
#include "format/wire.h"
#include "tests/fuzz/tour.h"
#include "tests/fuzz/trip.h"

#define ENTRIES_MAX 4096U
#define BATCHES_MAX 4096U

struct entry {
	uint64_t path;
	struct dirent_rec e; /* its name is not kept */
	uint64_t content;
	uint64_t attrs;
	bool listed;  /* else it could not be examined */
	bool problem; /* then what was asked for need not come */
	bool restarted;
	uint8_t want, got; /* enum wire_want_bit */
	/* Of a directory whose batches follow. */
	bool follows, last;
	struct span last_name;
	/* Of a file of many names. */
	struct listing as;
	enum {
		ALONE,
		READ,
		FOLLOW,
		REFUSED
	} role;
	size_t alike; /* the first of those that are listed alike in a row */
	bool whole;   /* read to its end */
};

/* Names of one file that are read, and of one that changes meanwhile. */
#define READ_MAX 3U
#define READ_CHANGING_MAX 16U

struct batch {
	size_t first;
	uint16_t n;
};

static struct entry entry[ENTRIES_MAX];
static struct batch batch[BATCHES_MAX];
static size_t entries, batches;

/* Where contents are: the batch that is served, its entry, its file. */
static size_t serving;
static uint16_t at;
static bool in_file;
static uint64_t length;

static bool legal;

static void
must(bool so)
{
	legal = legal && so;
}

/* One that counts for nothing when there is none. */
static struct entry *
entry_of(struct wire_at a)
{
	static struct entry none;
	bool there = a.batch < batches && a.entry < batch[a.batch].n;

	must(there);
	if (there)
		return &entry[batch[a.batch].first + a.entry];
	none = (struct entry){.listed = false};
	return &none;
}

/* ---- files of many names ---- */

static bool
of_one_inode(const struct entry *a, const struct entry *b)
{
	return a->role != ALONE && a->as.inode == b->as.inode &&
	       a->as.device == b->as.device;
}

static bool
listed_alike(const struct entry *a, const struct entry *b)
{
	return a->as.size == b->as.size && a->as.mtime.s == b->as.mtime.s &&
	       a->as.mtime.ns == b->as.mtime.ns &&
	       a->as.ctime.s == b->as.ctime.s &&
	       a->as.ctime.ns == b->as.ctime.ns;
}

/* Is this name of the file read? It is the last that was listed. */
static void
find_role(struct entry *e)
{
	const struct entry *before = NULL;
	unsigned int alike = 0, all = 0;

	for (struct entry *o = e; o-- > entry;) {
		if (!of_one_inode(o, e) || o->role == REFUSED)
			continue;
		before = before ? before : o;
		all += o->role == READ;
		alike += o->role == READ && o->alike == before->alike;
	}
	e->alike = (size_t)(e - entry);
	e->role = READ;
	if (!before)
		return;
	if (!listed_alike(before, e)) {
		e->role = all == READ_CHANGING_MAX ? REFUSED : READ;
		return;
	}
	e->alike = before->alike;
	if (alike == READ_MAX || all == READ_CHANGING_MAX)
		e->role = FOLLOW;
}

/* What was read of another name: of one moment, if any of them is. */
static void
take_over(struct entry *e)
{
	const struct entry *from = NULL;
	size_t end = batch[serving].first + batch[serving].n;

	for (size_t i = 0; e->role == FOLLOW && i < end; i++) {
		const struct entry *o = &entry[i];

		if (o->role != READ || !of_one_inode(o, e) ||
			o->alike != e->alike || !o->whole)
			continue;
		if (!from || ((from->e.flags & DIRENT_CHANGED) &&
				     !(o->e.flags & DIRENT_CHANGED)))
			from = o;
	}
	if (!from) {
		e->e.flags |= DIRENT_UNREAD;
		return;
	}
	e->content = from->content;
	e->e.size = from->e.size;
	e->e.mtime = from->e.mtime;
	e->e.ctime = from->e.ctime;
	e->e.flags |= from->e.flags & DIRENT_CHANGED;
}

/* ---- listings ---- */

static void
take_listing(const struct listing *l, uint64_t parent)
{
	struct entry *e = &entry[entries++];
	bool seen = !(l->flags & WIRE_ENTRY_UNEXAMINED);

	*e = (struct entry){.listed = seen,
		.follows = l->flags & WIRE_ENTRY_FOLLOWS,
		.want = seen && !(l->flags & WIRE_ENTRY_OTHER_DEVICE)
				? WIRE_WANT_ATTRS
				: 0,
		.path = l->name.n > 0 ? tour_below(parent, l->name) : TOUR_ROOT,
		.e = {.kind = l->kind,
			.mode = l->mode,
			.user = l->user,
			.group = l->group,
			.mtime = l->mtime,
			.ctime = l->ctime,
			.size = l->size}};
	must(seen || !e->follows);
	e->as = *l;
	if (seen && l->kind == FILE_REGULAR && l->links > READ_MAX)
		find_role(e);
	if (e->role == FOLLOW || e->role == REFUSED)
		return;
	if (seen && (l->kind == FILE_REGULAR || l->kind == FILE_SYMLINK))
		e->want |= WIRE_WANT_CONTENT;
	if (l->kind == FILE_CHAR || l->kind == FILE_BLOCK) {
		e->e.major = l->major;
		e->e.minor = l->minor;
	}
	if (l->kind == FILE_DIRECTORY && !e->follows)
		e->e.flags |= DIRENT_NOT_ENTERED;
}

static bool
ascends(struct span a, struct span b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c < 0 || (c == 0 && a.n < b.n);
}

/* The directory that a batch goes on with. */
static struct entry *
directory_of(const struct wire_batch *b)
{
	static struct entry above;
	struct entry *d;

	if (b->batch == 0) {
		must(b->n == 1);
		above = (struct entry){.listed = false};
		return &above;
	}
	d = entry_of((struct wire_at){b->parent, b->parent_entry});
	must(d->follows && !d->last);
	return d;
}

static void
take_batch(struct span payload)
{
	struct entry *d;
	struct wire_batch b;
	struct listing l;
	struct rcur r;

	if (wire_batch_decode(payload, &b) != 0 || batches == BATCHES_MAX ||
		entries + b.n > ENTRIES_MAX) {
		must(false);
		return;
	}
	must(b.batch == batches && (b.n > 0 || (b.flags & WIRE_BATCH_LAST)));
	d = directory_of(&b);
	d->last = b.flags & WIRE_BATCH_LAST;
	if (b.flags & WIRE_BATCH_UNREAD)
		d->e.flags |= DIRENT_UNREAD;
	batch[batches++] = (struct batch){entries, b.n};
	r = rcur_init(b.entries);
	while (wire_batch_next(&r, &l)) {
		if (l.flags & WIRE_ENTRY_UNEXAMINED)
			d->e.flags |= DIRENT_UNREAD;
		must(d->last_name.n == 0 || ascends(d->last_name, l.name));
		d->last_name = l.name;
		take_listing(&l, d->path);
	}
}

static void
take_problem(struct span payload)
{
	struct wire_problem p;
	struct entry *e;

	if (wire_problem_decode(payload, &p) != 0) {
		must(false);
		return;
	}
	e = entry_of(p.at);
	e->problem = true;
	/* Removed since it was listed. */
	if (p.err == ENOENT && p.at.batch > 0 && e->e.kind != FILE_DIRECTORY &&
		(p.reason == PROBLEM_NOT_OPENED || p.reason == PROBLEM_ATTRS ||
			p.reason == PROBLEM_LINK))
		e->listed = false;
}

/* ---- contents ---- */

/* Contents come in the order of batches and entries, once, if wanted. */
static struct entry *
served(struct wire_at a, uint8_t want)
{
	struct entry *e = entry_of(a);

	must(a.batch == serving && a.entry >= at);
	must(!in_file || a.entry == at);
	must((e->want & want) && !(e->got & want));
	at = a.entry;
	return e;
}

static struct entry *
served_file(struct wire_at a)
{
	struct entry *e = served(a, WIRE_WANT_CONTENT);

	must(e->e.kind == FILE_REGULAR);
	if (!in_file)
		length = 0;
	in_file = true;
	return e;
}

static void
take_attrs(struct span payload)
{
	struct wire_attrs w;
	struct attrs set;
	struct entry *e;
	struct attr a;
	struct rcur r;

	if (wire_attrs_decode(payload, &w) != 0 ||
		attrs_open(w.set, &set) != 0) {
		must(false);
		return;
	}
	e = served(w.at, WIRE_WANT_ATTRS);
	e->got |= WIRE_WANT_ATTRS;
	r = rcur_init(set.rows);
	while (attrs_next(&r, &a))
		e->attrs = tour_mix(tour_mix(e->attrs, tour_hash(a.name)),
			tour_hash(a.value));
}

static void
take_link(struct span payload)
{
	struct wire_link w;
	struct entry *e;

	if (wire_link_decode(payload, &w) != 0) {
		must(false);
		return;
	}
	e = served(w.at, WIRE_WANT_CONTENT);
	must(e->e.kind == FILE_SYMLINK);
	e->got |= WIRE_WANT_CONTENT;
	e->content = tour_hash(w.target);
	e->e.size = w.target.n;
}

static void
take_data(struct span payload)
{
	struct wire_data w;
	struct entry *e;

	if (wire_data_decode(payload, &w) != 0) {
		must(false);
		return;
	}
	e = served_file(w.at);
	must(w.offset == length);
	e->content += tour_content(w.offset, w.bytes);
	length += w.bytes.n;
}

static void
take_hole(struct span payload)
{
	struct wire_hole w;

	if (wire_hole_decode(payload, &w) != 0) {
		must(false);
		return;
	}
	(void)served_file(w.at);
	must(w.offset == length);
	length += w.length;
}

static void
take_restart(struct span payload)
{
	struct wire_at a;
	struct entry *e;

	if (wire_restart_decode(payload, &a) != 0) {
		must(false);
		return;
	}
	e = served_file(a);
	must(!e->restarted);
	e->restarted = true;
	e->content = length = 0;
}

static void
take_end(struct span payload)
{
	struct wire_file_end w;
	struct entry *e;

	if (wire_file_end_decode(payload, &w) != 0) {
		must(false);
		return;
	}
	e = served_file(w.at);
	must(w.size == length);
	in_file = false;
	e->got |= WIRE_WANT_CONTENT;
	/* Of a file that was not read only its listing is known. */
	if (!(w.flags & WIRE_END_UNREAD) || w.size > 0) {
		e->e.size = w.size;
		e->e.mtime = w.mtime;
		e->e.ctime = w.ctime;
	}
	if (w.flags & WIRE_END_UNREAD)
		e->e.flags |= DIRENT_UNREAD;
	if (w.flags & WIRE_END_CHANGED)
		e->e.flags |= DIRENT_CHANGED;
	e->whole = !(w.flags & WIRE_END_UNREAD);
}

static void
take_batch_done(struct span payload)
{
	uint32_t number;

	if (wire_batch_done_decode(payload, &number) != 0 ||
		number != serving || number >= batches) {
		must(false);
		return;
	}
	must(!in_file);
	for (uint16_t i = 0; i < batch[number].n; i++) {
		struct entry *e = &entry[batch[number].first + i];

		must(e->problem || e->got == e->want);
		if (e->want & ~e->got & WIRE_WANT_CONTENT) {
			e->e.flags |= DIRENT_UNREAD;
			if (e->e.kind == FILE_SYMLINK)
				e->e.size = 0;
		}
		if (e->role == FOLLOW || e->role == REFUSED)
			take_over(e);
	}
	serving++;
	at = 0;
}

static void
take_done(struct span payload)
{
	uint64_t n;

	must(wire_done_decode(payload, &n) == 0 && n == batches);
	must(serving == batches && batches > 0);
	for (size_t i = 0; i < entries; i++)
		must(!entry[i].follows || entry[i].last);
}

static const struct {
	enum wire_type type;
	void (*take)(struct span payload);
} takers[] = {
	{WIRE_BATCH, take_batch},
	{WIRE_PROBLEM, take_problem},
	{WIRE_ATTRS, take_attrs},
	{WIRE_LINK, take_link},
	{WIRE_DATA, take_data},
	{WIRE_HOLE, take_hole},
	{WIRE_RESTART, take_restart},
	{WIRE_FILE_END, take_end},
	{WIRE_BATCH_DONE, take_batch_done},
	{WIRE_DONE, take_done},
};

static void
take(enum wire_type type, struct span payload)
{
	for (size_t i = 0; i < array_len(takers); i++) {
		if (takers[i].type == type)
			takers[i].take(payload);
	}
}

void
told_read(struct told *ret, struct span frames)
{
	struct rcur r = rcur_init(frames);
	struct wire_head head = {.type = WIRE_AGENT_HELLO};

	entries = batches = serving = at = 0;
	in_file = false;
	legal = true;
	while (rcur_left(&r) > 0 && head.type != WIRE_DONE) {
		struct span payload;

		if (wire_head_decode(rcur_span(&r, WIRE_HEAD_SIZE),
			    WIRE_FROM_AGENT, &head) != 0)
			break;
		payload = rcur_span(&r, head.length);
		if (rcur_ok(&r))
			take(head.type, payload);
	}
	*ret = (struct told){.n = frames.n - rcur_left(&r), .legal = legal};
	for (size_t i = 0; i < entries; i++) {
		const struct entry *e = &entry[i];

		if (!e->listed)
			continue;
		ret->entries++;
		ret->sum += tour_entry(e->path, &e->e, e->content, e->attrs);
	}
}
