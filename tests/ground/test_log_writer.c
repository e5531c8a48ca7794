/*
 * test_log_writer.c - the log arrives, and nobody waits for whoever reads it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "ground/log_writer.h"

#define PATIENCE 30000 /* ms: a test that needs it has failed */
#define THREADS 8
#define LINES 200

static int end[2]; /* a pipe: what is read from, what is written to */

static int
begin(void **state)
{
	return pipe(end) == 0 && log_writer_start(end[1], "postmeter: ") == 0
		   ? 0
		   : -1;
}

/* All that comes until nobody can write any more; to be freed. */
static char *
read_all(void)
{
	size_t capacity = 1 << 16, len = 0;
	char *text = malloc(capacity);
	ssize_t n;

	while ((n = read(end[0], text + len, capacity - len - 1)) > 0) {
		len += (size_t)n;
		if (capacity - len < 4096)
			text = realloc(text, capacity *= 2);
	}
	text[len] = '\0';
	close(end[0]);
	return text;
}

static void *
say_lines(void *arg)
{
	const char *who = arg;

	for (int i = 0; i < LINES; i++) {
		char line[64];
		int n = snprintf(line, sizeof(line), "%s %d\n", who, i);

		assert_true(log_writer_put(line, (size_t)n));
	}
	return NULL;
}

static void *
read_in_thread(void *arg)
{
	return read_all();
}

static void
lines_of_many_threads_arrive_whole_and_in_their_order(void **state)
{
	static char name[THREADS][2];
	pthread_t thread[THREADS];
	int next[THREADS] = { 0 }, lines = 0;
	char *text, *line, *rest;

	for (int i = 0; i < THREADS; i++) {
		name[i][0] = (char)('a' + i);
		pthread_create(&thread[i], NULL, say_lines, name[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_true(log_writer_end(PATIENCE));
	close(end[1]);
	text = read_all();
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest), lines++) {
		int who = line[0] - 'a', number = -1;

		assert_in_range(who, 0, THREADS - 1);
		assert_int_equal(sscanf(line + 1, "%d", &number), 1);
		assert_int_equal(number, next[who]++);
	}
	assert_int_equal(lines, THREADS * LINES);
	free(text);
}

static void
a_reader_who_stands_still_delays_nobody_and_is_told_what_he_missed(void **state)
{
	static char line[1024];
	const size_t n = 4 * LOGWRITER_ROOM / sizeof(line);
	pthread_t reader;
	void *text;
	char *told, *rest;
	size_t seen = 0;
	unsigned long dropped = 0;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (size_t i = 0; i < n; i++) /* or this would never end */
		assert_true(log_writer_put(line, sizeof(line)));
	/* Now he reads. */
	pthread_create(&reader, NULL, read_in_thread, NULL);
	assert_true(log_writer_end(PATIENCE));
	close(end[1]);
	pthread_join(reader, &text);
	for (told = strtok_r(text, "\n", &rest); told != NULL;
	     told = strtok_r(NULL, "\n", &rest)) {
		unsigned long more;

		if (told[0] == 'x')
			seen++;
		else if (sscanf(told,
			     "postmeter: %lu lines of the log were dropped",
			     &more) == 1)
			dropped += more;
	}
	assert_true(dropped > 0);
	assert_int_equal(seen + dropped, n);
	free(text);
}

static void
the_end_does_not_wait_for_ever_for_a_reader_who_stands_still(void **state)
{
	static char line[1024];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (size_t i = 0; i < LOGWRITER_ROOM / sizeof(line); i++)
		assert_true(log_writer_put(line, sizeof(line)));
	assert_false(log_writer_end(50));
	/* Nor does whoever has more to say. */
	assert_true(log_writer_put(line, sizeof(line)));
	close(end[0]);
	assert_true(log_writer_end(PATIENCE));
	close(end[1]);
}

static void
without_a_writer_the_caller_writes(void **state)
{
	assert_true(log_writer_end(PATIENCE));
	assert_false(log_writer_put("x\n", 2));
	close(end[0]);
	close(end[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    lines_of_many_threads_arrive_whole_and_in_their_order,
		    begin),
		cmocka_unit_test_setup(
		    a_reader_who_stands_still_delays_nobody_and_is_told_what_he_missed,
		    begin),
		cmocka_unit_test_setup(
		    the_end_does_not_wait_for_ever_for_a_reader_who_stands_still,
		    begin),
		cmocka_unit_test_setup(
		    without_a_writer_the_caller_writes, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
