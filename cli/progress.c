/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/eta.h"
#include "cli/out.h"
#include "cli/reason.h"
#include "util/clock.h"

#define EVERY_NS UINT64_C(250000000)
#define SECOND_NS UINT64_C(1000000000)

void
progress_start(struct progress *p)
{
	*p = (struct progress){.shown = isatty(STDERR_FILENO) == 1,
		.started_ns = clock_mono_ns()};
}

void
progress_wait(struct progress *p, const struct fault *busy)
{
	if (!p->shown)
		return;
	fputs("waiting for ", stderr);
	out_name(stderr, span_str(busy->object));
	fputs(": ", stderr);
	out_name(stderr, span_str(busy->detail));
	fputc('\n', stderr);
}

void
progress_expect(struct progress *p, uint64_t entries, uint64_t bytes)
{
	p->entries = entries;
	p->bytes = bytes;
}

static void
clear_line(struct progress *p)
{
	if (p->line)
		fputs("\r\033[K", stderr);
	p->line = false;
}

void
progress_problem(void *ctx, struct span path, uint32_t reason, uint32_t err)
{
	struct progress *p = ctx;

	p->problems++;
	if (!p->shown || p->problems > PROGRESS_PROBLEMS)
		return;
	clear_line(p);
	out_name(stderr, path.n > 0 ? path : span_str("."));
	fprintf(stderr, ": %s", reason_text(reason, err));
	if (err > 0)
		fprintf(stderr, ": %s", strerror((int)err));
	fputc('\n', stderr);
}

void
progress_counts(void *ctx, const struct tree_counts *c)
{
	struct progress *p = ctx;
	uint64_t now = clock_mono_ns(), ms;
	char bytes[OUT_BYTES], read[OUT_BYTES], rate[OUT_BYTES];
	const struct eta e = {c->entries, p->entries, c->bytes, p->bytes};
	char eta[ETA_TEXT];

	if (!p->shown || now - p->last_ns < EVERY_NS)
		return;
	p->last_ns = now;
	ms = (now - p->started_ns) / 1000000 + 1;
	eta_text(eta, &e, now - p->started_ns);
	out_bytes(bytes, c->bytes);
	out_bytes(read, c->bytes_read);
	out_bytes(rate, c->bytes_read / ms * 1000);
	fprintf(stderr,
		"\r\033[K%" PRIu64 " files, %s; read %s, %s/s; %" PRIu64 " s%s",
		c->files, bytes, read, rate, (now - p->started_ns) / SECOND_NS,
		eta);
	fflush(stderr);
	p->line = true;
}

void
progress_end(struct progress *p)
{
	clear_line(p);
	if (p->shown && p->problems > PROGRESS_PROBLEMS)
		fprintf(stderr, "and %" PRIu64 " more\n",
			p->problems - PROGRESS_PROBLEMS);
	fflush(stderr);
}
