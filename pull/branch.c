/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/tree_internal.h"

#include "util/clock.h"
#include "util/mem.h"

#include <errno.h>
#include <string.h>

/* Seconds. A change so near to the reading may leave the times as they were: such
 * an entry is not remembered. (A time far in the future was set by hand; a
 * change would not set it again.) */
#define TRUST_WITHIN 2

static int
out_of_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
}

/* ---- the batches under way ---- */

struct batch *
branch_find(const struct tree *t, uint32_t number)
{
	struct batch *b = t->bucket[number % TREE_BUCKETS];

	while (b != NULL && b->number != number)
		b = b->hash_next;
	return b;
}

static void
forget(struct tree *t, struct batch *b)
{
	struct batch **at = &t->bucket[b->number % TREE_BUCKETS];

	while (*at != NULL && *at != b)
		at = &(*at)->hash_next;
	if (*at == b)
		*at = b->hash_next;
}

static void
free_entry(struct entry *e)
{
	ordinals_free(&e->packs);
	linked_drop(e->linked);
}

void
branch_free_batch(struct tree *t, struct batch *b)
{
	uint16_t i;

	if (b == NULL)
		return;
	forget(t, b);
	t->live -= b->n;
	for (i = 0; b->entry != NULL && i < b->n; i++)
		free_entry(&b->entry[i]);
	mem_free(b->entry);
	buf_free(&b->bytes);
	mem_free(b);
}

void
branch_free_dir(struct dir *d)
{
	if (d == NULL)
		return;
	memory_free(d->memory);
	pages_free(&d->pages);
	mem_free(d);
}

int
branch_directory(struct tree *t, struct batch *parent, uint16_t index,
	struct dir **ret, struct fault *f)
{
	const struct dir *up = parent->dir;
	struct dir *d = mem_zalloc(sizeof(*d));

	if (d == NULL)
		return out_of_memory(f);
	d->parent = parent;
	d->index = index;
	if (up == NULL) {
		d->path = index;
		d->device = parent->entry[index].l.device;
		remember_place_root(&d->place, index);
	} else {
		d->path = up->path;
		d->device = up->device;
		d->depth = up->depth + 1;
		remember_place_below(&d->place, t->o->remember, &up->place,
			parent->entry[index].l.name);
	}
	pages_init(&d->pages, t->o->ingest, &t->t->owners);
	if (memory_open(t->o->remember, &d->place, &d->memory) != 0) {
		branch_free_dir(d);
		return out_of_memory(f);
	}
	*ret = d;
	return 0;
}

/* ---- problems ---- */

/* The name below the path, from its end: lengths first, then the bytes. */
static int
name_of(const struct batch *b, uint16_t index, struct buf *out)
{
	const struct batch *p = b;
	struct span name;
	uint16_t i = index;
	size_t n = 0;

	for (; p->dir != NULL; i = p->dir->index, p = p->dir->parent)
		n += p->entry[i].l.name.n + 1;
	buf_clear(out);
	if (n == 0)
		return 0;
	if (buf_reserve(out, n) != 0)
		return -ENOMEM;
	out->n = n - 1;
	for (p = b, i = index; p->dir != NULL;
		i = p->dir->index, p = p->dir->parent) {
		name = p->entry[i].l.name;
		n -= name.n + 1;
		memcpy(out->p + n, name.p, name.n);
		if (n + name.n < out->n)
			out->p[n + name.n] = '/';
	}
	return 0;
}

int
branch_problem(struct tree *t, struct batch *b, uint16_t index,
	enum problem_reason reason, uint32_t err, struct fault *f)
{
	const struct tree_sink *s = t->o->sink;
	struct problem p = {.reason = reason, .err = err};

	if (name_of(b, index, &t->scratch) != 0)
		return out_of_memory(f);
	p.path = b->dir == NULL ? index : b->dir->path;
	p.name = buf_span(&t->scratch);
	if (reason == PROBLEM_CHANGED)
		t->t->counts.changed++;
	else
		t->t->counts.problems++;
	b->entry[index].has_problem = true;
	if (s != NULL && s->problem != NULL)
		s->problem(s->ctx, p.name, reason, err);
	return problems_add(&t->chain, t->o->ingest, &t->t->packs, &p, f);
}

/* ---- what is wanted ---- */

/* A write that follows a look at a file within one tick of its file system's
 * clock leaves no trace. When the source looked is not known here, where its
 * words may come late; but not before it greeted. */
