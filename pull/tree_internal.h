/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_TREE_INTERNAL_H
#define PULL_TREE_INTERNAL_H

#include "format/wire.h"
#include "pull/file.h"
#include "pull/linked.h"
#include "pull/pages.h"
#include "pull/problems.h"
#include "pull/tree.h"

/* Shared by tree.c (frames and what may come when) and branch.c (batches and
 * directories under way, and what becomes of them). */

#define TREE_BUCKETS 256u

struct dir;

/* One listed entry and what is known of it so far. */
struct entry {
	struct listing l;    /* name points into the batch's bytes */
	struct span listing; /* the listing as it came */
	uint16_t flags;	     /* enum dirent_flag */
	uint8_t want;	     /* enum wire_want_bit */
	uint8_t got;	     /* the same: what has come */
	uint8_t content;     /* 0 or an object type */
	bool trusted;	     /* may be remembered */
	bool has_problem;
	bool excused; /* the agent said why what is wanted may not come */
	bool gone;    /* removed at the source since it was listed */
	bool restarted;
	bool follows; /* takes over what another name of it gives */
	struct linked_file *linked;
	struct ref content_ref;
	struct ref attrs_ref;
	uint64_t below;	       /* directories */
	uint32_t day;	       /* of the last full read */
	struct ordinals packs; /* that content and attributes need */
	struct dir *dir;       /* whose batches follow, once begun */
};

/* A batch: entries of one directory. */
struct batch {
	uint32_t number;
	struct dir *dir;  /* NULL for the roots */
	struct buf bytes; /* the entries as they came */
	struct entry *entry;
	uint16_t n;
	uint16_t open; /* directories in it under way */
	bool served;
	struct batch *hash_next;
};

/* A directory under way. */
struct dir {
	struct batch *parent;
	uint16_t index; /* in parent */
	uint16_t path;
	uint32_t depth;
	uint64_t device; /* of the path's root */
	struct remember_place place;
	struct memory *memory;
	struct pages pages;
	uint32_t listed;  /* batches that have come */
	uint32_t settled; /* batches that are stored */
	bool last;	  /* the last batch has come */
	bool unread;	  /* something that it has is left out */
	uint8_t last_name[LIMIT_NAME];
	size_t last_name_n;
};

struct tree {
	const struct tree_opts *o;
	struct tree_result *t;
	struct file_builder *file;
	struct linked *linked;
	struct problem_chain chain;
	struct batch *bucket[TREE_BUCKETS];
	uint32_t next;	       /* number of the next batch */
	uint32_t live;	       /* entries in memory */
	struct batch *serving; /* whose contents come now */
	uint16_t at;	       /* entry of serving that came last */
	bool in_file;	       /* its content has begun */
	bool done;
	bool rooted; /* batch 0 is complete */
	struct buf scratch;
};

struct batch *branch_find(const struct tree *t, uint32_t number);

/* Take a batch that was checked and listed: ask memory what is known of its
 * entries, and queue the answer. */
must_check int branch_answer(struct tree *t, struct batch *b, struct fault *f);

/* Set whether an entry may be remembered, by the times that it has now. */
void branch_trust(const struct tree *t, struct entry *e);

/* All that was wanted of the batch has come: entries that follow others take
 * over what those gave. */
must_check int branch_follow(struct tree *t, struct batch *b, struct fault *f);

/* Something of a batch is done: when all of it is, its entries are stored, then
 * its directory if that was the last, and so on upwards. */
must_check int branch_settle(struct tree *t, struct batch *b, struct fault *f);

/* Note a problem of an entry; it goes into the snapshot. */
must_check int branch_problem(struct tree *t, struct batch *b, uint16_t entry,
	enum problem_reason reason, uint32_t err, struct fault *f);

/* True for what stands in no directory: nothing is known of it, or it is there
 * no more. */
bool branch_left_out(const struct entry *e);

/* A new directory below an entry. */
must_check int branch_directory(struct tree *t, struct batch *parent,
	uint16_t index, struct dir **ret, struct fault *f);

/* The entry as it stands in a directory page (dir) or a snapshot root (NULL). */
void branch_dirent(const struct tree *t, const struct dir *d,
	const struct entry *e, struct dirent_rec *ret);

void branch_free_batch(struct tree *t, struct batch *b);
void branch_free_dir(struct dir *d);

#endif
