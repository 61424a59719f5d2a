/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come when: OWNER, BATCH and PROBLEM at any time before DONE; the
 * contents of batches in the order of their numbers, within a batch in the
 * order of its entries, within a file in the order of its bytes.
 */
#include "pull/tree_internal.h"

#include "format/attrs.h"
#include "format/field.h"
#include "util/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
wrong(struct fault *f, const char *what)
{
	return fault_set(f, FAULT_AGENT_PROTOCOL, "agent", "%s", what);
}

static int
out_of_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, "pull", NULL);
}

/* ---- listings ---- */

static int
take_owner(struct tree *t, struct span payload, struct fault *f)
{
	struct owner o;
	int r;

	if (wire_owner_decode(payload, &o) != 0)
		return wrong(f, "an owner's name that is none");
	r = owners_add(&t->t->owners, &o);
	if (r == -EOVERFLOW)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "agent",
			"more than %u owners", OWNERS_MAX);
	return r == 0 ? 0 : out_of_memory(f);
}

static bool
listing_ok(const struct listing *l)
{
	if ((l->flags & WIRE_ENTRY_UNEXAMINED) != 0)
		return (l->flags & WIRE_ENTRY_FOLLOWS) == 0;
	return l->kind == FILE_DIRECTORY ||
	       (l->flags & WIRE_ENTRY_FOLLOWS) == 0;
}

/* A pattern leaves the store out; under another name, as of a bind mount of it
 * or of one of its folders, it would grow by itself with each pull. */
static bool
is_store(const struct tree *t, const struct listing *l)
{
	return l->kind == FILE_DIRECTORY &&
	       (l->flags & WIRE_ENTRY_FOLLOWS) != 0 &&
	       folders_know(&t->o->store, l->device, l->inode);
}

static int
its_own_store(const struct listing *l, struct fault *f)
{
	char name[LIMIT_NAME + 1];

	snprintf(name, sizeof(name), "%.*s", (int)l->name.n,
		(const char *)l->name.p);
	return fault_set(f, FAULT_USAGE, name,
		"it is the store itself, or of it, by another mount: leave it "
		"out with --exclude");
}

/* Copy a batch's entries and decode them. */
static int
new_batch(struct tree *t, const struct wire_batch *w, struct batch **ret,
	struct fault *f)
{
	struct batch *b = mem_zalloc(sizeof(*b));
	struct rcur at;
	uint16_t i;

	if (b == NULL)
		return out_of_memory(f);
	b->number = w->batch;
	b->n = w->n;
	b->entry = mem_array(w->n, sizeof(*b->entry));
	b->hash_next = t->bucket[b->number % TREE_BUCKETS];
	t->bucket[b->number % TREE_BUCKETS] = b;
	t->live += b->n;
	*ret = b;
	if (b->entry == NULL ||
		buf_append(&b->bytes, w->entries.p, w->entries.n) != 0)
		return out_of_memory(f);
	at = rcur_init(buf_span(&b->bytes));
	for (i = 0; i < b->n; i++) {
		b->entry[i].listing.p = at.p;
		if (!wire_batch_next(&at, &b->entry[i].l) ||
			!listing_ok(&b->entry[i].l))
			return wrong(f, "an impossible entry");
		if (is_store(t, &b->entry[i].l))
			return its_own_store(&b->entry[i].l, f);
		b->entry[i].listing.n = (size_t)(at.p - b->entry[i].listing.p);
		if ((b->entry[i].l.flags & WIRE_ENTRY_FOLLOWS) != 0)
			b->open++;
	}
	return 0;
}

/* The directory that a batch belongs to: made by its first batch. */
static int
directory_of(struct tree *t, const struct wire_batch *w, struct dir **ret,
	struct fault *f)
{
	struct batch *parent = branch_find(t, w->parent);
	struct entry *e;
	int r = 0;