static bool
recent(const struct tree *t, const struct when *w)
{
	int64_t now = clock_wall().sec + t->o->clock_skew;

	return w->s >= t->o->greeted - TRUST_WITHIN &&
	       w->s <= now + TRUST_WITHIN;
}

static bool
same_when(const struct when *a, const struct when *b)
{
	return a->s == b->s && a->ns == b->ns;
}

static bool
unchanged(const struct listing *l, const struct statrec_entry *e)
{
	return e != NULL && (uint8_t)e->kind == l->kind &&
	       (l->kind != FILE_REGULAR || e->size == l->size) &&
	       same_when(&e->mtime, &l->mtime) &&
	       same_when(&e->ctime, &l->ctime) && e->inode == l->inode;
}

static int
recall_attrs(struct entry *e, const struct statrec_entry *old)
{
	if (!old->has_attrs)
		return 0;
	e->attrs_ref = old->attrs_ref;
	e->flags |= DIRENT_ATTRS;
	return ordinals_add(&e->packs, old->attrs_ref.addr.ordinal);
}

static int
recall_content(struct entry *e, const struct statrec_entry *old)
{
	uint32_t i;

	e->content = old->content;
	e->content_ref = old->content_ref;
	e->day = old->day;
	if (e->l.kind == FILE_SYMLINK)
		e->l.size = old->size;
	for (i = 0; i < old->packs.n; i++)
		if (ordinals_add(&e->packs, statrec_ordinal(&old->packs, i)) !=
			0)
			return -ENOMEM;
	return 0;
}

/* Has it content that comes with it, and not with batches of its own? A file
 * without a size may have some: those of /proc do. */
static bool
has_content(const struct listing *l)
{
	return l->kind == FILE_REGULAR || l->kind == FILE_SYMLINK;
}

void
branch_trust(const struct tree *t, struct entry *e)
{
	e->trusted = !recent(t, &e->l.mtime) && !recent(t, &e->l.ctime);
}

/* Content that is not known: from the source, or with another name of it. */
static int
want_content(struct tree *t, struct entry *e)
{
	int role = LINKED_READ;

	if (e->l.kind == FILE_REGULAR)
		role = linked_meet(t->linked, &e->l, &e->linked);
	if (role < 0)
		return role;
	if (role == LINKED_READ)
		e->want |= WIRE_WANT_CONTENT;
	else
		e->follows = true;
	return 0;
}

static int
decide(struct tree *t, struct batch *b, struct entry *e)
{
	const struct statrec_entry *old =
		b->dir == NULL ? NULL : memory_find(b->dir->memory, e->l.name);

	e->day = t->o->today;
	branch_trust(t, e);
	if (!unchanged(&e->l, old)) {
		/* Whoever serves what is mounted there may not answer. */
		if (!(e->l.flags & WIRE_ENTRY_OTHER_DEVICE))
			e->want = WIRE_WANT_ATTRS;
		return has_content(&e->l) ? want_content(t, e) : 0;
	}
	if (e->l.kind == FILE_REGULAR && memory_due(b->dir->memory, old)) {
		e->want = WIRE_WANT_ATTRS;
		return want_content(t, e);
	}
	if (recall_attrs(e, old) != 0)
		return -ENOMEM;
	return has_content(&e->l) ? recall_content(e, old) : 0;
}

int
branch_answer(struct tree *t, struct batch *b, struct fault *f)
{
	uint8_t want[WIRE_ENTRIES_MAX];
	const struct wire_want w = {b->number, {want, b->n}};
	struct entry *e;
	uint16_t i;

	for (i = 0; i < b->n; i++) {
		e = &b->entry[i];
		if ((e->l.flags & WIRE_ENTRY_UNEXAMINED) == 0 &&
			decide(t, b, e) != 0)
			return out_of_memory(f);
		if (e->l.kind == FILE_DIRECTORY &&
			(e->l.flags & WIRE_ENTRY_FOLLOWS) == 0) {
			e->flags |= DIRENT_NOT_ENTERED;
			e->l.size = 0;
		}
		want[i] = e->want;
	}
	if (wire_want_encode(peer_output(t->o->peer), &w) != 0)
		return out_of_memory(f);
	return 0;
}

/* ---- what becomes of a batch that is done ---- */

