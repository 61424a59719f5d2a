/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "cli/exit.h"
#include "util/esc.h"

static const char *verb = "?";

void
out_verb(const char *name)
{
	verb = name;
}

int
out_fail(const struct fault *f)
{
	char text[FAULT_TEXT_SIZE];

	/* What was printed so far stands before the line that ends it. */
	(void)fflush(stdout);
	fault_text(f, text, sizeof(text));
	fprintf(stderr, "muniment %s: %s\n", verb, text);
	return f->code == FAULT_USAGE ? STATUS_USAGE : STATUS_FAILED;
}

void
out_warn(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "muniment %s: ", verb);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int
out_end(struct fault *f)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return fault_errno(f, FAULT_IO, -(errno ? errno : EIO),
		"standard output", "it was not written whole");
}

int
out_unheard(const char *made, int err, struct fault *f)
{
	const struct fault why = *f;

	*f = (struct fault){0};
	return fault_errno(f, why.code, err, why.object,
		"%s was made, but what there is to say of it was not written "
		"whole",
		made);
}

void
out_name(FILE *to, struct span name)
{
	char part[ESC_SIZE(256)];
	size_t at, n;

	/* Pieces end between characters, or a character would be escaped. */
	for (at = 0; at < name.n; at += n) {
		n = name.n - at < 256 ? name.n - at : 256;
		while (at + n < name.n && n > 250 &&
			(name.p[at + n] & 0xc0) == 0x80)
			n--;
		esc_name(part, sizeof(part), span_of(name.p + at, n));
		fputs(part, to);
	}
}

void
out_about(struct span path, const struct fault *why)
{
	char text[FAULT_TEXT_SIZE];

	out_name(stderr, path.n > 0 ? path : span_str("."));
	fault_text(why, text, sizeof(text));
	fprintf(stderr, ": %s\n", text);
}

void
out_bytes(char dst[OUT_BYTES], uint64_t n)
{
	static const char unit[] = "KMGTPE";
	unsigned int u = 0;
	double v = (double)n / 1024;

	if (n < 1024) {
		snprintf(dst, OUT_BYTES, "%" PRIu64 " B", n);
		return;
	}
	for (; v >= 1023.95 && unit[u + 1] != '\0'; u++)
		v /= 1024;
	snprintf(dst, OUT_BYTES, "%.1f %ciB", v, unit[u]);
}

void
out_time(char dst[OUT_TIME], int64_t seconds)
{
	time_t at = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&at, &tm) ||
		strftime(dst, OUT_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(dst, OUT_TIME, "%" PRId64, seconds);
}

void
out_span(char dst[OUT_SPAN], int64_t seconds)
{
	if (seconds < 0)
		seconds = 0;
	if (seconds >= 2 * 24 * 3600)
		snprintf(dst, OUT_SPAN, "%" PRId64 " days",
			seconds / (24 * 3600));
	else if (seconds >= 3600)
		snprintf(dst, OUT_SPAN, "%" PRId64 " h", seconds / 3600);
	else if (seconds >= 60)
		snprintf(dst, OUT_SPAN, "%" PRId64 " min", seconds / 60);
	else
		snprintf(dst, OUT_SPAN, "%" PRId64 " s", seconds);
}
