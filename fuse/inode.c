/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/inode.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util/mem.h"
#include "view/file.h"

#define NUMBER_MAX ((UINT64_C(1) << INODE_NUMBER_BITS) - 1)
#define PATH_MASK ((1U << INODE_PATH_BITS) - 1)
#define PATH_ABOVE PATH_MASK
#define SLOT_SHIFT (INODE_NUMBER_BITS + INODE_PATH_BITS)
#define SLOTS_MAX ((1U << INODE_SLOT_BITS) - 1)

/* Inode numbers of link groups have the bit that no node id has. */
#define GROUP_BIT (UINT64_C(1) << 63)

/* Places remembered: 4 MiB. */
#define MEMO 16384U
#define MEMO_LOCKS 64U

/* Content nodes that are read to tell the blocks of one file: 2 GiB of it. */
#define BLOCK_NODES 32U
#define BLOCK_SIZE 4096U

struct slot {
	const struct snapshot *snapshot;
	uint32_t source;
	char name[SNAPSHOT_NAME];
	pthread_mutex_t lock;
	struct view_snap *snap; /* protected by lock until set, then constant */
};

struct source {
	const char *name;
	uint32_t first, n; /* its slots, by sequence */
};

struct memo {
	uint64_t id; /* 0: empty */
	struct place place;
};

struct inodes {
	struct session *session;
	uint32_t slots;
	struct slot *slot;
	uint32_t sources;
	struct source *source;
	struct memo *memo; /* entry i under memo_lock[i % MEMO_LOCKS] */
	pthread_mutex_t memo_lock[MEMO_LOCKS];
};

/* ---- the table of snapshots ---- */

static int
by_source(const void *a, const void *b)
{
	const struct snapshot *const *x = a, *const *y = b;
	int cmp = strcmp((*x)->source, (*y)->source);

	if (cmp != 0)
		return cmp;
	return (*x)->number < (*y)->number ? -1 : (*x)->number > (*y)->number;
}

/* NAME@2026-11-22T03:00:00Z as 2026-11-22T03-00-00Z. */
static void
slot_name(struct slot *slot)
{
	const char *at = strchr(slot->snapshot->name, '@');
	char *p;

	strcpy(slot->name, at ? at + 1 : slot->snapshot->name);
	for (p = slot->name; *p != '\0'; p++) {
		if (*p == ':' || *p == '/')
			*p = '-';
	}
}

static int
add_slots(struct inodes *in)
{
	const struct snapshot_list *list = &in->session->snapshots;
	_cleanup_free_ const struct snapshot **v =
		mem_array(list->n, sizeof(*v));

	in->slot = mem_array(list->n, sizeof(*in->slot));
	in->source = mem_array(list->n, sizeof(*in->source));
	if (!v || !in->slot || !in->source)
		return -ENOMEM;
	for (size_t i = 0; i < list->n; i++)
		v[i] = &list->v[i];
	qsort(v, list->n, sizeof(const struct snapshot *), by_source);
	for (size_t i = 0; i < list->n; i++) {
		struct slot *slot = &in->slot[in->slots];
		struct source *last = &in->source[in->sources];

		if (in->sources == 0 ||
			strcmp(last[-1].name, v[i]->source) != 0) {
			last->name = v[i]->source;
			last->first = in->slots;
			in->sources++;
		}
		in->source[in->sources - 1].n++;
		slot->snapshot = v[i];
		slot->source = in->sources - 1;
		slot_name(slot);
		pthread_mutex_init(&slot->lock, NULL);
		in->slots++;
	}
	return 0;
}

int
inodes_create(struct session *s, struct inodes **ret)
{
	struct inodes *in;

	if (s->snapshots.n > SLOTS_MAX)
		return -E2BIG;
	in = mem_zalloc(sizeof(*in));
	if (!in)
		return -ENOMEM;
	in->session = s;
	for (size_t i = 0; i < MEMO_LOCKS; i++)
		pthread_mutex_init(&in->memo_lock[i], NULL);
	in->memo = mem_array(MEMO, sizeof(*in->memo));
	if (!in->memo || add_slots(in) != 0) {
		inodes_free(in);
		return -ENOMEM;
	}
	*ret = in;
	return 0;
}

