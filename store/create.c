/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder is a store when it has a store.conf, which is written last: a crash
 * before leaves a folder that is neither a store nor empty, and that both
 * store_open and store_create refuse by name.
 *
 * Two locks are held to the end: that of the folder, so that of two inits one
 * is refused before it has made, or removed, anything; and that of a writer, so
 * that nobody uses a store that may still be removed.
 */
#include "store/store_write.h"

#include "format/conf.h"
#include "format/keyblob.h"
#include "keys/digest.h"
#include "keys/sign.h"
#include "store/layout.h"
#include "store/ledger_append.h"
#include "store/lock.h"
#include "store/trouble.h"
#include "util/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

static const char *const folders[] = {
	LAYOUT_KEYS,
	LAYOUT_PACKS,
	LAYOUT_MANIFESTS,
	LAYOUT_LEDGER,
	LAYOUT_INCOMING,
	LAYOUT_CACHE,
	LAYOUT_RUN,
};

/* ---- the folder ---- */

static int
read_names(int dirfd, bool (*fn)(int dirfd, const char *name), int *ret)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int fd = io_openat(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	*ret = 0;
	/* Or a folder that cannot be listed would pass for an empty one. */
	while (errno = 0, (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			*ret += fn(dirfd, e->d_name);
	}
	return -errno;
}

static bool
count_name(int dirfd, const char *name)
{
	(void)dirfd;
	(void)name;
	return true;
}

static bool
remove_name(int dirfd, const char *name)
{
	return io_unlinkat(dirfd, name, 0) == 0;
}

/* One init at a time looks whether the folder is empty, and fills it. */
static int
lock_folder(int fd, const char *dir, bool *made, struct fault *f)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return trouble_io(f, -errno, dir, "locking the folder");
	/* It is the other's by now. */
	*made = false;
	return fault_set(
		f, FAULT_STORE_BUSY, dir, "another init is at work there");
}

