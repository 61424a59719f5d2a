/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of the target that are to be found again once they are closed:
 * a tree of names that has in it what somebody holds, and what lies above
 * that. A tree and no paths, and descriptors along the way kept for a while:
 * whoever filled the source may have put a million links below thousands of
 * directories.
 */
#include "restore/ways.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "restore/restore_internal.h"
#include "util/io.h"
#include "util/mem.h"

/* Descriptors that are kept. */
#define KEPT 64U

struct way {
	struct way *parent; /* NULL: the target; held */
	unsigned int refs;
	unsigned int kept; /* place in kept + 1; 0: no descriptor */
	char name[];
};

struct ways {
	pthread_mutex_t lock;
	const int *rootfd; /* the target */
	/* Protected by lock. */
	struct {
		struct way *way; /* not held; NULL: free */
		int fd;
		uint64_t used;
	} kept[KEPT];
	uint64_t clock;
};

int
ways_create(const int *rootfd, struct ways **ret)
{
	struct ways *w = mem_zalloc(sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->rootfd = rootfd;
	pthread_mutex_init(&w->lock, NULL);
	*ret = w;
	return 0;
}

static void
close_kept(struct ways *ways, unsigned int i)
{
	ways->kept[i].way->kept = 0;
	ways->kept[i].way = NULL;
	cleanup_close(&ways->kept[i].fd);
}

void
ways_free(struct ways *ways)
{
	if (!ways)
		return;
	for (unsigned int i = 0; i < KEPT; i++) {
		if (ways->kept[i].way)
			close_kept(ways, i);
	}
	pthread_mutex_destroy(&ways->lock);
	mem_free(ways);
}

/* ---- holding ---- */

void
ways_drop(struct ways *ways, struct way *way)
{
	pthread_mutex_lock(&ways->lock);
	while (way && --way->refs == 0) {
		struct way *parent = way->parent;

		if (way->kept > 0)
			close_kept(ways, way->kept - 1);
		mem_free(way);
		way = parent;
	}
	pthread_mutex_unlock(&ways->lock);
}

static struct way *
hold(struct way *way)
{
	if (way)
		way->refs++;
	return way;
}

/*
 * A chain for the directory and those above that have none yet, nobody's so
 * far: its end, and the directory above its top.
 */
static int
make_chain(const struct dir *dir, struct way **ret, const struct dir **above)
{
	struct way *lowest = NULL, **at = &lowest;

	for (; dir->parent && !dir->way; dir = dir->parent) {
		struct way *way = mem_alloc(sizeof(*way) + dir->name_len + 1);

		if (!way) {
			while ((way = lowest)) {
				lowest = way->parent;
				mem_free(way);
			}
			return -ENOMEM;
		}
		*way = (struct way){0};
		memcpy(way->name, dir->name, dir->name_len);
		way->name[dir->name_len] = '\0';
		*at = way;
		at = &way->parent;
	}
	*ret = lowest;
	*above = dir;
	return 0;
}

int
ways_hold(struct ways *ways, struct dir *dir, struct way **ret)
{
	const struct dir *above;
	struct way *way;
	int err;

	pthread_mutex_lock(&ways->lock);
	err = make_chain(dir, &way, &above);
	/* Each is held by its directory and by the one below. */
	for (struct dir *d = dir; err == 0 && d != above; d = d->parent) {
		struct way *parent = way->parent ? way->parent : above->way;

		d->way = hold(way);
		way->parent = hold(parent);
		way = parent;
	}
	if (err == 0)
		*ret = hold(dir->way);
	pthread_mutex_unlock(&ways->lock);
	return err;
}

struct way *
ways_hold_again(struct ways *ways, struct way *way)
{
	pthread_mutex_lock(&ways->lock);
	hold(way);
	pthread_mutex_unlock(&ways->lock);
	return way;
}

/* ---- opening ---- */

/* In the place of the one that was not used for longest. */
static void
keep(struct ways *ways, struct way *way, int fd)
{
	unsigned int oldest = 0;

	for (unsigned int i = 0; i < KEPT; i++) {
		if (!ways->kept[i].way) {
			oldest = i;
			break;
		}
		if (ways->kept[i].used < ways->kept[oldest].used)
			oldest = i;
	}
	if (ways->kept[oldest].way)
		close_kept(ways, oldest);
	ways->kept[oldest].way = way;
	ways->kept[oldest].fd = fd;
	ways->kept[oldest].used = ++ways->clock;
	way->kept = oldest + 1;
}

/* Of one that is open. */
static int
kept_fd(struct ways *ways, const struct way *way)
{
	if (!way)
		return *ways->rootfd;
	ways->kept[way->kept - 1].used = ++ways->clock;
	return ways->kept[way->kept - 1].fd;
}

/* Those that are not open, from the lowest up: how many. */
static size_t
missing(struct way *way, struct way **ret)
{
	size_t n = 0;

	for (; way && way->kept == 0; way = way->parent) {
		if (ret)
			ret[n] = way;
		n++;
	}
	return n;
}

/*
 * Open what is missing, from above. Kept are the lowest and those 1, 2, 4, 8...
 * above it: then what lies beside it is near.
 */
static int
open_way(struct ways *ways, struct way *way)
{
	size_t n = missing(way, NULL);
	_cleanup_free_ struct way **down = mem_array(n, sizeof(struct way *));
	_cleanup_close_ int passed = -1;
	int at;

	if (n == 0)
		return kept_fd(ways, way);
	if (!down)
		return -ENOMEM;
	(void)missing(way, down);
	at = kept_fd(ways, down[n - 1]->parent);
	for (size_t i = n; i-- > 0;) {
		at = io_openat(at, down[i]->name,
			O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
		cleanup_close(&passed);
		if (at < 0)
			return at;
		if ((i & (i - 1)) == 0)
			keep(ways, down[i], at);
		else
			passed = at;
	}
	return at;
}

int
ways_open(struct ways *ways, struct way *way)
{
	int fd;

	pthread_mutex_lock(&ways->lock);
	fd = open_way(ways, way);
	if (fd >= 0) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		fd = fd < 0 ? -errno : fd;
	}
	pthread_mutex_unlock(&ways->lock);
	return fd;
}