void
inodes_free(struct inodes *in)
{
	if (!in)
		return;
	for (uint32_t i = 0; i < in->slots; i++) {
		view_snap_close(in->slot[i].snap);
		pthread_mutex_destroy(&in->slot[i].lock);
	}
	for (size_t i = 0; i < MEMO_LOCKS; i++)
		pthread_mutex_destroy(&in->memo_lock[i]);
	mem_free(in->memo);
	mem_free(in->source);
	mem_free(in->slot);
	mem_free(in);
}

/* ---- node ids ---- */

static uint64_t
place_id(uint32_t slot, const struct place *p)
{
	uint64_t path = p->path == PLACE_ABOVE ? PATH_ABOVE : p->path;

	return (uint64_t)slot << SLOT_SHIFT | path << INODE_NUMBER_BITS |
	       p->number;
}

static uint64_t
source_id(uint32_t source)
{
	return 2 + 2 * (uint64_t)source;
}

/* ---- the memo ---- */

static uint32_t
memo_index(uint64_t id)
{
	return (uint32_t)((id * 0x9e3779b97f4a7c15U) >> 40) % MEMO;
}

static bool
memo_get(struct inodes *in, uint64_t id, struct place *ret)
{
	uint32_t i = memo_index(id);
	pthread_mutex_t *lock = &in->memo_lock[i % MEMO_LOCKS];
	bool hit;

	pthread_mutex_lock(lock);
	hit = in->memo[i].id == id;
	if (hit)
		*ret = in->memo[i].place;
	pthread_mutex_unlock(lock);
	return hit;
}

static void
memo_put(struct inodes *in, uint64_t id, const struct place *place)
{
	uint32_t i = memo_index(id);
	pthread_mutex_t *lock = &in->memo_lock[i % MEMO_LOCKS];

	pthread_mutex_lock(lock);
	in->memo[i].id = id;
	in->memo[i].place = *place;
	pthread_mutex_unlock(lock);
}

/* ---- snapshots ---- */

/* Every number of a snapshot fits a node id, and every path. */
static bool
ids_fit(struct view_snap *snap)
{
	struct fault f = {0};
	struct place top;

	if (view_paths(snap) >= PATH_ABOVE)
		return false;
	for (uint32_t i = 0; i < view_paths(snap); i++) {
		if (place_number(snap, (uint16_t)i, 0, &top, NULL, &f) != 0 ||
			top.entry.below > NUMBER_MAX)
			return false;
	}
	return true;
}

/* Opened when somebody looks into it: a manifest is 36 bytes a pack. */
static int
open_slot(struct inodes *in, uint32_t number, struct view_snap **ret,
	struct fault *f)
{
	struct slot *slot = &in->slot[number - 1];
	struct view_snap *snap = NULL;
	int err = 0;

	pthread_mutex_lock(&slot->lock);
	if (!slot->snap) {
		err = view_snap_open(
			in->session->view, slot->snapshot, &snap, f);
		if (err == 0 && !ids_fit(snap)) {
			view_snap_close(snap);
			err = fault_set(f, FAULT_LIMIT_EXCEEDED, slot->name,
				"it has more entries than a mount can number");
		}
		if (err == 0)
			slot->snap = snap;
	}
	*ret = slot->snap;
	pthread_mutex_unlock(&slot->lock);
	return err;
}

static int
get_static(struct inodes *in, uint64_t id, struct inode *ret)
{
	uint64_t i = id / 2 - 1;

	if (id == INODE_ROOT) {
		ret->kind = INODE_TOP;
		return 0;
	}
	if (id == 0 || i >= in->sources)
		return -ESTALE;
	ret->kind = id % 2 == 0 ? INODE_SOURCE : INODE_LINK;
	ret->index = (uint32_t)i;
	return 0;
}

int
inode_get(struct inodes *in, uint64_t id, struct inode *ret, struct fault *f)
{
	uint64_t slot = id >> SLOT_SHIFT;
	uint32_t path = (uint32_t)(id >> INODE_NUMBER_BITS) & PATH_MASK;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->id = id;
	if (slot == 0)
		return get_static(in, id, ret);
	if (slot > in->slots)
		return -ESTALE;
	ret->kind = INODE_PLACE;
	ret->index = (uint32_t)slot;
	err = open_slot(in, ret->index, &ret->snap, f);
	if (err < 0 || memo_get(in, id, &ret->place))
		return err;
	err = place_number(ret->snap,
		path == PATH_ABOVE ? PLACE_ABOVE : (uint16_t)path,
		id & NUMBER_MAX, &ret->place, NULL, f);
	if (err == 0)
		memo_put(in, id, &ret->place);
	return err;
}

