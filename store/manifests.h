/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_MANIFESTS_H
#define STORE_MANIFESTS_H

#include "format/manifest.h"
#include "format/types.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"

#include <stdint.h>

/* A manifest in memory: its bytes, checked against their name. */
struct manifest_file {
	struct buf bytes;
	struct manifest m; /* borrows bytes */
};

/* Read manifests/HASH. Faults: manifest-missing, manifest-damaged,
 * manifest-foreign, io. */
must_check int manifests_load(int storefd, const struct store_id *store,
	const struct root *hash, struct manifest_file *ret, struct fault *f);
void manifests_free(struct manifest_file *m);
#define _cleanup_manifest_ _cleanup_(manifests_free)

/* The root of pack `ordinal`; -ENOENT when the snapshot does not list it. */
must_check int manifests_root(
	const struct manifest_file *m, uint32_t ordinal, struct root *ret);

#endif
