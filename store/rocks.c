/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options against what RocksDB 7.8 is known to do wrong: one background flush
 * and two write buffers (failed flushes may be misordered with more), leveled
 * compaction, no multi-get, ingest, log recycling, manual log flush or mmap;
 * paranoid checks, and checksums verified on each read.
 *
 * Recovery of the log stops at the first record that is not whole ("point in
 * time"), which a power cut leaves as a rule; "absolute consistency" would
 * refuse to open then, and cost a rebuild from all packs. What is lost so is a
 * tail of whole batches, and each batch says which ledger size it reflects.
 * For the same reason writes are not synced.
 *
 * Neither database is compressed: ids are random, and stat records sealed.
 */
#include "store/rocks.h"

#include "util/io.h"
#include "util/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <string.h>

#define FILTER_BITS 10.0
/* Table files that are kept open: each costs a few KiB beside the cache. */
#define OPEN_FILES 256
/*
 * One above RocksDB's highest level, that of what heads its text log: so
 * nothing is written there. A line that cannot be written ends the process
 * where RocksDB was built with assertions, as Debian's is; all else that fails
 * it reports.
 */
#define LOG_LEVEL_NONE 6
#define LOG_FILES 1U

struct rocks {
	rocksdb_t *db;
	rocksdb_options_t *options;
	rocksdb_cache_t *cache;
	rocksdb_readoptions_t *read;
	rocksdb_writeoptions_t *write;
	rocksdb_writebatch_t *batch;
	bool failed; /* a write: there must be no other */
};

/* RocksDB's error string to an errno; it is freed. */
static int
convert(char *text, char *why, size_t n)
{
	int err = -EIO;

	if (!text)
		return 0;
	if (strstr(text, "No space") || strstr(text, "quota"))
		err = -ENOSPC;
	if (why)
		snprintf(why, n, "%s", text);
	rocksdb_free(text);
	return err;
}

/*
 * Filters and indexes go through the cache, or they would grow without bound
 * beside it (filters: 1.25 bytes a key). They are cut into partitions and the
 * cache is one piece: a whole file's filter, 2 MB, would not fit one of many
 * shards and be read again for each look-up.
 */
static void
set_tables(struct rocks *r, const struct rocks_sizes *sizes)
{
	rocksdb_block_based_table_options_t *t =
		rocksdb_block_based_options_create();
	rocksdb_lru_cache_options_t *c = rocksdb_lru_cache_options_create();

	rocksdb_lru_cache_options_set_capacity(c, sizes->cache);
	rocksdb_lru_cache_options_set_num_shard_bits(c, 0);
	r->cache = rocksdb_cache_create_lru_opts(c);
	rocksdb_lru_cache_options_destroy(c);
	rocksdb_block_based_options_set_block_cache(t, r->cache);
	/* Owned by t from here on. */
	rocksdb_block_based_options_set_filter_policy(
		t, rocksdb_filterpolicy_create_bloom_full(FILTER_BITS));
	rocksdb_block_based_options_set_index_type(
		t, rocksdb_block_based_table_index_type_two_level_index_search);
	rocksdb_block_based_options_set_partition_filters(t, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(
		t, 1);
	rocksdb_block_based_options_set_pin_top_level_index_and_filter(t, 1);
	rocksdb_options_set_block_based_table_factory(r->options, t);
	rocksdb_block_based_options_destroy(t);
}

static void
set_options(struct rocks *r, const struct rocks_sizes *sizes)
{
	rocksdb_options_t *o = r->options;

	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_paranoid_checks(o, 1);
	rocksdb_options_set_wal_recovery_mode(
		o, rocksdb_point_in_time_recovery);
	rocksdb_options_set_recycle_log_file_num(o, 0);
	rocksdb_options_set_manual_wal_flush(o, 0);
	rocksdb_options_set_allow_mmap_reads(o, 0);
	rocksdb_options_set_allow_mmap_writes(o, 0);
	rocksdb_options_set_compression(o, rocksdb_no_compression);
	rocksdb_options_set_compaction_style(o, rocksdb_level_compaction);
	rocksdb_options_set_write_buffer_size(o, sizes->write_buffer);
	rocksdb_options_set_max_write_buffer_number(o, 2);
	rocksdb_options_set_max_background_jobs(o, 2);
	rocksdb_options_set_max_background_flushes(o, 1);
	rocksdb_options_set_max_background_compactions(o, 1);
	rocksdb_options_set_max_open_files(o, OPEN_FILES);
	rocksdb_options_set_max_file_opening_threads(o, 1);
	rocksdb_options_set_info_log_level(o, LOG_LEVEL_NONE);
	rocksdb_options_set_keep_log_file_num(o, LOG_FILES);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	rocksdb_options_set_stats_persist_period_sec(o, 0);
	set_tables(r, sizes);
}

/*
 * Files grow as they are written: by default RocksDB allocates up to 30 MB
 * ahead. Closing writes nothing (what is not in a table yet is in the log): a
 * write that a full disk refuses ends the process where RocksDB was built
 * with assertions, as Debian's is. And its own record of its options, which has
 * no word for the log level above, need not be written; from version 8 on that
 * would be an error. None of these has a setter in C.
 */
static int
set_space(struct rocks *r, char *why, size_t n)
{
	rocksdb_options_t *base = rocksdb_options_create();
	char *text = NULL;

	rocksdb_get_options_from_string(base,
		"allow_fallocate=false;avoid_flush_during_shutdown=true;"
		"fail_if_options_file_error=false",
		r->options, &text);
	rocksdb_options_destroy(base);
	return convert(text, why, n);
}

/*
 * RocksDB writes its options to a new file at each opening, and never removes
 * one that it did not come to rename: after a crash, or, with the log level
 * above, each. It does not need them.
 */
static void
sweep_options(const char *path)
{
	static const char end[] = ".dbtmp";
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int err;

	dir = io_opendirat(AT_FDCWD, path, &err);
	while (dir && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);

		if (n >= sizeof(end) &&
			strcmp(e->d_name + n - strlen(end), end) == 0)
			(void)io_unlinkat(dirfd(dir), e->d_name, 0);
	}
}

int
rocks_open(const char *path, const struct rocks_sizes *sizes,
	struct rocks **ret, char *why, size_t n)
{
	_cleanup_rocks_ struct rocks *r = mem_zalloc(sizeof(*r));
	char *text = NULL;
	int err;

	if (!r)
		return -ENOMEM;
	/* Its own allocations end the process when memory is short. */
	r->options = rocksdb_options_create();
	err = set_space(r, why, n);
	if (err < 0)
		return err;
	set_options(r, sizes);
	r->read = rocksdb_readoptions_create();
	rocksdb_readoptions_set_verify_checksums(r->read, 1);
	r->write = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(r->write, 0);
	r->batch = rocksdb_writebatch_create();
	sweep_options(path);
	r->db = rocksdb_open(r->options, path, &text);
	err = convert(text, why, n);
	if (err < 0)
		return err;
	*ret = take_ptr(&r);
	return 0;
}

void
rocks_close(struct rocks *r)
{
	if (!r)
		return;
	if (r->db)
		rocksdb_close(r->db);
	if (r->batch)
		rocksdb_writebatch_destroy(r->batch);
	if (r->write)
		rocksdb_writeoptions_destroy(r->write);
	if (r->read)
		rocksdb_readoptions_destroy(r->read);
	if (r->cache)
		rocksdb_cache_destroy(r->cache);
	if (r->options)
		rocksdb_options_destroy(r->options);
	mem_free(r);
}

int
rocks_get(struct rocks *r, struct span key, struct buf *out)
{
	rocksdb_pinnableslice_t *value;
	char *text = NULL;
	const char *p;
	size_t n = 0;
	int err;

	buf_clear(out);
	value = rocksdb_get_pinned(
		r->db, r->read, (const char *)key.p, key.n, &text);
	err = convert(text, NULL, 0);
	if (err < 0)
		return -EIO;
	if (!value)
		return -ENOENT;
	p = rocksdb_pinnableslice_value(value, &n);
	err = buf_append(out, p, n);
	rocksdb_pinnableslice_destroy(value);
	return err;
}

void
rocks_put(struct rocks *r, struct span key, struct span value)
{
	rocksdb_writebatch_put(r->batch, (const char *)key.p, key.n,
		(const char *)value.p, value.n);
}

/*
 * Behind a full disk RocksDB takes itself for mended as soon as there is room;
 * writing to its log again then ends the process where it was built with
 * assertions.
 */
int
rocks_write(struct rocks *r)
{
	char *text = NULL;
	int err = -EIO;

	if (!r->failed) {
		rocksdb_write(r->db, r->write, r->batch, &text);
		err = convert(text, NULL, 0);
	}
	r->failed = err < 0;
	rocksdb_writebatch_clear(r->batch);
	return err;
}

void
rocks_forget(struct rocks *r)
{
	rocksdb_writebatch_clear(r->batch);
}
