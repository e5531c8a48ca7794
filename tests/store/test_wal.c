/*
 * test_wal.c - a chain of files that ends anywhere, and bytes that lie.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "digest.h"
#include "random.h"
#include "store/local/wal.h"
#include "store/local/wal_record.h"
#include "tmpdir.h"

static char base[64];
static struct why why;

static void
fatal(const char *reason)
{
	fail_msg("%s", reason);
}

static int
setup(void **state)
{
	tmpdir_empty();
	snprintf(base, sizeof(base), "%s/j", tmpdir);
	return 0;
}

static struct wal *
begin_as(bool power, uint64_t number, uint64_t seq)
{
	struct wal *j = wal_begin(base, number, seq, power, fatal, &why);

	if (j == NULL)
		fail_msg("%s", why.text);
	return j;
}

static struct wal *
begin(uint64_t number, uint64_t seq)
{
	return begin_as(false, number, seq);
}

static uint64_t written; /* the frame appended last */

/* Payload n is n bytes of n. */
static int
append(struct wal *j, size_t n)
{
	memset(wal_payload(j), (int)(n & 255), n);
	return wal_append(j, n, &written, &why);
}

/* On the disk before it returns; for a journal that was begun so. */
static void
append_safely(struct wal *j, size_t n)
{
	assert_int_equal(0, append(j, n));
	assert_true(wal_wait(j, written));
}

struct seen {
	uint64_t n, last;
};

static bool
see(void *arg, uint64_t seq, const uint8_t *payload, size_t len,
    struct why *reason)
{
	struct seen *s = arg;

	for (size_t i = 0; i < len; i++)
		assert_int_equal(len & 255, payload[i]);
	s->n++;
	s->last = seq;
	return true;
}

static enum store_fault
replay(uint64_t first, uint64_t seq, struct seen *s, struct wal_end *end)
{
	memset(s, 0, sizeof(*s));
	return wal_replay(
	    base, &(struct wal_start){ first, seq }, see, s, end, &why);
}

static char *
file(uint64_t number)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s-journal.%08llu", base,
	    (unsigned long long)number);
	return path;
}

static off_t
size_of(uint64_t number)
{
	struct stat st;

	assert_int_equal(0, stat(file(number), &st));
	return st.st_size;
}

static void
put_be(uint8_t *dst, uint64_t v, size_t n)
{
	while (n-- > 0) {
		dst[n] = (uint8_t)v;
		v >>= 8;
	}
}

/* One frame more, as written when all up to synced was safe; where it is. */
static off_t
add_frame(uint64_t number, uint64_t seq, uint64_t synced, size_t n)
{
	off_t at = size_of(number);
	uint8_t frame[256];
	FILE *f = fopen(file(number), "a");

	put_be(frame, n, 4);
	put_be(frame + 4, seq - synced, 4);
	put_be(frame + 8, seq, 8);
	memset(frame + 16, (int)n, n);
	put_be(frame + 16 + n, digest64(frame, 16 + n), 8);
	assert_non_null(f);
	assert_int_equal(1, fwrite(frame, n + WAL_FRAME, 1, f));
	fclose(f);
	return at;
}

static void
forget(uint64_t number, off_t at, size_t n)
{
	static const uint8_t zeros[256];
	FILE *f = fopen(file(number), "r+");

	assert_non_null(f);
	fseek(f, at, SEEK_SET);
	assert_int_equal(1, fwrite(zeros, n + WAL_FRAME, 1, f));
	fclose(f);
}

