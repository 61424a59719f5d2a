/* SPDX-License-Identifier: Apache-2.0 */
#include "view/session.h"

#include <string.h>

#include "keys/secmem.h"
#include "util/mem.h"
#include "view/passphrase.h"

int
session_open(const char *dir, const char *file, size_t cache, struct session *s,
	struct fault *f)
{
	_cleanup_secret_ struct passphrase *p = NULL;
	int err;

	err = store_open(dir, &s->store, f);
	if (err < 0)
		return err;
	p = secmem_alloc(sizeof(*p));
	if (!p)
		return fault_set(f, FAULT_NO_MEMORY, "passphrase",
			"there is no locked memory left");
	err = passphrase_read(file, "Passphrase: ", p, f);
	if (err == 0)
		err = unlock_store(s->store, passphrase_span(p), &s->access, f);
	if (err == 0)
		err = snapshots_load(
			s->store, unlock_log_key(s->access), &s->snapshots, f);
	if (err == 0)
		err = view_open(s->store, s->access, cache, &s->view, f);
	return err;
}

void
session_close(struct session *s)
{
	view_close(s->view);
	snapshots_free(&s->snapshots);
	unlock_free(s->access);
	store_close(s->store);
	*s = SESSION_NONE;
}

int
session_snapshot(struct session *s, const char *arg, struct view_snap **ret,
	const struct snapshot **ret_snapshot, struct span *ret_path,
	struct fault *f)
{
	_cleanup_free_ char *name = mem_strdup(arg);
	const struct snapshot *found;
	const char *path = "";
	char *colon;
	int err;

	if (!name)
		return fault_set(f, FAULT_NO_MEMORY, NULL, NULL);
	colon = strstr(name, ":/");
	if (colon) {
		path = arg + (colon - name) + 1;
		*colon = '\0';
	}
	err = snapshots_find(&s->snapshots, name, &found, f);
	if (err == 0)
		err = view_snap_open(s->view, found, ret, f);
	if (err < 0)
		return err;
	if (ret_snapshot)
		*ret_snapshot = found;
	*ret_path = span_str(path);
	return 0;
}