static int
check_empty(int fd, const char *dir, struct fault *f)
{
	int n, err;

	if (faccessat(fd, LAYOUT_CONF, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return fault_set(
			f, FAULT_STORE_EXISTS, dir, "the folder holds a store");
	err = read_names(fd, count_name, &n);
	if (err < 0)
		return trouble_io(f, err, dir, "reading the folder");
	if (n > 0)
		return fault_set(f, FAULT_STORE_NOT_EMPTY, dir, "%s",
			trouble_no_store(fd, "the folder is not empty"));
	return 0;
}

/* An empty folder: made (*made) or found. It is locked as long as *ret is
 * open. */
static int
take_folder(const char *dir, int *ret, bool *made, struct fault *f)
{
	int err = io_mkdirat(AT_FDCWD, dir, 0700);

	if (err == -ENOENT || err == -ENOTDIR)
		return fault_set(f, FAULT_USAGE, dir,
			"there is no folder to make it in");
	if (err < 0 && err != -EEXIST)
		return trouble_io(f, err, dir, "making the folder");
	*made = err == 0;
	*ret = io_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY, 0);
	if (*ret == -ENOTDIR)
		return fault_set(
			f, FAULT_STORE_NOT_EMPTY, dir, "it is not a folder");
	if (*ret < 0)
		return trouble_io(f, *ret, dir, "opening the folder");
	err = lock_folder(*ret, dir, made, f);
	return err == 0 ? check_empty(*ret, dir, f) : err;
}

/* Take away the first n folders, which we made, and store.conf before them.
 * What others put beside them is theirs: not everybody takes the lock. Whatever
 * fails here stays; the fault that led here is what is reported. */
static void
remove_made(int dirfd, size_t made)
{
	int n;

	(void)io_unlinkat(dirfd, LAYOUT_CONF, 0);
	for (size_t i = 0; i < made; i++) {
		_cleanup_close_ int fd =
			io_openat(dirfd, folders[i], O_RDONLY | O_DIRECTORY, 0);

		if (fd >= 0)
			(void)!read_names(fd, remove_name, &n);
		(void)io_unlinkat(dirfd, folders[i], AT_REMOVEDIR);
	}
}

static int
make_folders(int dirfd, size_t *made, struct fault *f)
{
	int err;

	for (*made = 0; *made < array_len(folders); ++*made) {
		err = io_mkdirat(dirfd, folders[*made], 0700);
		if (err < 0)
			return trouble_io(
				f, err, folders[*made], "making the folder");
	}
	/* Before there is a store.conf, whatever order names become durable
	 * in. */
	err = io_fsync_dirfd(dirfd);
	if (err < 0)
		return trouble_io(f, err, "folders", "making them durable");
	return 0;
}

/* ---- what is in it ---- */

static int
write_copy(int dirfd, const char *name, struct span bytes, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	int err;

	fd = io_openat(dirfd, LAYOUT_KEYS, O_RDONLY | O_DIRECTORY, 0);
	err = fd < 0 ? fd : io_replace(fd, name, bytes, 0644);
	return err < 0 ? trouble_io(f, err, name, "writing") : 0;
}

static int
write_keys(int dirfd, const struct store_seed *seed, struct fault *f)
{
	struct keyblob_recipient recipient;
	struct keyblob_epoch epoch;
	char name[LAYOUT_NAME];
	int err;

	if (keyblob_recipient_decode(seed->recipient, &recipient) != 0 ||
		keyblob_epoch_decode(seed->epoch, &epoch) != 0 ||
		!store_id_equal(&recipient.store, &seed->keys->store) ||
		!store_id_equal(&epoch.store, &seed->keys->store))
		return fault_set(f, FAULT_INTERNAL, LAYOUT_KEYS,
			"recipient or epoch are not of this store");
	err = vault_keys_save(dirfd, seed->keys, f);
	if (err < 0)
		return err;
	layout_recipient(name, recipient.recipient);
	err = write_copy(dirfd, name, seed->recipient, f);
	if (err < 0)
		return err;
	layout_epoch(name, epoch.compartment, epoch.epoch);
	return write_copy(dirfd, name, seed->epoch, f);
}

static int
write_ledger(int dirfd, const struct store_seed *seed,
	const struct leaf_store *first, struct fault *f)
{
	_cleanup_append_ struct append *a = NULL;
	const struct append_keys keys = {.store = seed->keys->store,
		.log_key = &seed->keys->log_key,
		.ledger_seed = &seed->keys->ledger_seed};
	const struct span none = span_of(NULL, 0);
	uint8_t clear[LEAF_STORE_SIZE];
	int err;

	leaf_store_encode(first, clear);
	err = append_create(dirfd, &keys, &a, f);
	if (err == 0)
		err = append_put(a, LEAF_STORE, span_of(clear, sizeof(clear)),
			none, NULL, NULL, f);
	if (err == 0)
		err = append_put(a, LEAF_RECIPIENT, seed->recipient, none, NULL,
			NULL, f);
	if (err == 0)
		err = append_put(
			a, LEAF_EPOCH, seed->epoch, none, NULL, NULL, f);
	return err == 0 ? append_sign(a, f) : err;
}

static int
write_conf(int dirfd, const struct conf *conf, struct fault *f)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint8_t check[CONF_CHECK_SIZE];
	struct span lines;
	int err;

	err = conf_encode(&text, conf);
	if (err == 0) {
		lines = buf_span(&text);
		digest_blake2b(check, sizeof(check), &lines, 1);
		err = conf_encode_check(&text, check);
	}
	if (err == 0)
		err = io_replace(dirfd, LAYOUT_CONF, buf_span(&text), 0644);
	return err < 0 ? trouble_io(f, err, LAYOUT_CONF, "writing") : 0;
}

static int
sync_parent(int dirfd, const char *dir, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	int err;

	fd = io_openat(dirfd, "..", O_RDONLY | O_DIRECTORY, 0);
	/* A parent that may be searched but not read cannot be synced by us;
	 * the folder was then found and not made. */
	if (fd == -EACCES)
		return 0;
	err = fd < 0 ? fd : io_fsync_dirfd(fd);
	return err < 0 ? trouble_io(f, err, dir, "making it durable") : 0;
}

int
store_create(const char *dir, const struct store_seed *seed, struct fault *f)
{
	_cleanup_close_ int dirfd = -1, lockfd = -1;
	struct conf conf = {.store = seed->keys->store};
	struct leaf_store first;
	size_t nfolders = 0;
	bool made = false;
	int err;

	sign_public(conf.ledger_key, &seed->keys->ledger_seed);
	memcpy(first.ledger_key, conf.ledger_key, sizeof(first.ledger_key));
	err = take_folder(dir, &dirfd, &made, f);
	if (err < 0)
		goto unmake;
	err = make_folders(dirfd, &nfolders, f);
	if (err == 0)
		err = lock_take(dirfd, dir, NULL, &lockfd, f);
	if (err == 0)
		err = write_keys(dirfd, seed, f);
	if (err == 0)
		err = write_ledger(dirfd, seed, &first, f);
	if (err == 0)
		err = sync_parent(dirfd, dir, f);
	if (err == 0)
		err = write_conf(dirfd, &conf, f);
	if (err == 0)
		return 0;
	remove_made(dirfd, nfolders);
unmake:
	if (made)
		(void)io_unlinkat(AT_FDCWD, dir, AT_REMOVEDIR);
	return err;
}