static void
what_was_written_is_read_back_from_where_it_is_wanted(void **state)
{
	struct wal *j = begin(7, 100);
	struct wal_end end;
	struct seen s;

	for (size_t n = 1; n <= 50; n++)
		assert_int_equal(0, append(j, n));
	wal_end(&j);
	assert_int_equal(STORE_OPENED, replay(7, 100, &s, &end));
	assert_int_equal(50, s.n);
	assert_int_equal(150, end.seq);
	assert_int_equal(7, end.number);
	assert_int_equal(STORE_OPENED, replay(7, 130, &s, &end));
	assert_int_equal(20, s.n);
	assert_int_equal(STORE_OPENED, replay(7, 500, &s, &end));
	assert_int_equal(0, s.n);
	assert_int_equal(500, end.seq);
	assert_int_equal(STORE_DAMAGED, replay(7, 98, &s, &end));
	/* Without a file to begin with, all that is there must be known. */
	assert_int_equal(STORE_DAMAGED, replay(0, 149, &s, &end));
	assert_int_equal(STORE_OPENED, replay(0, 150, &s, &end));
	assert_int_equal(7, end.number);
}

static void
a_tail_torn_at_any_byte_is_cut(void **state)
{
	struct wal *j = begin(1, 0);
	struct wal_end end;
	struct seen s;
	off_t before;

	append(j, 30);
	append(j, 40);
	before = size_of(1);
	append(j, 50);
	wal_end(&j);
	for (off_t len = size_of(1) - 1; len >= before; len--) {
		assert_int_equal(0, truncate(file(1), len));
		assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
		assert_int_equal(2, s.n);
		assert_int_equal(len - before, end.torn);
	}
	for (off_t len = before - 1; len >= 0; len--) {
		assert_int_equal(0, truncate(file(1), len));
		assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
		assert_in_range(s.n, 0, 1);
	}
}

static void
a_changed_byte_is_refused_unless_only_the_tail_is_hurt(void **state)
{
	struct wal *j = begin_as(true, 1, 0);
	struct wal_end end;
	struct seen s;
	off_t last, size;

	append_safely(j, 30);
	append_safely(j, 40);
	last = size_of(1);
	append_safely(j, 50);
	wal_end(&j);
	size = size_of(1);
	for (off_t i = 0; i < size; i++) {
		FILE *f = fopen(file(1), "r+");
		enum store_fault fault;
		int c;

		assert_non_null(f);
		fseek(f, i, SEEK_SET);
		c = getc(f);
		fseek(f, i, SEEK_SET);
		putc(c ^ (1 << (i % 8)), f);
		fflush(f);
		fault = replay(1, 0, &s, &end);
		assert_int_equal(
		    i < last ? STORE_DAMAGED : STORE_OPENED, fault);
		if (fault == STORE_OPENED)
			assert_int_equal(2, s.n);
		fseek(f, i, SEEK_SET);
		putc(c, f);
		fclose(f);
	}
	assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
	assert_int_equal(3, s.n);
}

/* A later frame that survived says nothing, if nothing was synced. */
static void
what_had_not_reached_the_disk_may_be_gone_in_any_order(void **state)
{
	struct wal *j = begin_as(true, 1, 0);
	struct wal_end end;
	struct seen s;
	off_t at[6];

	append_safely(j, 20);
	wal_end(&j);
	for (size_t i = 0; i < 6; i++)
		at[i] = add_frame(1, 2 + i, 1, 20);
	assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
	assert_int_equal(7, s.n);
	for (size_t i = 0; i < 6; i++) {
		forget(1, at[5 - i], 20);
		assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
		assert_int_equal(6 - i, s.n);
		assert_int_equal(size_of(1) - at[5 - i], end.torn);
	}
	add_frame(1, 8, 2, 20);
	assert_int_equal(STORE_DAMAGED, replay(1, 0, &s, &end));
}

static void
a_file_may_have_lost_what_its_successor_could_not_know(void **state)
{
	struct wal *j = begin_as(true, 1, 0);
	struct wal_end end;
	struct seen s;
	off_t at;

	append_safely(j, 20);
	wal_end(&j);
	at = add_frame(1, 2, 1, 20);
	j = begin(2, 2);
	wal_end(&j);
	add_frame(2, 3, 1, 20);
	assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
	assert_int_equal(3, s.n);
	assert_int_equal(0, truncate(file(1), at));
	assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
	assert_int_equal(1, s.n);
	assert_int_equal(2, end.number);
	assert_int_equal(WAL_FRAME + 20, end.torn);
	add_frame(2, 4, 2, 20);
	assert_int_equal(STORE_DAMAGED, replay(1, 0, &s, &end));
	assert_non_null(strstr(why.text, "frames are missing"));
	assert_int_equal(0, truncate(file(1), 7));
	assert_int_equal(STORE_DAMAGED, replay(1, 0, &s, &end));
	/* Of flushed ones nothing has to be there. */
	assert_int_equal(0, truncate(file(2), WAL_HEADER));
	assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
	assert_int_equal(0, s.n);
}

