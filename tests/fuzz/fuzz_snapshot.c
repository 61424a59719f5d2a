/* SPDX-License-Identifier: Apache-2.0 */

/* SNAPSHOT[:/PATH] as typed: what is found is what the text says, and only
 * that. */

#include <stdlib.h>

#include "format/hex.h"
#include "tests/fuzz/entry.h"
#include "view/session.h"

static struct snapshot list[] = {
	{.id = {{0x12, 0x34, 0x56, 0x78, 0x9a}},
		.source = "files1",
		.name = "files1@2026-11-22T03:00:00Z"},
	{.id = {{0x12, 0x34, 0x56, 0x78, 0x9b}},
		.source = "files1",
		.name = "files1@2026-11-22T03:00:00Z-2"},
	{.id = {{0xab, 0xcd, 0xef, 0x01}},
		.source = "a",
		.name = "a@2026-11-23T03:00:00Z"},
};

int __wrap_view_snap_open(struct view *v, const struct snapshot *snapshot,
	struct view_snap **ret, struct fault *f);

int
__wrap_view_snap_open(struct view *v, const struct snapshot *snapshot,
	struct view_snap **ret, struct fault *f)
{
	(void)v;
	(void)snapshot;
	(void)f;
	*ret = NULL;
	return 0;
}

/* Is this snapshot one that the text may mean? */
static bool
means(const char *text, const struct snapshot *s)
{
	size_t n = strlen(s->source);
	char hex[HEX_SIZE(32)];

	hex_encode(hex, span_of(s->id.b, sizeof(s->id.b)));
	if (!strchr(text, '@'))
		return strlen(text) >= 8 && strlen(text) <= 64 &&
		       strncmp(hex, text, strlen(text)) == 0;
	return strcmp(text, s->name) == 0 ||
	       (strncmp(text, s->source, n) == 0 &&
		       strcmp(text + n, "@latest") == 0);
}

/* Of several that are meant by @latest the last one, by an id none. */
static const struct snapshot *
meant(const char *text)
{
	const struct snapshot *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < array_len(list); i++) {
		if (!means(text, &list[i]))
			continue;
		found = &list[i];
		n++;
	}
	return n > 1 && !strchr(text, '@') ? NULL : found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session s = {.snapshots = {list, array_len(list)}};
	_cleanup_free_ char *text = malloc(size + 1);
	const struct snapshot *found = NULL;
	struct view_snap *snap;
	struct span path;
	char *cut;
	int err;

	TRIP_MUST(text);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	err = session_snapshot(&s, text, &snap, &found, &path, NULL);
	TRIP_MUST(err != 0 || found);
	cut = strstr(text, ":/");
	if (err == 0)
		TRIP_MUST(span_eq(path, span_str(cut ? cut + 1 : "")));
	if (cut)
		*cut = '\0';
	TRIP_MUST((err == 0 ? found : NULL) == meant(text));
	return 0;
}
