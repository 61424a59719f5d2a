/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Foreign names on their way out: the first byte is the room that there is.
 * Escaped they are safe, can be told apart (they can be read back), and are
 * cut only between escapes. As JSON they are UTF-8, and the same bytes.
 */

#include <stdlib.h>

#include "cli/json.h"
#include "format/base64.h"
#include "tests/fuzz/entry.h"
#include "util/esc.h"

static uint8_t
nibble(char c)
{
	return (uint8_t)(c >= 'a' ? c - 'a' + 10 : c - '0');
}

static void
unescape(const char *text, struct buf *b)
{
	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;

		TRIP_MUST(c >= 0x20 && c != 0x7f);
		if (c == '\\' && *++text == 'x') {
			c = (uint8_t)(nibble(text[1]) << 4 | nibble(text[2]));
			text += 2;
		}
		TRIP_MUST(buf_u8(b, c) == 0);
	}
}

/* C1 controls, and what sets the direction or ends a line, in UTF-8. */
static bool
commands(const char *text)
{
	static const struct {
		char lead[3];
		uint8_t first, last;
	} ranges[] = {{"\xc2", 0x80, 0x9f}, {"\xd8", 0x9c, 0x9c},
		{"\xe2\x80", 0x8e, 0x8f}, {"\xe2\x80", 0xa8, 0xae},
		{"\xe2\x81", 0xa6, 0xa9}};

	for (; *text != '\0'; text++) {
		for (size_t i = 0; i < array_len(ranges); i++) {
			size_t n = strlen(ranges[i].lead);

			if (strncmp(text, ranges[i].lead, n) == 0 &&
				(uint8_t)text[n] >= ranges[i].first &&
				(uint8_t)text[n] <= ranges[i].last)
				return true;
		}
	}
	return false;
}

static void
check_escaped(struct span name, size_t room)
{
	_cleanup_free_ char *whole = malloc(ESC_SIZE(name.n));
	_cleanup_free_ char *cut = malloc(room);
	_cleanup_buf_ struct buf again = BUF_INIT;
	size_t n;

	TRIP_MUST(whole && cut);
	n = esc_name(whole, ESC_SIZE(name.n), name);
	TRIP_MUST(n == strlen(whole) && n < ESC_SIZE(name.n));
	TRIP_MUST(utf8_valid(span_str(whole)) && !commands(whole));
	unescape(whole, &again);
	TRIP_MUST(span_eq(buf_span(&again), name));

	TRIP_MUST(esc_name(cut, room, name) == n);
	TRIP_MUST(strncmp(whole, cut, strlen(cut)) == 0);
	TRIP_MUST(utf8_valid(span_str(cut)));
	TRIP_MUST(n >= room || strcmp(whole, cut) == 0);
	buf_clear(&again);
	unescape(cut, &again);
	TRIP_MUST(again.n <= name.n &&
		  span_eq(buf_span(&again), span_of(name.p, again.n)));
}

static void
check_json(struct span name)
{
	_cleanup_json_ struct json j = json_new(), back = {NULL, false};
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ uint8_t *bytes = malloc(name.n + 3);
	json_t *value;

	json_name(&j, "name", name);
	TRIP_MUST(!j.failed);
	text = json_dumps(j.value, JSON_COMPACT);
	TRIP_MUST(text && bytes && utf8_valid(span_str(text)));
	TRIP_MUST(strpbrk(text, "\n\033") == NULL);
	back.value = json_loads(text, JSON_ALLOW_NUL, NULL);
	value = json_object_get(back.value, "name");
	if (value) {
		TRIP_MUST(span_eq(span_of(json_string_value(value),
					  json_string_length(value)),
			name));
		return;
	}
	value = json_object_get(back.value, "name_b64");
	TRIP_MUST(value && BASE64_SIZE(name.n) == json_string_length(value));
	TRIP_MUST(base64_decode(bytes, name.n,
			  span_of(json_string_value(value),
				  json_string_length(value))) == 0);
	TRIP_MUST(span_eq(span_of(bytes, name.n), name));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > 4096)
		return 0;
	check_escaped(span_of(data + 1, size - 1), data[0] + 1U);
	check_json(span_of(data + 1, size - 1));
	return 0;
}
