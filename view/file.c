/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search goes from the top node down. The node last used on each level is
 * kept opened, so that reading on in a file opens a node once per some 64 MiB
 * and not once per chunk.
 */
#include "view/file.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/mem.h"

/* An opened content node that lies at `from` in the file. */
struct file_node {
	unsigned int holds; /* protected by the file's lock */
	struct id id;
	uint64_t from;
	struct view_object object;
	struct content content;
};

int
file_open(struct view_snap *s, const struct place *place, struct file *file)
{
	if (place->entry.kind == FILE_DIRECTORY)
		return -EISDIR;
	if (place->entry.kind != FILE_REGULAR)
		return -EINVAL;
	file->snap = s;
	file->place = *place;
	pthread_mutex_init(&file->lock, NULL);
	for (unsigned int i = 0; i < FILE_LEVELS; i++)
		file->hot[i] = NULL;
	return 0;
}

static void
node_free(struct file_node *n)
{
	view_object_put(&n->object);
	mem_free(n);
}

void
file_close(struct file *file)
{
	for (unsigned int i = 0; i < FILE_LEVELS; i++) {
		if (file->hot[i])
			node_free(file->hot[i]);
	}
	pthread_mutex_destroy(&file->lock);
}

bool
file_is_lost(const struct place *place)
{
	return place->entry.kind == FILE_REGULAR && place->entry.content == 0 &&
	       place->entry.size > 0 && (place->entry.flags & DIRENT_UNREAD);
}

bool
file_is_cut(const struct place *place)
{
	return place->entry.kind == FILE_REGULAR &&
	       (place->entry.flags & DIRENT_UNREAD) && !file_is_lost(place);
}

/* ---- nodes ---- */

static void
node_put(struct file *file, struct file_node *n)
{
	bool last;

	pthread_mutex_lock(&file->lock);
	last = --n->holds == 0;
	pthread_mutex_unlock(&file->lock);
	if (last)
		node_free(n);
}

/* Where in the file a reference leads, and what is known of it. */
struct node_want {
	struct ref ref;
	uint64_t from;
	uint64_t length;    /* 0: not known, the top */
	unsigned int above; /* level of the node that refers to it; 0: none */
};

static struct file_node *
node_hot(struct file *file, const struct node_want *want)
{
	struct file_node *n = NULL;

	pthread_mutex_lock(&file->lock);
	for (unsigned int i = 0; i < FILE_LEVELS && !n; i++) {
		struct file_node *h = file->hot[i];

		if (h && h->from == want->from &&
			id_equal(&h->id, &want->ref.id)) {
			h->holds++;
			n = h;
		}
	}
	pthread_mutex_unlock(&file->lock);
	return n;
}

static int
node_load(struct file *file, const struct node_want *want, struct file_node *n,
	struct fault *f)
{
	int err;

	err = view_object(file->snap, &want->ref, VIEW_TYPE(OBJECT_CONTENT),
		&n->object, f);
	if (err < 0)
		return err;
	if (content_open(n->object.content, &n->content) == 0 &&
		n->content.slots == n->object.refs &&
		n->content.level < FILE_LEVELS && n->content.length > 0 &&
		(want->above == 0 || n->content.level == want->above - 1) &&
		(want->length == 0 || n->content.length == want->length))
		return 0;
	view_object_put(&n->object);
	return view_object_bad(&want->ref, f, "the content node does not read");
}

/* Hold a node; it becomes the hot one of its level. */
static int
node_get(struct file *file, const struct node_want *want,
	struct file_node **ret, struct fault *f)
{
	struct file_node *n = node_hot(file, want), *old;
	int err;

	if (n) {
		*ret = n;
		return 0;
	}
	n = mem_zalloc(sizeof(*n));
	if (!n)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	err = node_load(file, want, n, f);
	if (err < 0) {
		mem_free(n);
		return err;
	}
	n->id = want->ref.id;
	n->from = want->from;
	n->holds = 2;
	pthread_mutex_lock(&file->lock);
	old = file->hot[n->content.level];
	file->hot[n->content.level] = n;
	if (old && --old->holds > 0)
		old = NULL;
	pthread_mutex_unlock(&file->lock);
	if (old)
		node_free(old);
	*ret = n;
	return 0;
}

