/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/pull_told.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/json.h"
#include "cli/out.h"
#include "format/hex.h"
#include "store/snapshots.h"

int
pull_told(const struct pull_result *r, const char *name)
{
	char id[HEX_SIZE(sizeof(r->id.b))];
	char bytes[OUT_BYTES], read[OUT_BYTES], stored[OUT_BYTES];

	hex_encode(id, span_of(r->id.b, sizeof(r->id.b)));
	out_bytes(bytes, r->counts.bytes);
	out_bytes(read, r->counts.bytes_read);
	out_bytes(stored, r->stored);
	printf("%s  %.16s\n", name[0] != '\0' ? name : "snapshot", id);
	printf("%" PRIu64 " files, %s; read %s, stored %s, %" PRIu32 " s\n",
		r->counts.files, bytes, read, stored, r->seconds);
	return 0;
}

int
pull_told_json(const struct pull_result *r, const char *name, struct fault *f)
{
	_cleanup_json_ struct json j = json_new();

	json_text(&j, "snapshot", name);
	json_hex(&j, "id", span_of(r->id.b, sizeof(r->id.b)));
	json_hex(&j, "root", span_of(r->root.b, sizeof(r->root.b)));
	json_bool(&j, "complete", r->complete);
	json_number(&j, "entries", r->counts.entries);
	json_number(&j, "files", r->counts.files);
	json_number(&j, "directories", r->counts.directories);
	json_number(&j, "bytes", r->counts.bytes);
	json_number(&j, "bytes_read", r->counts.bytes_read);
	json_number(&j, "bytes_stored", r->stored);
	json_number(&j, "problems", r->counts.problems);
	json_number(&j, "changed", r->counts.changed);
	json_number(&j, "packs", r->packs);
	json_number(&j, "seconds", r->seconds);
	return json_print(&j, f);
}

int
pull_told_unheard(
	const struct pull_result *r, const char *name, int err, struct fault *f)
{
	char id[HEX_SIZE(sizeof(r->id.b))];
	char made[sizeof("the snapshot ") + SNAPSHOT_NAME];

	hex_encode(id, span_of(r->id.b, sizeof(r->id.b)));
	id[16] = '\0';
	snprintf(made, sizeof(made), "the snapshot %s",
		name[0] != '\0' ? name : id);
	return out_unheard(made, err, f);
}

void
pull_told_incomplete(const struct pull_result *r, const char *name)
{
	char id[HEX_SIZE(sizeof(r->id.b))];

	hex_encode(id, span_of(r->id.b, sizeof(r->id.b)));
	id[16] = '\0';
	out_warn("incomplete: %" PRIu64 " could not be read; the rest is "
		 "stored; for the list: muniment ls --problems %s",
		r->counts.problems, name[0] != '\0' ? name : id);
}