	if (parent == NULL || w->parent_entry >= parent->n)
		return wrong(f, "a batch without its directory");
	e = &parent->entry[w->parent_entry];
	if ((e->l.flags & WIRE_ENTRY_FOLLOWS) == 0)
		return wrong(f, "a batch of what was not announced");
	if (e->dir == NULL)
		r = branch_directory(t, parent, w->parent_entry, &e->dir, f);
	if (r != 0)
		return r;
	if (e->dir->last)
		return wrong(f, "a batch of a directory that is done");
	if (e->dir->depth > LIMIT_PATH_DEPTH)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "agent",
			"directories more than %u deep", LIMIT_PATH_DEPTH);
	*ret = e->dir;
	return 0;
}

/* Names ascend over the batches of a directory too. */
static int
names_ascend(struct dir *d, const struct batch *b, struct fault *f)
{
	struct span last = {d->last_name, d->last_name_n};
	struct span name;

	if (b->n == 0)
		return 0;
	if (d->last_name_n > 0 && field_cmp(last, b->entry[0].l.name) >= 0)
		return wrong(f, "names out of order");
	name = b->entry[b->n - 1].l.name;
	memcpy(d->last_name, name.p, name.n);
	d->last_name_n = name.n;
	return 0;
}

/* What could not be examined is left out: its directory is not whole then. */
static bool
all_examined(const struct batch *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		if ((b->entry[i].l.flags & WIRE_ENTRY_UNEXAMINED) != 0)
			return false;
	return true;
}

static int
take_batch(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_batch w;
	struct dir *d = NULL;
	struct batch *b = NULL;
	int r;

	if (wire_batch_decode(payload, &w) != 0 || w.batch != t->next)
		return wrong(f, "an impossible batch");
	if (t->live + w.n > TREE_LIVE_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "agent",
			"more than %u entries under way", TREE_LIVE_MAX);
	if (w.n == 0 && (w.flags & WIRE_BATCH_LAST) == 0)
		return wrong(f, "a batch of nothing");
	if (w.batch == 0 && w.n != t->o->paths)
		return wrong(f, "other paths than were asked for");
	if (w.batch != 0)
		r = directory_of(t, &w, &d, f);
	else
		r = 0;
	if (r == 0)
		r = new_batch(t, &w, &b, f);
	if (r != 0)
		return r;
	b->dir = d;
	t->next++;
	if (d != NULL) {
		d->listed++;
		d->last = (w.flags & WIRE_BATCH_LAST) != 0;
		d->unread = d->unread || (w.flags & WIRE_BATCH_UNREAD) != 0 ||
			    !all_examined(b);
		r = names_ascend(d, b, f);
	}
	if (t->serving == NULL)
		t->serving = branch_find(t, b->number);
	return r != 0 ? r : branch_answer(t, b, f);
}

/* It was listed, and removed before it could be opened: a change, and nothing
 * that could not be read. */
static bool
vanished(const struct batch *b, const struct entry *e,
	const struct wire_problem *p)
{
	return p->err == ENOENT && b->dir != NULL &&
	       e->l.kind != FILE_DIRECTORY &&
	       (p->reason == PROBLEM_NOT_OPENED || p->reason == PROBLEM_ATTRS ||
		       p->reason == PROBLEM_LINK);
}

static int
take_problem(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_problem p;
	struct batch *b;
	struct entry *e;

	if (wire_problem_decode(payload, &p) != 0)
		return wrong(f, "an impossible problem");
	b = branch_find(t, p.at.batch);
	if (b == NULL || p.at.entry >= b->n)
		return wrong(f, "a problem of nothing that is under way");
	e = &b->entry[p.at.entry];
	if (b->dir == NULL && (e->l.flags & WIRE_ENTRY_UNEXAMINED) != 0)
		return fault_set(f,
			p.err == ENOENT || p.err == ENOTDIR
				? FAULT_SOURCE_MISSING
				: FAULT_SOURCE_UNREADABLE,
			t->o->location, "%s",
			p.err == 0 ? "it cannot be examined"
				   : strerror((int)p.err));
	e->excused = true;
	if (p.reason == PROBLEM_ATTRS || p.reason == PROBLEM_ATTRS_LIMIT)
		e->flags |= DIRENT_ATTRS_UNREAD;
	if (!vanished(b, e, &p))
		return branch_problem(t, b, p.at.entry, p.reason, p.err, f);
	if (e->gone)
		return 0;
	e->gone = true;
	return branch_problem(t, b, p.at.entry, PROBLEM_CHANGED, p.err, f);
}

