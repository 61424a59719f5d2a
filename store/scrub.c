/* SPDX-License-Identifier: Apache-2.0 */
#include "store/scrub_internal.h"

#include "store/layout.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void
report(struct scrub *s, const struct scrub_finding *finding)
{
	pthread_mutex_lock(&s->lock);
	if (finding->harmless)
		s->result.notes++;
	else
		s->result.findings++;
	s->sink->finding(s->sink->ctx, finding);
	pthread_mutex_unlock(&s->lock);
}

void
scrub_report(struct scrub *s, struct fault *fault, bool harmless)
{
	const struct scrub_finding finding = {
		.fault = *fault, .harmless = harmless};

	report(s, &finding);
	*fault = (struct fault){.code = FAULT_NONE};
}

void
scrub_report_needed(struct scrub *s, struct fault *fault,
	const uint64_t *snapshots, size_t n)
{
	const struct scrub_finding finding = {
		.fault = *fault, .snapshots = snapshots, .n = n};

	report(s, &finding);
	*fault = (struct fault){.code = FAULT_NONE};
}

static void
report_folder(struct scrub *s, const char *folder, int err)
{
	struct fault bad = {.code = FAULT_NONE};

	(void)trouble_folder(&bad, err, folder);
	scrub_report(s, &bad, false);
}

int
scrub_each(struct scrub *s, const char *folder,
	int (*fn)(struct scrub *s, const char *folder, const char *name,
		struct fault *f),
	struct fault *f)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *e;
	int fd, err = 0;

	fd = io_openat(store_dirfd(s->st), folder, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (!dir) {
		err = fd < 0 ? fd : -errno;
		cleanup_close(&fd);
		report_folder(s, folder, err);
		return 0;
	}
	while (err == 0) {
		errno = 0;
		e = readdir(dir);
		if (!e)
			break;
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			err = fn(s, folder, e->d_name, f);
	}
	if (err == 0 && errno != 0)
		report_folder(s, folder, -errno);
	return err;
}

static void
scrub_free(struct scrub *s)
{
	for (size_t i = 0; i < s->nsnapshots; i++)
		mem_free(s->snapshots[i].ordinals);
	mem_free(s->snapshots);
	mem_free(s->packs);
	buf_free(&s->names);
	pthread_mutex_destroy(&s->lock);
}

int
scrub_store(struct store *st, const struct scrub_sink *sink,
	struct scrub_result *ret, struct fault *f)
{
	static int (*const steps[])(struct scrub *, struct fault *) = {
		scrub_leaves,
		scrub_tiles,
		scrub_frames,
		scrub_keys,
		scrub_manifests,
		scrub_strays,
		scrub_packs,
	};
	_cleanup_(scrub_free) struct scrub s = {.st = st, .sink = sink};
	int err = 0;

	/* With default attributes this cannot fail on Linux. */
	pthread_mutex_init(&s.lock, NULL);
	for (size_t i = 0; i < array_len(steps) && err == 0; i++)
		err = steps[i](&s, f);
	if (err < 0)
		return err;
	*ret = s.result;
	return 0;
}