static void
a_write_that_fails_halfway_is_written_over(void **state)
{
	struct rlimit old, small;
	struct wal *j = begin(1, 0);
	struct wal_end end;
	struct seen s;

	append(j, 100);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = (rlim_t)size_of(1) + 60;
	setrlimit(RLIMIT_FSIZE, &small);
	for (int i = 0; i < 3; i++)
		assert_int_equal(-1, append(j, 200));
	assert_int_equal(0, append(j, 5));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(0, append(j, 300));
	wal_end(&j);
	assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
	assert_int_equal(3, s.n);
	assert_int_equal(0, end.torn);
}

static void
a_long_file_is_left_for_the_next_and_only_then_removed(void **state)
{
	struct wal *j = begin(1, 0);
	struct wal_end end;
	struct seen s;

	append(j, 10);
	assert_int_equal(0, wal_prepare(j, &why));
	wal_turn(j);
	assert_int_equal(1, wal_number(j));
	for (int i = 0; i < 20; i++)
		append(j, 20000);
	assert_int_equal(0, wal_prepare(j, &why));
	wal_end(&j);
	assert_int_equal(STORE_OPENED, replay(1, 0, &s, &end));
	assert_int_equal(21, s.n);
	assert_int_equal(2, end.number);

	j = begin_as(true, 3, 21);
	for (int i = 0; i < 20; i++)
		append_safely(j, 20000);
	assert_int_equal(0, wal_prepare(j, &why));
	wal_turn(j);
	assert_int_equal(4, wal_number(j));
	append_safely(j, 77);
	wal_end(&j);
	wal_remove(base, 3);
	assert_int_equal(STORE_OPENED, replay(3, 21, &s, &end));
	assert_int_equal(21, s.n);
	assert_int_equal(42, end.seq);
	assert_int_equal(0, truncate(file(3), size_of(3) - 1));
	assert_int_equal(STORE_DAMAGED, replay(3, 21, &s, &end));
	wal_remove(base, 4);
	assert_int_equal(STORE_DAMAGED, replay(3, 21, &s, &end));
	assert_non_null(strstr(why.text, "missing"));
}

static void
a_frame_that_is_missing_is_noticed(void **state)
{
	struct wal *j = begin(1, 0);
	struct wal_end end;
	struct seen s;

	append(j, 10);
	wal_end(&j);
	j = begin(2, 2);
	append(j, 10);
	wal_end(&j);
	assert_int_equal(STORE_DAMAGED, replay(1, 0, &s, &end));
	assert_non_null(strstr(why.text, "frames are missing"));
}

static void
a_file_of_another_version_is_refused_by_name(void **state)
{
	struct wal *j = begin(1, 0);
	struct wal_end end;
	struct seen s;
	FILE *f;

	append(j, 10);
	wal_end(&j);
	f = fopen(file(1), "r+");
	assert_non_null(f);
	fseek(f, 7, SEEK_SET);
	putc(1, f);
	fclose(f);
	assert_int_equal(STORE_DAMAGED, replay(1, 0, &s, &end));
	assert_non_null(strstr(why.text, "version"));
}

static void
its_file_is_for_its_user_alone_and_must_stay_in_place(void **state)
{
	struct wal *j = begin(1, 0);
	struct stat st;

	assert_int_equal(0, stat(file(1), &st));
	assert_int_equal(0600, st.st_mode & 07777);
	assert_true(wal_in_place(j, &why));
	assert_int_equal(0, unlink(file(1)));
	assert_false(wal_in_place(j, &why));
	assert_non_null(strstr(why.text, "removed or replaced"));
	wal_end(&j);
}