static int
take_over(struct tree *t, struct batch *b, uint16_t index, struct fault *f)
{
	struct entry *e = &b->entry[index];
	const struct linked_content *c =
		e->linked == NULL ? NULL : linked_content(e->linked);
	size_t i;

	/* It may be read by the next pull. */
	if (c == NULL) {
		e->flags |= DIRENT_UNREAD;
		return branch_problem(
			t, b, index, PROBLEM_NOT_OPENED, EAGAIN, f);
	}
	e->content = c->content;
	e->content_ref = c->ref;
	e->flags |= c->flags;
	e->l.size = c->size;
	e->l.mtime = c->mtime;
	e->l.ctime = c->ctime;
	branch_trust(t, e);
	for (i = 0; i < c->packs.n; i++)
		if (ordinals_add(&e->packs, c->packs.v[i]) != 0)
			return out_of_memory(f);
	return (c->flags & DIRENT_CHANGED) == 0
		       ? 0
		       : branch_problem(t, b, index, PROBLEM_CHANGED, 0, f);
}

int
branch_follow(struct tree *t, struct batch *b, struct fault *f)
{
	int r = 0;

	for (uint16_t i = 0; r == 0 && i < b->n; i++)
		if (b->entry[i].follows && !b->entry[i].gone)
			r = take_over(t, b, i, f);
	return r;
}

void
branch_dirent(const struct tree *t, const struct dir *d, const struct entry *e,
	struct dirent_rec *ret)
{
	const struct listing *l = &e->l;

	*ret = (struct dirent_rec){.name = l->name,
		.kind = l->kind,
		.content = e->content,
		.flags = e->flags,
		.mode = l->mode,
		.user = l->user,
		.group = l->group,
		.mtime = l->mtime,
		.ctime = l->ctime};
	if (l->kind == FILE_REGULAR || l->kind == FILE_DIRECTORY ||
		l->kind == FILE_SYMLINK)
		ret->size = l->size;
	if (l->kind == FILE_DIRECTORY)
		ret->below = e->below;
	if (l->kind == FILE_CHAR || l->kind == FILE_BLOCK) {
		ret->major = l->major;
		ret->minor = l->minor;
	}
	if (l->kind != FILE_DIRECTORY && l->links > 1 && d != NULL) {
		ret->flags |= DIRENT_LINK_GROUP;
		ret->links = l->links;
		stat_link_group(ret->link_group, remember_keys(t->o->remember),
			d->path, l->device == d->device ? 0 : l->device,
			l->inode);
	}
}

static void
count(struct tree *t, const struct entry *e)
{
	struct tree_counts *c = &t->t->counts;

	c->entries++;
	if (e->l.kind == FILE_DIRECTORY)
		c->directories++;
	if (e->l.kind != FILE_REGULAR)
		return;
	c->files++;
	c->bytes = add64_max(c->bytes, e->l.size);
	if (e->content != 0 && e->day < c->oldest_day)
		c->oldest_day = e->day;
}

/* The listing and the owners' names: what a directory's digest covers. */
static int
listing_with_names(struct tree *t, const struct entry *e)
{
	const struct owner *o[2] = {
		owners_find(&t->t->owners, OWNER_USER, e->l.user),
		owners_find(&t->t->owners, OWNER_GROUP, e->l.group)};
	size_t i;

	buf_clear(&t->scratch);
	if (buf_append(&t->scratch, e->listing.p, e->listing.n) != 0)
		return -ENOMEM;
	for (i = 0; i < 2; i++)
		if (buf_u8(&t->scratch,
			    o[i] == NULL ? 0 : (uint8_t)o[i]->name.n) != 0 ||
			(o[i] != NULL && buf_append(&t->scratch, o[i]->name.p,
						 o[i]->name.n) != 0))
			return -ENOMEM;
	return 0;
}

static int
to_memory(struct tree *t, struct dir *d, const struct entry *e)
{
	struct statrec_entry s = {.kind = e->l.kind,
		.content = e->content,
		.flags = e->flags,
		.size = e->l.size,
		.mtime = e->l.mtime,
		.ctime = e->l.ctime,
		.inode = e->l.inode,
		.device = e->l.device,
		.day = e->day,
		.has_attrs = (e->flags & DIRENT_ATTRS) != 0,
		.content_ref = e->content_ref,
		.attrs_ref = e->attrs_ref};

	if (listing_with_names(t, e) != 0)
		return -ENOMEM;
	if (!e->trusted || e->has_problem)
		return memory_skip(d->memory, e->l.name, buf_span(&t->scratch));
	return memory_add(
		d->memory, e->l.name, &s, &e->packs, buf_span(&t->scratch));
}