void
inode_of_place(struct inodes *in, const struct inode *dir,
	const struct place *place, struct inode *ret)
{
	ret->id = place_id(dir->index, place);
	ret->kind = INODE_PLACE;
	ret->index = dir->index;
	ret->snap = dir->snap;
	ret->place = *place;
	memo_put(in, ret->id, place);
}

/* ---- lookups ---- */

static int
lookup_top(struct inodes *in, struct span name, struct inode *ret)
{
	for (uint32_t i = 0; i < in->sources; i++) {
		if (span_eq(span_str(in->source[i].name), name))
			return get_static(in, ret->id = source_id(i), ret);
	}
	return -ENOENT;
}

static int
open_top(struct inodes *in, uint32_t slot, struct inode *ret, struct fault *f)
{
	int err;

	ret->kind = INODE_PLACE;
	ret->index = slot;
	err = open_slot(in, slot, &ret->snap, f);
	if (err < 0)
		return err;
	place_top(ret->snap, &ret->place);
	ret->id = place_id(slot, &ret->place);
	return 0;
}

static int
lookup_source(struct inodes *in, const struct source *source, struct span name,
	struct inode *ret, struct fault *f)
{
	if (span_eq(name, span_str(INODE_LATEST))) {
		ret->id = source_id((uint32_t)(source - in->source)) + 1;
		return get_static(in, ret->id, ret);
	}
	for (uint32_t i = source->first; i < source->first + source->n; i++) {
		if (span_eq(name, span_str(in->slot[i].name)))
			return open_top(in, i + 1, ret, f);
	}
	return -ENOENT;
}

int
inode_lookup(struct inodes *in, const struct inode *dir, struct span name,
	struct inode *ret, struct fault *f)
{
	struct place place;
	int err;

	memset(ret, 0, sizeof(*ret));
	switch (dir->kind) {
	case INODE_TOP:
		return lookup_top(in, name, ret);
	case INODE_SOURCE:
		return lookup_source(in, &in->source[dir->index], name, ret, f);
	case INODE_PLACE:
		err = place_find(dir->snap, &dir->place, name, &place, f);
		if (err == 0)
			inode_of_place(in, dir, &place, ret);
		return err;
	case INODE_LINK:
	default:
		return -ENOTDIR;
	}
}

int
inode_parent(struct inodes *in, const struct inode *dir, uint64_t *ret,
	struct fault *f)
{
	struct place place, parent, top;
	int err;

	*ret = INODE_ROOT;
	if (dir->kind != INODE_PLACE)
		return 0;
	*ret = source_id(in->slot[dir->index - 1].source);
	place_top(dir->snap, &top);
	if (place_id(dir->index, &top) == dir->id)
		return 0;
	err = place_number(dir->snap, dir->place.path, dir->place.number,
		&place, &parent, f);
	if (err == 0)
		*ret = place_id(dir->index, &parent);
	return err;
}

int
inode_static_entry(struct inodes *in, const struct inode *dir, uint64_t i,
	uint64_t *ret, mode_t *type, const char **name)
{
	const struct source *source = &in->source[dir->index];
	const struct slot *slot;

	*type = S_IFDIR;
	if (dir->kind == INODE_TOP) {
		if (i >= in->sources)
			return -ENOENT;
		*ret = source_id((uint32_t)i);
		*name = in->source[i].name;
		return 0;
	}
	if (i == source->n) {
		*ret = source_id(dir->index) + 1;
		*type = S_IFLNK;
		*name = INODE_LATEST;
		return 0;
	}
	if (i > source->n)
		return -ENOENT;
	slot = &in->slot[source->first + i];
	/* Of a snapshot of one path, which is nearly all of them. */
	*ret = (uint64_t)(source->first + i + 1) << SLOT_SHIFT;
	*name = slot->name;
	return 0;
}

const char *
inode_latest(struct inodes *in, const struct inode *inode)
{
	const struct source *source = &in->source[inode->index];

	return in->slot[source->first + source->n - 1].name;
}

