/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/entry.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/json.h"
#include "cli/out.h"

struct kind {
	char letter;
	const char *name;
};

static const struct kind kinds[] = {
	[FILE_REGULAR] = {'-', "file"},
	[FILE_DIRECTORY] = {'d', "directory"},
	[FILE_SYMLINK] = {'l', "symlink"},
	[FILE_FIFO] = {'p', "fifo"},
	[FILE_SOCKET] = {'s', "socket"},
	[FILE_CHAR] = {'c', "char"},
	[FILE_BLOCK] = {'b', "block"},
};

/* As ls -l shows it: the set-id and sticky bits over the execute bits. */
static void
mode_text(char dst[11], const struct dirent_rec *e)
{
	static const char all[] = "rwxrwxrwx";

	dst[0] = kinds[e->kind].letter;
	for (unsigned int i = 0; i < 9; i++)
		dst[1 + i] = (e->mode >> (8 - i)) & 1 ? all[i] : '-';
	if (e->mode & 04000)
		dst[3] = dst[3] == 'x' ? 's' : 'S';
	if (e->mode & 02000)
		dst[6] = dst[6] == 'x' ? 's' : 'S';
	if (e->mode & 01000)
		dst[9] = dst[9] == 'x' ? 't' : 'T';
	dst[10] = '\0';
}

static char
mark(const struct dirent_rec *e)
{
	if (e->flags &
		(DIRENT_UNREAD | DIRENT_NOT_ENTERED | DIRENT_ATTRS_UNREAD))
		return '!';
	if (e->flags & DIRENT_CHANGED)
		return '~';
	return e->flags & DIRENT_ATTRS ? '+' : ' ';
}

static bool
is_device(const struct dirent_rec *e)
{
	return e->kind == FILE_CHAR || e->kind == FILE_BLOCK;
}

static void
print_owner(struct span name, uint32_t number)
{
	char shown[16];

	if (name.n > 0 && name.n <= 8) {
		printf("%*s", (int)(8 - name.n), "");
		out_name(stdout, name);
	} else if (name.n > 0) {
		out_name(stdout, name);
	} else {
		snprintf(shown, sizeof(shown), "%" PRIu32, number);
		printf("%8s", shown);
	}
	putchar(' ');
}

void
entry_print(const struct list_entry *e, const struct entry_owner *o)
{
	const struct dirent_rec *d = &e->place->entry;
	char mode[11], when[OUT_TIME], size[32];

	mode_text(mode, d);
	out_time(when, d->mtime.s);
	if (is_device(d))
		snprintf(size, sizeof(size), "%" PRIu32 ",%" PRIu32, d->major,
			d->minor);
	else
		snprintf(size, sizeof(size), "%" PRIu64, d->size);
	printf("%s%c ", mode, mark(d));
	print_owner(o->user, d->user);
	print_owner(o->group, d->group);
	printf("%12s %s ", size, when);
	out_name(stdout, e->name.n > 0 ? e->name : span_str("/"));
	if (d->kind == FILE_SYMLINK) {
		fputs(" -> ", stdout);
		out_name(stdout, e->damage ? span_str("?") : e->target);
	}
	putchar('\n');
}

static void
add_details(struct json *j, const struct list_entry *e)
{
	const struct dirent_rec *d = &e->place->entry;

	if (d->kind == FILE_REGULAR)
		json_number(j, "size", d->size);
	if (d->kind == FILE_SYMLINK && !e->damage)
		json_name(j, "target", e->target);
	if (is_device(d)) {
		json_number(j, "major", d->major);
		json_number(j, "minor", d->minor);
	}
	if (d->flags & DIRENT_LINK_GROUP)
		json_number(j, "links", d->links);
	if (d->flags & DIRENT_CHANGED)
		json_bool(j, "changed", true);
	if (d->flags & DIRENT_UNREAD)
		json_bool(j, "unread", true);
	if (d->flags & DIRENT_ATTRS_UNREAD)
		json_bool(j, "attributes_unread", true);
	if (d->flags & DIRENT_NOT_ENTERED)
		json_bool(j, "not_entered", true);
}

int
entry_json(const struct list_entry *e, const struct entry_owner *o,
	struct fault *f)
{
	_cleanup_json_ struct json j = json_new();
	const struct dirent_rec *d = &e->place->entry;
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", d->mode & 07777U);
	json_name(&j, "name", e->name);
	json_text(&j, "type", kinds[d->kind].name);
	json_text(&j, "mode", mode);
	json_number(&j, "uid", d->user);
	json_number(&j, "gid", d->group);
	if (o->user.n > 0)
		json_name(&j, "user", o->user);
	if (o->group.n > 0)
		json_name(&j, "group", o->group);
	json_signed(&j, "mtime", d->mtime.s);
	json_number(&j, "mtime_ns", d->mtime.ns);
	add_details(&j, e);
	return json_print(&j, f);
}