/* ---- contents ---- */

/* The entry that a content frame is about, if it may come now. */
static struct entry *
served(struct tree *t, struct wire_at at, uint8_t want)
{
	struct batch *b = t->serving;
	struct entry *e;

	if (b == NULL || at.batch != b->number || at.entry >= b->n ||
		at.entry < t->at || (t->in_file && at.entry != t->at))
		return NULL;
	e = &b->entry[at.entry];
	if ((e->want & want) == 0 || (e->got & want) != 0)
		return NULL;
	t->at = at.entry;
	return e;
}

static int
take_attrs(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_attrs a;
	struct attrs set;
	struct entry *e;
	int r;

	if (wire_attrs_decode(payload, &a) != 0 || attrs_open(a.set, &set) != 0)
		return wrong(f, "an impossible attribute set");
	e = served(t, a.at, WIRE_WANT_ATTRS);
	if (e == NULL)
		return wrong(f, "attributes that were not asked for");
	e->got |= WIRE_WANT_ATTRS;
	if (set.n == 0)
		return 0;
	r = ingest_put(
		t->o->ingest, OBJECT_ATTRS, a.set, NULL, 0, &e->attrs_ref, f);
	if (r != 0)
		return r;
	e->flags |= DIRENT_ATTRS;
	return ordinals_add(&e->packs, e->attrs_ref.addr.ordinal) == 0
		       ? 0
		       : out_of_memory(f);
}

static int
take_link(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_link l;
	struct entry *e;
	int r;

	if (wire_link_decode(payload, &l) != 0)
		return wrong(f, "an impossible link target");
	e = served(t, l.at, WIRE_WANT_CONTENT);
	if (e == NULL || e->l.kind != FILE_SYMLINK)
		return wrong(f, "a link target that was not asked for");
	e->got |= WIRE_WANT_CONTENT;
	r = ingest_put(t->o->ingest, OBJECT_LINK, l.target, NULL, 0,
		&e->content_ref, f);
	if (r != 0)
		return r;
	e->content = OBJECT_LINK;
	e->l.size = l.target.n;
	return ordinals_add(&e->packs, e->content_ref.addr.ordinal) == 0
		       ? 0
		       : out_of_memory(f);
}

/* The file that a frame is about; its first frame begins it. */
static struct entry *
file_of(struct tree *t, struct wire_at at)
{
	struct entry *e = served(t, at, WIRE_WANT_CONTENT);

	if (e == NULL || e->l.kind != FILE_REGULAR)
		return NULL;
	if (!t->in_file)
		file_begin(
			t->file, file_cutter(e->l.name, e->l.size, e->l.links));
	t->in_file = true;
	return e;
}

static int
take_data(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_data d;

	if (wire_data_decode(payload, &d) != 0)
		return wrong(f, "an impossible piece of a file");
	if (file_of(t, d.at) == NULL || d.offset != file_length(t->file))
		return wrong(f, "a piece of a file that was not its turn");
	t->t->counts.bytes_read += d.bytes.n;
	return file_data(t->file, d.bytes, f);
}

static int
take_hole(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_hole h;

	if (wire_hole_decode(payload, &h) != 0)
		return wrong(f, "an impossible hole");
	if (file_of(t, h.at) == NULL || h.offset != file_length(t->file) ||
		h.length > FORMAT_FILE_MAX - h.offset)
		return wrong(f, "a hole that was not its turn");
	return file_hole(t->file, h.length, f);
}

