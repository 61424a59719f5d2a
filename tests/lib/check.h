/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LIB_CHECK_H
#define TESTS_LIB_CHECK_H

/*
 * Unit tests: each test is a function without arguments, main is
 *
 *	CHECK_MAIN(TEST(first), TEST(second))
 *
 * which prints one line per test and ends with status 1 when a check failed,
 * 0 otherwise. With arguments only the tests named there run. The checks do
 * not depend on NDEBUG; a failed one prints its place and the test goes on.
 * Each check is also a value, so "if (!CHECK(p)) return;" gives up early.
 */

#include <ftw.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* cond is true. */
#define CHECK(cond) check_(!!(cond), __FILE__, __LINE__, "%s", #cond)

/* Two integers are equal; prints both. */
#define CHECK_EQ(a, b)                                                         \
	check_eq_((long long)(a), (long long)(b), #a " == " #b, __FILE__,      \
		__LINE__)

/* Two strings are equal; prints both. */
#define CHECK_STR(a, b) check_str_((a), (b), #a, __FILE__, __LINE__)

/* n bytes at a and b are equal; prints the first difference. */
#define CHECK_MEM(a, b, n) check_mem_((a), (b), (n), #a, __FILE__, __LINE__)

#define TEST(fn)                                                               \
	{                                                                      \
#fn, fn                                                        \
	}

#define CHECK_MAIN(...)                                                        \
	int main(int argc, char **argv)                                        \
	{                                                                      \
		static const struct check_test tests[] = {__VA_ARGS__};        \
		return check_run(                                              \
			tests, sizeof(tests) / sizeof(tests[0]), argc, argv);  \
	}

struct check_test {
	const char *name;
	void (*fn)(void);
};

/* Checks may run in several threads. */
static atomic_uint check_failed_;

__attribute__((format(printf, 4, 5), unused)) static bool
check_(bool good, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (good)
		return true;
	atomic_fetch_add(&check_failed_, 1);
	printf("%s:%d: failed: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	return false;
}

__attribute__((unused)) static bool
check_eq_(
	long long a, long long b, const char *text, const char *file, int line)
{
	return check_(a == b, file, line, "%s (%lld, %lld)", text, a, b);
}

__attribute__((unused)) static bool
check_str_(const char *a, const char *b, const char *text, const char *file,
	int line)
{
	return check_(a && b && strcmp(a, b) == 0, file, line,
		"%s is \"%s\" and not \"%s\"", text, a ? a : "(null)",
		b ? b : "(null)");
}

__attribute__((unused)) static bool
check_mem_(const void *a, const void *b, size_t n, const char *text,
	const char *file, int line)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i])
			return check_(false, file, line,
				"%s: byte %zu is %02x and not %02x", text, i,
				x[i], y[i]);
	}
	return true;
}

static char check_dir_[4096];

static int
check_remove_(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
check_remove_scratch_(void)
{
	if (check_dir_[0] != '\0')
		nftw(check_dir_, check_remove_, 16, FTW_DEPTH | FTW_PHYS);
	check_dir_[0] = '\0';
}

/*
 * The path of an empty directory for the running test, made at the first call
 * in it and removed when the test ends.
 */
__attribute__((unused)) static const char *
check_scratch(void)
{
	const char *tmp = getenv("TMPDIR");

	if (check_dir_[0] != '\0')
		return check_dir_;
	snprintf(check_dir_, sizeof(check_dir_), "%s/check.XXXXXX",
		tmp ? tmp : "/tmp");
	if (!mkdtemp(check_dir_)) {
		perror(check_dir_);
		exit(1);
	}
	return check_dir_;
}

static bool
check_wanted_(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc < 2;
}

__attribute__((unused)) static int
check_run(const struct check_test *tests, size_t n, int argc, char **argv)
{
	unsigned int ran = 0, bad = 0;

	/* A test that crashes must not take the lines before it along. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < n; i++) {
		unsigned int before = check_failed_;

		if (!check_wanted_(tests[i].name, argc, argv))
			continue;
		tests[i].fn();
		check_remove_scratch_();
		ran++;
		bad += check_failed_ != before;
		printf("%s %s\n", check_failed_ == before ? "ok  " : "FAIL",
			tests[i].name);
	}
	printf("%u tests, %u failed\n", ran, bad);
	return ran == 0 || bad > 0;
}

#endif
