/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_RESTORE_INTERNAL_H
#define RESTORE_RESTORE_INTERNAL_H

#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "restore/restore.h"
#include "store/folders.h"
#include "util/buf.h"
#include "util/limits.h"
#include "util/pool.h"
#include "view/file.h"
#include "view/place.h"

struct run;
struct links;
struct ways;
struct way;

/*
 * A directory of the target that is being filled. It lives until all below
 * it is done; then it gets its metadata.
 */
struct dir {
	struct dir *parent;
	struct place place;
	bool bare;	   /* not of the snapshot: no metadata */
	bool created;	   /* by this run */
	struct way *way;   /* of ways.c; NULL: none yet */
	gid_t group;	   /* its own */
	gid_t child_group; /* that a new inode in it gets; -1: not known */
	dev_t dev;
	ino_t ino;
	unsigned int depth;
	size_t name_len;
	char name[LIMIT_NAME + 1];

	/* Of the walker alone. */
	struct place_dir *listing; /* open, or NULL: then begin at index */
	uint64_t index, part;	   /* next entry; where this part began */
	bool second;		   /* directories of the part, after files */
	bool ended;		   /* this part is the last */

	/* Protected by the run's lock, fd while units is above 0 excepted. */
	int fd;
	unsigned int units;   /* at work in it */
	unsigned int pending; /* units, child directories, the walker */
	bool spill;	      /* close fd when units is 0 */
};

/* An entry to be made in a directory. */
struct item {
	struct place place;
	size_t name_len;
	char name[LIMIT_NAME + 1];
};

struct run {
	const struct restore_opts *opts;
	struct view_snap *snap;
	struct pool *pool;
	struct ways *ways;
	struct links *links;
	struct folders store;
	int rootfd; /* the target, for links */
	uid_t uid;  /* what new inodes get */
	gid_t gid;
	bool root;
	struct restore_progress total; /* constant */
	uint64_t token;	   /* drawn: what is made under another name has it */
	atomic_uint temps; /* such names so far */

	pthread_mutex_t lock;
	pthread_cond_t freed; /* a directory was closed, a unit is done */
	/* Protected by lock. */
	struct restore_report report;
	struct fault fatal; /* code is set: everything ends */
	unsigned int open_dirs;
	unsigned int units;
	uint64_t entries, bytes;
	uint64_t told_at; /* progress: monotonic ns */

	pthread_mutex_t tell; /* around the callbacks */
	atomic_bool dead;     /* fatal is set */
	atomic_bool coarse;   /* times must be looked at */
	atomic_int probes;    /* times that are looked at in any case */
};

/* ---- restore.c: the story of a run ---- */

/* True when the run is to end. */
bool run_ending(struct run *run);
/* The run cannot go on; the first one counts. */
void run_fatal(struct run *run, const struct fault *f);
/* Name what was left out, below dir; or, when no other can be made either
 * (no-memory, ENOSPC, EDQUOT, EROFS), end the run by it. f names no object
 * when it is this one. */
void run_failed(struct run *run, const struct dir *dir, const char *name,
	size_t name_len, const struct fault *f);
/* Name what was restored as far as the source could read it, and count it. */
void run_cut(struct run *run, const struct dir *dir, const char *name,
	size_t name_len, struct restore_report *did);
/* Add what a unit did. */
void run_add(struct run *run, const struct restore_report *did,
	uint64_t entries, uint64_t bytes);
/* What an error of the target is called: target-full, else io. */
enum fault_code run_target_code(int err);
/* Path of a name in dir below the target. */
must_check int run_path(const struct dir *dir, const char *name,
	size_t name_len, struct buf *ret);

/* ---- walk.c: the order of things ---- */

/*
 * Fill the target, open as fd (it is closed at the end): from a directory's
 * contents, or with one item. Returns when all is given to the pool.
 */
void walk_tree(struct run *run, const struct place *top, int fd);
void walk_item(struct run *run, const struct item *item, int fd);

/* ---- dirs.c: directories ---- */

/*
 * Make a directory and open it: a descriptor or a negative errno. *created is
 * false when it was there and may be filled (opts->overwrite; lost+found).
 */
must_check int make_dir(struct run *run, const struct dir *dir,
	const struct item *item, bool *created, struct fault *f);
/* Take away from a directory what new inodes would inherit. */
void make_plain(int fd);
/* ---- make.c: all else ---- */

/* Make whatever else an item is, with content and metadata. */
void make_item(struct run *run, struct dir *dir, const struct item *item,
	struct restore_report *did);

/* A file in parts, by several workers. */
struct big;
/* True when it is worth it; such an item has no link group. */
bool make_is_big(const struct item *item);
/*
 * Begin: NULL when it failed (told, counted in *did). Held once for the
 * caller and once for each part; who drops the last hold ends the file.
 */
struct big *make_big(struct run *run, struct dir *dir, const struct item *item,
	struct restore_report *did);
void make_big_hold(struct big *big);
void make_big_drop(struct big *big, struct restore_report *did);
/* Write a part, and the first run of data from *at on: false at the end, and
 * when the run is to end, which fails the file. */
void make_big_part(struct big *big, uint64_t from, uint64_t to,
	struct restore_report *did);
bool make_big_data(struct big *big, uint64_t *at, uint64_t *end);

/* ---- meta.c: owner, mode, times, attributes ---- */

/*
 * Where an inode is: fd when it is open, else name in dirfd. created: it was
 * made by this run and has the run's owner and group.
 */
struct meta_at {
	int fd; /* -1: none */
	int dirfd;
	const char *name;
	bool created;
	bool strange; /* may have an ACL that is not of the snapshot */
	gid_t group;
};
void meta_apply(struct run *run, const struct meta_at *at,
	const struct place *place, struct restore_report *did);

#endif