static int
take_restart(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_at at;
	struct entry *e;

	if (wire_restart_decode(payload, &at) != 0)
		return wrong(f, "an impossible restart");
	e = file_of(t, at);
	if (e == NULL || e->restarted)
		return wrong(f, "a restart that was not its turn");
	e->restarted = true;
	file_begin(t->file, file_cutter(e->l.name, e->l.size, e->l.links));
	return 0;
}

/* For its other names. */
static int
keep_linked(struct entry *e, const struct ordinals *packs)
{
	const struct linked_content c = {.content = e->content,
		.flags = e->flags & DIRENT_CHANGED,
		.ref = e->content_ref,
		.size = e->l.size,
		.mtime = e->l.mtime,
		.ctime = e->l.ctime,
		.packs = *packs};

	if (e->linked == NULL || (e->flags & DIRENT_UNREAD) != 0)
		return 0;
	return linked_keep(e->linked, &c);
}

/* What is known of a file at its end. */
static int
finish_file(struct tree *t, struct entry *e, const struct wire_file_end *w,
	struct fault *f)
{
	struct file_content c;
	size_t i;
	int r;

	r = file_end(t->file, &c, f);
	if (r != 0)
		return r;
	e->content = c.content;
	e->content_ref = c.ref;
	/* Of a file that could not be opened only the listing knows anything:
	 * with no size it would come back as an empty file. */
	if ((w->flags & WIRE_END_UNREAD) == 0 || w->size > 0) {
		e->l.size = w->size;
		e->l.mtime = w->mtime;
		e->l.ctime = w->ctime;
	}
	branch_trust(t, e);
	for (i = 0; i < c.packs->n; i++)
		if (ordinals_add(&e->packs, c.packs->v[i]) != 0)
			return out_of_memory(f);
	if ((w->flags & WIRE_END_UNREAD) != 0)
		e->flags |= DIRENT_UNREAD;
	if ((w->flags & WIRE_END_CHANGED) != 0)
		e->flags |= DIRENT_CHANGED;
	if (keep_linked(e, c.packs) != 0)
		return out_of_memory(f);
	if ((w->flags & WIRE_END_CHANGED) != 0)
		return branch_problem(
			t, t->serving, w->at.entry, PROBLEM_CHANGED, 0, f);
	return 0;
}

static int
take_file_end(struct tree *t, struct span payload, struct fault *f)
{
	struct wire_file_end w;
	struct entry *e;

	if (wire_file_end_decode(payload, &w) != 0)
		return wrong(f, "an impossible end of a file");
	e = file_of(t, w.at);
	if (e == NULL || w.size != file_length(t->file))
		return wrong(f, "an end of a file that was not its turn");
	e->got |= WIRE_WANT_CONTENT;
	t->in_file = false;
	return finish_file(t, e, &w, f);
}

/* Its content was wanted. How long a link's target is was only claimed, by a
 * file system in user space perhaps. */
static void
not_come(struct entry *e)
{
	e->flags |= DIRENT_UNREAD;
	if (e->l.kind == FILE_SYMLINK)
		e->l.size = 0;
}

static int
take_batch_done(struct tree *t, struct span payload, struct fault *f)
{
	struct batch *b = t->serving;
	struct entry *e;
	uint32_t number;
	uint16_t i;
	int r;

	if (wire_batch_done_decode(payload, &number) != 0 || b == NULL ||
		number != b->number || t->in_file)
		return wrong(f, "an end of a batch that was not its turn");
	for (i = 0; i < b->n; i++) {
		e = &b->entry[i];
		if ((e->want & ~e->got) != 0 && !e->excused)
			return wrong(f, "less than was asked for");
		/* Its PROBLEM would have ended the pull. */
		if (b->dir == NULL && (e->l.flags & WIRE_ENTRY_UNEXAMINED) != 0)
			return wrong(f, "a path of which nothing is said");
		if ((e->want & ~e->got & WIRE_WANT_CONTENT) != 0)
			not_come(e);
	}
	r = branch_follow(t, b, f);
	if (r != 0)
		return r;
	b->served = true;
	t->serving = branch_find(t, number + 1);
	t->at = 0;
	return branch_settle(t, b, f);
}