bool
branch_left_out(const struct entry *e)
{
	return (e->l.flags & WIRE_ENTRY_UNEXAMINED) != 0 || e->gone;
}

static int
remember_entries(struct tree *t, struct batch *b, struct fault *f)
{
	const struct entry *e;
	uint16_t i;

	for (i = 0; i < b->n; i++) {
		e = &b->entry[i];
		if (branch_left_out(e))
			continue;
		count(t, e);
		if (ordinal_map_add(&t->t->packs, &e->packs) != 0 ||
			(b->dir != NULL && to_memory(t, b->dir, e) != 0))
			return out_of_memory(f);
	}
	return 0;
}

static int
store_entries(struct tree *t, struct batch *b, struct fault *f)
{
	const struct entry *e;
	struct dirent_rec d;
	uint16_t i;
	int r = 0;

	for (i = 0; r == 0 && i < b->n; i++) {
		e = &b->entry[i];
		if (branch_left_out(e))
			continue;
		branch_dirent(t, b->dir, e, &d);
		r = pages_add(
			&b->dir->pages, &d, &e->content_ref, &e->attrs_ref, f);
	}
	return r;
}

/* Store a directory's pages, or take over what they were. */
static int
store_directory(struct tree *t, struct dir *d,
	const struct statrec_directory *same, struct entry *e, struct fault *f)
{
	_cleanup_buf_ struct buf rows = BUF_INIT;
	struct statrec_directory rec;
	struct pages_result p;
	uint32_t i;
	int r;

	if (same == NULL) {
		r = pages_end(&d->pages, &p, f);
		if (r != 0)
			return r;
		if (ordinals_encode(p.packs, &rows) != 0)
			return out_of_memory(f);
		rec = (struct statrec_directory){.ref = p.ref,
			.type = p.type,
			.below = p.below,
			.bytes = p.bytes,
			.packs = {buf_span(&rows), (uint32_t)p.packs->n}};
		same = &rec;
	}
	e->content = (uint8_t)same->type;
	e->content_ref = same->ref;
	e->below = same->below;
	e->l.size = same->bytes;
	for (i = 0; i < same->packs.n; i++)
		if (ordinal_map_set(&t->t->packs,
			    statrec_ordinal(&same->packs, i)) != 0)
			return out_of_memory(f);
	/* What a subdirectory needs stands in its own record: here only the
	 * pack of its object, so that the entry counts only while it is there. */
	if (ordinals_add(&e->packs, same->ref.addr.ordinal) != 0)
		return out_of_memory(f);
	r = memory_end(d->memory, same);
	d->memory = NULL;
	return r == 0 ? 0 : out_of_memory(f);
}

/* A directory's last batch is done. */
static int
finish_directory(struct tree *t, struct dir *d,
	const struct statrec_directory *same, struct fault *f)
{
	struct batch *up = d->parent;
	struct entry *e = &up->entry[d->index];
	int r;

	if (d->unread)
		e->flags |= DIRENT_UNREAD;
	r = store_directory(t, d, same, e, f);
	e->dir = NULL;
	branch_free_dir(d);
	up->open--;
	return r;
}

static int
settle_one(struct tree *t, struct batch *b, struct batch **up, struct fault *f)
{
	const struct statrec_directory *same = NULL;
	struct dir *d = b->dir;
	bool single = d->listed == 1 && d->last;
	int r;

	r = remember_entries(t, b, f);
	if (r == 0 && single)
		same = memory_unchanged(d->memory);
	if (r == 0 && same == NULL)
		r = store_entries(t, b, f);
	*up = NULL;
	d->settled++;
	branch_free_batch(t, b);
	if (r != 0 || !d->last || d->settled < d->listed)
		return r;
	*up = d->parent;
	return finish_directory(t, d, same, f);
}

int
branch_settle(struct tree *t, struct batch *b, struct fault *f)
{
	const struct tree_sink *s = t->o->sink;
	int r = 0;

	while (r == 0 && b != NULL && b->served && b->open == 0) {
		if (b->dir == NULL) {
			t->rooted = true;
			r = remember_entries(t, b, f);
			break;
		}
		r = settle_one(t, b, &b, f);
	}
	if (s != NULL && s->progress != NULL)
		s->progress(s->ctx, &t->t->counts);
	return r;
}
