/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/catalog.h"

#include "cli/out.h"
#include "keys/secmem.h"
#include "store/vault_keys.h"
#include "view/passphrase.h"
#include "view/unlock.h"

static int
load_with_passphrase(struct catalog *c, const char *file, struct fault *f)
{
	_cleanup_secret_ struct passphrase *p = NULL;
	_cleanup_access_ struct access *access = NULL;
	int err;

	p = secmem_alloc(sizeof(*p));
	if (!p)
		return fault_set(f, FAULT_NO_MEMORY, "passphrase",
			"there is no locked memory left");
	err = passphrase_read(file, NULL, p, f);
	if (err == 0)
		err = unlock_store(c->store, passphrase_span(p), &access, f);
	if (err == 0)
		err = snapshots_load(
			c->store, unlock_log_key(access), &c->snapshots, f);
	c->named = err == 0;
	return err;
}

/* Whose keys these are is no matter of rights or a lost file: refuse. */
static bool
is_refusal(const struct fault *f)
{
	return f->code == FAULT_STORE_FOREIGN || f->code == FAULT_NO_MEMORY;
}

int
catalog_open(
	const char *dir, const char *file, struct catalog *c, struct fault *f)
{
	_cleanup_secret_ struct vault_keys *keys = NULL;
	int err;

	err = store_open(dir, &c->store, f);
	if (err < 0)
		return err;
	err = vault_keys_load(
		store_dirfd(c->store), store_id_peek(c->store), &keys, &c->why);
	if (err == 0) {
		c->named = true;
		return snapshots_load(
			c->store, &keys->log_key, &c->snapshots, f);
	}
	if (is_refusal(&c->why)) {
		*f = c->why;
		return err;
	}
	if (file)
		return load_with_passphrase(c, file, f);
	return snapshots_load(c->store, NULL, &c->snapshots, f);
}

void
catalog_close(struct catalog *c)
{
	snapshots_free(&c->snapshots);
	store_close(c->store);
	*c = CATALOG_NONE;
}

void
catalog_warn(const struct catalog *c)
{
	char text[FAULT_TEXT_SIZE];

	fault_text(&c->why, text, sizeof(text));
	out_warn("names are not shown, for that takes keys/vault or "
		 "--passphrase-file: %s",
		text);
}
