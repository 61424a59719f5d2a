/* SPDX-License-Identifier: Apache-2.0 */
#include "store/vault_keys.h"

#include "format/keyblob.h"
#include "keys/digest.h"
#include "keys/secmem.h"
#include "store/layout.h"
#include "store/trouble.h"
#include "util/io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NAME LAYOUT_KEYS "/" LAYOUT_VAULT
#define VAULT_MAX KEYBLOB_VAULT_SIZE(KEYBLOB_COMPARTMENTS_MAX)

static_assert(VAULT_COMPARTMENTS == KEYBLOB_COMPARTMENTS_MAX, "one limit");

/* Read the file into p, which has VAULT_MAX bytes of secmem. */
static int
read_file(int storefd, uint8_t *p, size_t *n, struct fault *f)
{
	_cleanup_close_ int fd = -1;
	struct stat sb;
	uint64_t size;
	int err;

	fd = io_open_regular(storefd, NAME, O_RDONLY, 0);
	if (fd == -ENOENT)
		return fault_set(f, FAULT_KEY_MISSING, NAME, NULL);
	if (fd < 0)
		return trouble_file(f, FAULT_KEY_DAMAGED, fd, NAME, "opening");
	err = io_file_size(fd, &size);
	if (err == 0 && fstat(fd, &sb) < 0)
		err = -errno;
	if (err < 0)
		return trouble_io(f, err, NAME, "reading");
	if (sb.st_mode & (S_IRWXG | S_IRWXO))
		return fault_set(f, FAULT_KEY_EXPOSED, NAME,
			"others than its owner have rights to it");
	if (size > VAULT_MAX)
		return fault_set(f, FAULT_KEY_DAMAGED, NAME, "it is too long");
	err = io_read_full(fd, p, (size_t)size);
	if (err < 0)
		return trouble_io(f, err, NAME, "reading");
	*n = (size_t)size;
	return 0;
}

static void
take_keys(struct vault_keys *keys, const struct keyblob_vault *vault)
{
	keys->store = vault->store;
	memcpy(keys->log_key.b, vault->log_key, 32);
	memcpy(keys->ledger_seed.b, vault->ledger_seed, 32);
	keys->n = vault->n;
	for (uint32_t i = 0; i < vault->n; i++) {
		keys->compartment[i] = vault->compartment[i].compartment;
		memcpy(keys->secret[i].b, vault->compartment[i].secret, 32);
	}
}

int
vault_keys_load(int storefd, const struct store_id *store,
	struct vault_keys **ret, struct fault *f)
{
	_cleanup_secret_ uint8_t *p = secmem_alloc(VAULT_MAX);
	_cleanup_secret_ struct vault_keys *keys = secmem_alloc(sizeof(*keys));
	struct keyblob_vault vault;
	struct covered check;
	uint8_t sum[32];
	size_t n = 0;
	int err;

	if (!p || !keys)
		return fault_set(f, FAULT_NO_MEMORY, NAME,
			"there is no locked memory left");
	err = read_file(storefd, p, &n, f);
	if (err < 0)
		return err;
	err = keyblob_vault_decode(span_of(p, n), &vault, &check);
	if (err == -EPROTONOSUPPORT)
		return fault_set(
			f, FAULT_STORE_NEWER, NAME, "it is of a later format");
	if (err < 0)
		return fault_set(
			f, FAULT_KEY_DAMAGED, NAME, "it does not read");
	digest_blake2b(sum, sizeof(sum), &check.bytes, 1);
	if (!digest_equal(sum, check.value, sizeof(sum)))
		return fault_set(
			f, FAULT_KEY_DAMAGED, NAME, "its hash does not fit");
	if (!store_id_equal(&vault.store, store))
		return fault_set(f, FAULT_STORE_FOREIGN, NAME,
			"it holds the keys of another store");
	take_keys(keys, &vault);
	*ret = take_ptr(&keys);
	return 0;
}

int
vault_keys_save(int storefd, const struct vault_keys *keys, struct fault *f)
{
	_cleanup_secret_ uint8_t *p = secmem_alloc(VAULT_MAX);
	_cleanup_close_ int keysfd = -1;
	struct keyblob_vault vault = {.store = keys->store,
		.log_key = keys->log_key.b,
		.ledger_seed = keys->ledger_seed.b,
		.n = keys->n};
	struct wcur w;
	struct span body;
	int err;

	if (!p)
		return fault_set(f, FAULT_NO_MEMORY, NAME,
			"there is no locked memory left");
	assert(keys->n <= VAULT_COMPARTMENTS);
	for (uint32_t i = 0; i < keys->n; i++)
		vault.compartment[i] = (struct keyblob_compartment){
			keys->compartment[i], keys->secret[i].b};
	w = wcur_init(p, VAULT_MAX - 32);
	err = keyblob_vault_encode(&w, &vault);
	if (err < 0)
		return fault_set(
			f, FAULT_INTERNAL, NAME, "the keys do not encode");
	body = span_of(p, w.at);
	digest_blake2b(p + w.at, 32, &body, 1);
	keysfd = io_openat(storefd, LAYOUT_KEYS, O_RDONLY | O_DIRECTORY, 0);
	if (keysfd < 0)
		return trouble_io(f, keysfd, LAYOUT_KEYS, "opening");
	err = io_replace(keysfd, LAYOUT_VAULT, span_of(p, w.at + 32), 0600);
	return err < 0 ? trouble_io(f, err, NAME, "writing") : 0;
}

const struct key *
vault_keys_secret(const struct vault_keys *keys, uint32_t compartment)
{
	for (uint32_t i = 0; i < keys->n; i++) {
		if (keys->compartment[i] == compartment)
			return &keys->secret[i];
	}
	return NULL;
}