static struct node_want
child_want(const struct file_node *n, const struct content_entry *e)
{
	return (struct node_want){
		.ref = view_object_ref(&n->object, e->slot),
		.from = n->from + e->start,
		.length = e->end - e->start,
		.above = n->content.level,
	};
}

/* The hot leaf that holds an offset, held; or NULL. */
static struct file_node *
leaf_hot(struct file *file, uint64_t offset)
{
	struct file_node *n;

	pthread_mutex_lock(&file->lock);
	n = file->hot[0];
	if (n && offset >= n->from && offset - n->from < n->content.length)
		n->holds++;
	else
		n = NULL;
	pthread_mutex_unlock(&file->lock);
	return n;
}

/*
 * Find offset: a held node and its entry, which is of level 0 or a hole of
 * any level.
 */
static int
locate(struct file *file, uint64_t offset, struct file_node **ret,
	struct content_entry *ret_entry, struct fault *f)
{
	struct node_want want = {.ref = file->place.content};
	struct file_node *n = leaf_hot(file, offset);
	int err;

	while (!n || n->content.level > 0) {
		struct content_entry e;

		if (n) {
			e = content_find(&n->content, offset - n->from);
			if (e.kind == CONTENT_HOLE)
				break;
			want = child_want(n, &e);
			node_put(file, n);
		}
		err = node_get(file, &want, &n, f);
		if (err < 0)
			return err;
		if (offset - n->from >= n->content.length) {
			node_put(file, n);
			return view_object_bad(&want.ref, f,
				"the content ends before the file does");
		}
	}
	*ret = n;
	*ret_entry = content_find(&n->content, offset - n->from);
	return 0;
}

/* ---- walking ---- */

struct walk {
	struct file *file;
	uint64_t at, to;
	file_piece_fn *fn;
	void *ctx;
	struct fault *f;
};

/* Tell the next n bytes. */
static int
tell(struct walk *w, const uint8_t *bytes, uint64_t n)
{
	const struct file_piece piece = {
		w->at, n, {bytes, bytes ? (size_t)n : 0}};

	w->at += n;
	return w->fn(w->ctx, &piece);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A chunk that stands at start, once or several times, up to end. */
static int
walk_chunk(struct walk *w, const struct ref *ref, uint64_t start, uint64_t end,
	uint64_t length)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	int err;

	err = view_object(
		w->file->snap, ref, VIEW_TYPE(OBJECT_CHUNK), &o, w->f);
	if (err < 0)
		return err;
	if (o.content.n != length || length == 0)
		return view_object_bad(
			ref, w->f, "the chunk is not of its length");
	end = least(end, w->to);
	while (err == 0 && w->at < end) {
		uint64_t skip = (w->at - start) % length;

		err = tell(w, o.content.p + skip,
			least(length - skip, end - w->at));
	}
	return err;
}

/* Entries of a node of level 0, from the one at hand on. */
static int
walk_leaf(struct walk *w, const struct file_node *n, struct content_entry e)
{
	int err;

	for (;;) {
		if (e.kind == CONTENT_HOLE) {
			err = tell(
				w, NULL, least(n->from + e.end, w->to) - w->at);
		} else {
			struct ref ref = view_object_ref(&n->object, e.slot);

			err = walk_chunk(w, &ref, n->from + e.start,
				n->from + e.end, e.piece);
		}
		if (err != 0 || w->at >= w->to || e.index + 1 >= n->content.n)
			return err;
		e = content_at(&n->content, e.index + 1);
	}
}

static int
walk_nodes(struct walk *w)
{
	struct content_entry e;
	struct file_node *n;
	int err = 0;

	while (err == 0 && w->at < w->to) {
		err = locate(w->file, w->at, &n, &e, w->f);
		if (err < 0)
			return err;
		if (n->content.level == 0)
			err = walk_leaf(w, n, e);
		else
			err = tell(
				w, NULL, least(n->from + e.end, w->to) - w->at);
		node_put(w->file, n);
	}
	return err;
}

int
file_walk(struct file *file, uint64_t from, uint64_t to, file_piece_fn *fn,
	void *ctx, struct fault *f)
{
	const struct dirent_rec *e = &file->place.entry;
	struct walk w = {file, from, least(to, e->size), fn, ctx, f};

	if (w.at >= w.to)
		return 0;
	if (file_is_lost(&file->place))
		return fault_set(f, FAULT_SOURCE_UNREADABLE, NULL,
			"the pull could not read this file");
	if (e->content == 0)
		return tell(&w, NULL, w.to - w.at);
	if (e->content == OBJECT_CHUNK)
		return walk_chunk(
			&w, &file->place.content, 0, e->size, e->size);
	return walk_nodes(&w);
}