static void
power_waits_for_the_disk_and_crash_does_not(void **state)
{
	struct wal *j = wal_begin(base, 1, 0, true, fatal, &why);

	assert_non_null(j);
	append(j, 10);
	assert_true(wal_wait(j, 1));
	assert_int_equal(1, written);
	wal_end(&j);
}

/* --- records ------------------------------------------------------------- */

static void
a_record_comes_back_as_it_was(void **state)
{
	const uint64_t rcpt[] = { 1, UINT64_MAX, 3 };
	const struct wal_record in = { .kind = WAL_CHARGE,
		.now = 1234567890123,
		.bound = "a@b",
		.smarthost = "one",
		.nline = 3,
		.line = { { .policy = "p",
			      .key = "",
			      .cost = { 1, 2, 0, 3 },
			      .rcpt = rcpt,
			      .nrcpt = 3 },
		    { .policy = "q", .key = "k", .observed = true },
		    { .policy = "r", .key = "k", .rcpt = rcpt, .nrcpt = 3 } } };
	uint8_t bytes[512];
	uint64_t digest[64];
	struct wal_record out;
	size_t n = wal_record_pack(&in, bytes, sizeof(bytes));

	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(0, wal_record_pack(&in, bytes, i));
		wal_record_pack(&in, bytes, sizeof(bytes));
		assert_false(wal_record_unpack(&out, bytes, i, digest));
	}
	assert_true(wal_record_unpack(&out, bytes, n, digest));
	assert_true(in.now == out.now);
	assert_string_equal("a@b", out.bound);
	assert_string_equal("one", out.smarthost);
	assert_int_equal(3, out.nline);
	assert_memory_equal(
	    in.line[0].cost, out.line[0].cost, sizeof(in.line[0].cost));
	assert_memory_equal(rcpt, out.line[0].rcpt, sizeof(rcpt));
	assert_ptr_equal(out.line[0].rcpt, out.line[2].rcpt);
	assert_true(out.line[1].observed);
	assert_int_equal(0, out.line[1].nrcpt);
}

static void
noise_is_no_record_and_no_frame(void **state)
{
	uint64_t chance = random_seed("noise", 4), digest[32], seq;
	uint8_t bytes[256];
	const uint8_t *payload;
	struct wal_record r;

	for (size_t i = random_rounds(200000); i > 0; i--) {
		size_t len = random_below(&chance, sizeof(bytes) + 1);

		for (size_t k = 0; k < len; k++)
			bytes[k] = random_percent(&chance, 60)
				       ? (uint8_t)random_below(&chance, 4)
				       : (uint8_t)random_next(&chance);
		wal_record_unpack(&r, bytes, len, digest);
		assert_true(wal_take(bytes, len, &seq, &payload) <= 0);
	}
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup(test, setup)
	const struct CMUnitTest tests[] = {
		T(what_was_written_is_read_back_from_where_it_is_wanted),
		T(a_tail_torn_at_any_byte_is_cut),
		T(a_changed_byte_is_refused_unless_only_the_tail_is_hurt),
		T(what_had_not_reached_the_disk_may_be_gone_in_any_order),
		T(a_file_may_have_lost_what_its_successor_could_not_know),
		T(a_write_that_fails_halfway_is_written_over),
		T(a_long_file_is_left_for_the_next_and_only_then_removed),
		T(a_frame_that_is_missing_is_noticed),
		T(a_file_of_another_version_is_refused_by_name),
		T(its_file_is_for_its_user_alone_and_must_stay_in_place),
		T(power_waits_for_the_disk_and_crash_does_not),
		T(a_record_comes_back_as_it_was),
		T(noise_is_no_record_and_no_frame),
	};
	int rc;

	tmpdir_make();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	tmpdir_remove();
	return rc;
}