void
inode_sums(struct inodes *in, uint64_t *bytes, uint64_t *entries)
{
	*bytes = *entries = 0;
	for (uint32_t i = 0; i < in->slots; i++) {
		*bytes = add64_max(*bytes, in->slot[i].snapshot->body.bytes);
		*entries += in->slot[i].snapshot->body.entries;
	}
}

/* ---- attributes ---- */

/*
 * One number for all names of an inode. The snapshot's slot goes in: what was
 * one inode on two nights is not one file here.
 */
static uint64_t
group_number(const struct inode *inode)
{
	uint8_t group[16];
	uint64_t h;

	place_link_group(&inode->place, group);
	h = le64_get(group);
	return (h ^ inode->index * 0x9e3779b97f4a7c15U) | GROUP_BIT;
}

static struct timespec
time_of(const struct when *w)
{
	return (struct timespec){(time_t)w->s, (long)w->ns};
}

/* Blocks of 512 bytes that hold data. */
static uint64_t
blocks_of(const struct inode *inode)
{
	const struct dirent_rec *e = &inode->place.entry;
	uint64_t bytes = e->content == 0 ? 0 : e->size;
	struct fault f = {0};
	struct file file;

	if (e->kind == FILE_REGULAR && e->content == OBJECT_CONTENT &&
		file_open(inode->snap, &inode->place, &file) == 0) {
		/* Damage shows when the file is read. */
		if (file_allocated(&file, BLOCK_NODES, &bytes, &f) != 0)
			bytes = e->size;
		file_close(&file);
	}
	return (bytes + BLOCK_SIZE - 1) / BLOCK_SIZE * (BLOCK_SIZE / 512);
}

bool
inode_is_cut(const struct place *place)
{
	return file_is_cut(place) && place->entry.size < INT64_MAX;
}

static void
attr_of_place(const struct inode *inode, struct stat *st)
{
	const struct dirent_rec *e = &inode->place.entry;

	st->st_mode =
		place_type(e->kind) |
		(e->flags & DIRENT_ATTRS_UNREAD ? place_narrow_mode(e->mode)
						: e->mode);
	st->st_uid = e->user;
	st->st_gid = e->group;
	st->st_size = (off_t)(e->size > INT64_MAX ? INT64_MAX : e->size);
	if (inode_is_cut(&inode->place))
		st->st_size++;
	st->st_mtim = time_of(&e->mtime);
	st->st_ctim = time_of(&e->ctime);
	st->st_atim = st->st_mtim;
	st->st_nlink = 1;
	if (e->flags & DIRENT_LINK_GROUP) {
		st->st_ino = group_number(inode);
		st->st_nlink = e->links > 0 ? e->links : 1;
	}
	st->st_rdev = makedev(e->major, e->minor);
	if (e->kind == FILE_REGULAR)
		st->st_blocks = (blkcnt_t)blocks_of(inode);
	if (e->kind == FILE_DIRECTORY) {
		/* Its own size was not kept; what it weighs would be
		 * counted twice by whoever sums up. */
		st->st_size = BLOCK_SIZE;
		st->st_blocks = BLOCK_SIZE / 512;
	}
}

void
inode_attr_brief(uint64_t id, mode_t type, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = id;
	st->st_mode = type | (type == S_IFLNK ? 0777 : 0555);
	st->st_nlink = 1;
	st->st_blksize = BLOCK_SIZE;
}

void
inode_attr(struct inodes *in, const struct inode *inode, struct stat *st)
{
	uint32_t slot = in->slots; /* whose time a static inode shows */

	inode_attr_brief(
		inode->id, inode->kind == INODE_LINK ? S_IFLNK : S_IFDIR, st);
	switch (inode->kind) {
	case INODE_PLACE:
		attr_of_place(inode, st);
		return;
	case INODE_LINK:
		st->st_size = (off_t)strlen(inode_latest(in, inode));
		slot = in->source[inode->index].first +
		       in->source[inode->index].n;
		break;
	case INODE_SOURCE:
		slot = in->source[inode->index].first +
		       in->source[inode->index].n;
		break;
	case INODE_TOP:
		break;
	}
	if (slot > 0)
		st->st_mtim = time_of(&in->slot[slot - 1].snapshot->body.clock);
	st->st_atim = st->st_ctim = st->st_mtim;
}