static int
take_done(struct tree *t, struct span payload, struct fault *f)
{
	uint64_t batches;

	if (wire_done_decode(payload, &batches) != 0 || batches != t->next ||
		!t->rooted)
		return wrong(f, "an end before everything was sent");
	t->done = true;
	return 0;
}

/* ---- the loop ---- */

static const struct {
	enum wire_type type;
	int (*take)(struct tree *t, struct span payload, struct fault *f);
} handlers[] = {
	{WIRE_OWNER, take_owner},
	{WIRE_BATCH, take_batch},
	{WIRE_ATTRS, take_attrs},
	{WIRE_LINK, take_link},
	{WIRE_DATA, take_data},
	{WIRE_HOLE, take_hole},
	{WIRE_FILE_END, take_file_end},
	{WIRE_RESTART, take_restart},
	{WIRE_PROBLEM, take_problem},
	{WIRE_BATCH_DONE, take_batch_done},
	{WIRE_DONE, take_done},
};

static int
take_frame(struct tree *t, struct fault *f)
{
	enum wire_type type = 0;
	struct span payload;
	uint32_t seals = ingest_seals(t->o->ingest);
	size_t i;
	int r;

	r = peer_next(t->o->peer, &type, &payload, f);
	if (r != 0)
		return r;
	for (i = 0; i < array_len(handlers); i++)
		if (handlers[i].type == type)
			break;
	if (i == array_len(handlers))
		return wrong(f, "a frame that may not come now");
	r = handlers[i].take(t, payload, f);
	if (r == 0 && remember_full(t->o->remember))
		r = ingest_seal(t->o->ingest, f);
	if (r == 0 && ingest_seals(t->o->ingest) != seals)
		remember_sealed(t->o->remember);
	return r;
}

/* The roots' entries outlive the tree. */
static int
take_roots(struct tree *t, struct fault *f)
{
	struct batch *b = branch_find(t, 0);
	struct tree_root *root;
	uint16_t i;

	t->t->root = mem_array(b->n, sizeof(*t->t->root));
	if (t->t->root == NULL)
		return out_of_memory(f);
	for (i = 0; i < b->n; i++) {
		root = &t->t->root[i];
		branch_dirent(t, NULL, &b->entry[i], &root->entry);
		root->entry.name = span_of(NULL, 0);
		root->content = b->entry[i].content_ref;
		root->attrs = b->entry[i].attrs_ref;
	}
	if (t->t->counts.problems + t->t->counts.changed == 0)
		return 0;
	return problems_end(
		&t->chain, t->o->ingest, &t->t->packs, &t->t->problems, f);
}

static void
clear(struct tree *t)
{
	struct batch *b;
	uint16_t k;
	size_t i;

	for (i = 0; i < TREE_BUCKETS; i++)
		for (b = t->bucket[i]; b != NULL; b = b->hash_next)
			for (k = 0; b->entry != NULL && k < b->n; k++)
				branch_free_dir(b->entry[k].dir);
	for (i = 0; i < TREE_BUCKETS; i++)
		while (t->bucket[i] != NULL)
			branch_free_batch(t, t->bucket[i]);
	file_builder_free(t->file);
	linked_free(t->linked);
	problems_free(&t->chain);
	buf_free(&t->scratch);
}

int
tree_run(const struct tree_opts *o, struct tree_result *ret, struct fault *f)
{
	struct tree t = {.o = o, .t = ret};
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->counts.oldest_day = o->today;
	r = file_builder_new(o->ingest, &t.file, f);
	if (r == 0 && linked_new(&t.linked) != 0)
		r = out_of_memory(f);
	while (r == 0 && !t.done)
		r = take_frame(&t, f);
	if (r == 0)
		r = take_roots(&t, f);
	clear(&t);
	return r;
}

void
tree_free(struct tree_result *t)
{
	mem_free(t->root);
	ordinal_map_free(&t->packs);
	owners_free(&t->owners);
	memset(t, 0, sizeof(*t));
}
