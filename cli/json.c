/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json.h"

#include <errno.h>
#include <stdio.h>

#include "cli/out.h"
#include "format/base64.h"
#include "format/hex.h"
#include "util/esc.h"
#include "util/mem.h"

struct json
json_new(void)
{
	struct json j = {.value = json_object()};

	j.failed = !j.value;
	return j;
}

void
json_end(struct json *j)
{
	json_decref(j->value);
	j->value = NULL;
}

/* Takes value. */
static void
set(struct json *j, const char *key, json_t *value)
{
	if (json_object_set_new(j->value, key, value) != 0)
		j->failed = true;
}

void
json_text(struct json *j, const char *key, const char *text)
{
	set(j, key, json_string(text));
}

void
json_number(struct json *j, const char *key, uint64_t n)
{
	/* JSON's numbers here are signed; no count of ours comes near. */
	set(j, key, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

void
json_signed(struct json *j, const char *key, int64_t n)
{
	set(j, key, json_integer(n));
}

void
json_bool(struct json *j, const char *key, bool yes)
{
	set(j, key, json_boolean(yes));
}

void
json_hex(struct json *j, const char *key, struct span bytes)
{
	_cleanup_free_ char *text = mem_alloc(HEX_SIZE(bytes.n));

	if (text)
		hex_encode(text, bytes);
	set(j, key, text ? json_string(text) : NULL);
}

void
json_time(struct json *j, const char *key, int64_t seconds)
{
	char text[OUT_TIME];

	out_time(text, seconds);
	json_text(j, key, text);
}

static void
set_base64(struct json *j, const char *key, struct span name)
{
	_cleanup_free_ char *text = mem_alloc(BASE64_SIZE(name.n) + 1);
	char long_key[64];

	snprintf(long_key, sizeof(long_key), "%s_b64", key);
	if (text)
		base64_encode(text, name);
	set(j, long_key, text ? json_stringn(text, BASE64_SIZE(name.n)) : NULL);
}

void
json_name(struct json *j, const char *key, struct span name)
{
	if (utf8_valid(name))
		set(j, key,
			json_stringn(
				name.n ? (const char *)name.p : "", name.n));
	else
		set_base64(j, key, name);
}

void
json_array_of(struct json *j, const char *key)
{
	if (!json_object_get(j->value, key))
		set(j, key, json_array());
}

void
json_add(struct json *j, const char *key, struct json *item)
{
	json_array_of(j, key);
	if (item->failed ||
		json_array_append_new(json_object_get(j->value, key),
			take_ptr(&item->value)) != 0)
		j->failed = true;
}

int
json_print(const struct json *j, struct fault *f)
{
	if (j->failed)
		return fault_set(f, FAULT_NO_MEMORY, "JSON", NULL);
	if (json_dumpf(j->value, stdout, JSON_COMPACT) != 0 ||
		fputc('\n', stdout) == EOF)
		return fault_errno(f, FAULT_IO, -(errno ? errno : EIO),
			"standard output", "it was not written whole");
	return 0;
}