struct copying {
	uint8_t *dst;
	uint64_t from;
};

static int
copy_piece(void *ctx, const struct file_piece *piece)
{
	struct copying *c = ctx;
	uint8_t *dst = c->dst + (piece->offset - c->from);

	if (piece->bytes.p)
		memcpy(dst, piece->bytes.p, piece->bytes.n);
	else
		memset(dst, 0, (size_t)piece->length);
	return 0;
}

ssize_t
file_pread(struct file *file, void *dst, size_t n, uint64_t offset,
	struct fault *f)
{
	struct copying c = {dst, offset};
	uint64_t size = file->place.entry.size;
	int err;

	if (offset >= size)
		return 0;
	n = (size_t)least(n, size - offset);
	err = file_walk(file, offset, offset + n, copy_piece, &c, f);
	return err < 0 ? err : (ssize_t)n;
}

static int
drop_piece(void *ctx, const struct file_piece *piece)
{
	(void)ctx;
	(void)piece;
	return 0;
}

void
file_prefetch(struct file *file, uint64_t offset, size_t n)
{
	/* Whoever reads these bytes will meet the error. */
	(void)!file_walk(file, offset, offset + n, drop_piece, NULL, NULL);
}

/* ---- data and holes ---- */

int
file_run(struct file *file, uint64_t offset, bool *ret_data, uint64_t *ret_end,
	struct fault *f)
{
	const struct dirent_rec *d = &file->place.entry;
	struct content_entry e;
	struct file_node *n;
	bool hole;
	int err;

	assert(offset < d->size);
	if (d->content == 0 || d->content == OBJECT_CHUNK) {
		*ret_data = d->content != 0;
		*ret_end = d->size;
		return 0;
	}
	err = locate(file, offset, &n, &e, f);
	if (err < 0)
		return err;
	hole = e.kind == CONTENT_HOLE;
	while (n->content.level == 0 && e.index + 1 < n->content.n) {
		struct content_entry next =
			content_at(&n->content, e.index + 1);

		if ((next.kind == CONTENT_HOLE) != hole)
			break;
		e = next;
	}
	*ret_data = !hole;
	*ret_end = least(n->from + e.end, d->size);
	node_put(file, n);
	return 0;
}

int
file_seek(struct file *file, uint64_t offset, bool data, uint64_t *ret,
	struct fault *f)
{
	uint64_t size = file->place.entry.size, end;
	bool is_data;
	int err;

	if (offset >= size)
		return -ENXIO;
	while (offset < size) {
		err = file_run(file, offset, &is_data, &end, f);
		if (err < 0)
			return err;
		if (is_data == data) {
			*ret = offset;
			return 0;
		}
		offset = end;
	}
	if (data)
		return -ENXIO;
	*ret = size;
	return 0;
}

/* Called for FILE_LEVELS levels at the most: each child's is one less. */
static int
count_node(struct file *file, const struct node_want *want, unsigned int *nodes,
	uint64_t *sum, struct fault *f)
{
	struct file_node *n;
	int err = 0;

	err = node_get(file, want, &n, f);
	if (err < 0)
		return err;
	(*nodes)--;
	for (uint32_t i = 0; err == 0 && i < n->content.n; i++) {
		struct content_entry e = content_at(&n->content, i);
		struct node_want child;

		if (e.kind == CONTENT_HOLE)
			continue;
		if (n->content.level == 0 || *nodes == 0) {
			*sum += e.end - e.start;
			continue;
		}
		child = child_want(n, &e);
		err = count_node(file, &child, nodes, sum, f);
	}
	node_put(file, n);
	return err;
}

int
file_allocated(
	struct file *file, unsigned int nodes, uint64_t *ret, struct fault *f)
{
	const struct dirent_rec *d = &file->place.entry;
	const struct node_want top = {.ref = file->place.content};

	assert(nodes > 0);
	*ret = d->content == 0 ? 0 : d->size;
	if (d->content != OBJECT_CONTENT)
		return 0;
	*ret = 0;
	return count_node(file, &top, &nodes, ret, f);
}
