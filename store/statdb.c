/* SPDX-License-Identifier: Apache-2.0 */
#include "store/statdb.h"

#include "store/layout.h"
#include "store/rocks.h"
#include "store/room.h"
#include "util/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

static const struct rocks_sizes sizes = {
	.write_buffer = 4U << 20,
	.cache = 8U << 20,
};

struct statdb {
	struct rocks *db; /* NULL: it could not be had */
	int storefd;	  /* borrowed */
	bool damaged;
	bool collected; /* something to be flushed */
};

/* The database that is there, if it is of this ledger. */
static bool
open_old(struct statdb *db, const char *path, const struct store_id *store,
	struct ledger *l)
{
	if (!rocks_plain(db->storefd, LAYOUT_STAT) ||
		rocks_open(path, &sizes, &db->db, NULL, 0) < 0)
		return false;
	if (mark_get(db->db, store, l) > 0)
		return true;
	rocks_close(db->db);
	db->db = NULL;
	return false;
}

int
statdb_open(const char *dir, int storefd, const struct store_id *store,
	struct ledger *l, struct statdb **ret)
{
	struct statdb *db = mem_zalloc(sizeof(*db));
	char path[PATH_MAX];

	if (!db)
		return -ENOMEM;
	db->storefd = storefd;
	if (snprintf(path, sizeof(path), "%s/" LAYOUT_STAT, dir) <
			(int)sizeof(path) &&
		!open_old(db, path, store, l) &&
		rocks_destroy(storefd, LAYOUT_STAT) == 0 &&
		rocks_open(path, &sizes, &db->db, NULL, 0) < 0)
		db->db = NULL;
	*ret = db;
	return 0;
}

void
statdb_close(struct statdb *db)
{
	if (!db)
		return;
	rocks_close(db->db);
	/* A failure leaves it to the next opening. */
	if (db->damaged)
		(void)rocks_destroy(db->storefd, LAYOUT_STAT);
	mem_free(db);
}

int
statdb_get(struct statdb *db, struct span key, struct buf *out)
{
	int err;

	buf_clear(out);
	if (!db->db || db->damaged)
		return -ENOENT;
	err = rocks_get(db->db, key, out);
	if (err == -EIO)
		db->damaged = true;
	if (err < 0)
		buf_clear(out);
	return err == -EIO ? -ENOENT : err;
}

void
statdb_put(struct statdb *db, struct span key, struct span value)
{
	if (!db->db)
		return;
	rocks_put(db->db, key, value);
	db->collected = true;
}

void
statdb_flush(struct statdb *db, const struct mark *mark)
{
	if (!db->collected)
		return;
	db->collected = false;
	mark_put(db->db, mark);
	/* What is not written will be read again at the source. */
	if (room_check(db->storefd, NULL) < 0 || rocks_write(db->db) < 0)
		rocks_forget(db->db);
}
