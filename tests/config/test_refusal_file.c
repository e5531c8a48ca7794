/*
 * test_refusal_file.c - each rule fits its sample as the mail server tells it,
 * and nothing that only resembles it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "refusal_file.h"

#define NOW INT64_C(1759690000000) /* 2025-10-05 18:46:40 UTC */

static struct refusals *all;
static struct refusal_reply reply;

static int
load(void **state)
{
	all = refusals_load("", stderr);
	return all == NULL ? -1 : 0;
}

static int
unload(void **state)
{
	refusals_free(&all);
	return 0;
}

static const char *
whose(const struct refusal_rule *r)
{
	return r->nprovider > 0 ? r->provider[0] : "custom";
}

/* as_postfix - the reply as smtp(8) tells of it; the caller frees it */
static char *
as_postfix(unsigned stages, const char *said)
{
	const char *before = "5.0.0 host a.test[192.0.2.1] said: ";
	const char *behind = " (in reply to end of DATA command)";
	char *text;

	if (stages & SAID_DATA)
		;
	else if (stages & SAID_RCPT)
		behind = " (in reply to RCPT TO command)";
	else if (stages & SAID_MAIL)
		behind = " (in reply to MAIL FROM command)";
	else
		behind = "";
	if (stages == SAID_AUTH)
		before =
		    "4.7.8 SASL authentication failed; server a.test[192.0.2.1] said: ";
	else if (stages == SAID_CONNECT)
		before = "4.0.0 host a.test[192.0.2.1] refused to talk to me: ";
	assert_int_not_equal(
	    asprintf(&text, "%s%s%s", before, said, behind), -1);
	return text;
}

/* speaks - the rule that an outcome of Postfix's is matched by, or NULL */
static const struct refusal_rule *
speaks(const char *provider, const char *status)
{
	struct refusal means;

	if (!refusal_read_postfix(status, &reply))
		return NULL;
	refusal_match(all, provider, &reply, NOW, &means);
	return means.rule;
}

static void
each_rule_speaks_for_its_own_sample(void **state)
{
	assert_true(all->n > 80);
	for (size_t i = 0; i < all->n; i++) {
		const struct refusal_rule *r = &all->v[i], *found;
		char *status = as_postfix(r->stages, r->sample);

		found = speaks(whose(r), status);
		if (found != r)
			print_message("%s: %s\n%s: %s\n", r->name, status,
			    found != NULL ? found->name : "(none)",
			    found != NULL ? found->sample : "");
		assert_ptr_equal(found, r);
		free(status);
	}
}

/* misses - the rule must not speak for what printf makes; frees nothing */
__attribute__((format(printf, 4, 5))) static void
misses(const struct refusal_rule *r, const char *provider, size_t *n,
    const char *form, ...)
{
	char status[3000];
	va_list ap;

	va_start(ap, form);
	vsnprintf(status, sizeof(status), form, ap);
	va_end(ap);
	if (speaks(provider, status) == r)
		print_message("%s must not fit: %s\n", r->name, status);
	assert_ptr_not_equal(speaks(provider, status), r);
	++*n;
}

/* words_of - the sample behind its codes */
static const char *
words_of(const struct refusal_rule *r)
{
	const char *p = r->sample + 4;

	return *p >= '0' && *p <= '9' && strchr(p, ' ') != NULL ? strchr(p, ' ')
								: p;
}

static size_t
near_misses(const struct refusal_rule *r)
{
	static const char rcpt[] = "(in reply to RCPT TO command)";
	const char *me = whose(r), *s = r->sample, *w = words_of(r);
	char *good = as_postfix(r->stages, s), other[300];
	size_t n = 0;

	/* Not said by the server, or no refusal. */
	misses(r, me, &n, "5.0.0 %s", s);
	misses(r, me, &n, "2.0.0 %s", good + 6);
	misses(r, me, &n,
	    "4.7.0 SASL [CACHED] authentication failed; server a.test[192.0.2.1] said: %s",
	    s);
	misses(r, me, &n,
	    "4.4.2 lost connection with a.test[192.0.2.1] while %s", s);
	misses(r, me, &n, "4.4.1 connect to a.test[192.0.2.1]:587: %s", s);
	misses(r, me, &n, "4.7.1 account a: %s", good + 6);
	misses(r, me, &n, "5.0.0 host a.test [192.0.2.1] said: %s %s", s, rcpt);
	misses(r, me, &n, "4.3.0 delivery temporarily suspended: %s", good + 6);
	/* The same words with another code. */
	misses(r, me, &n, "2.0.0 host a.test[192.0.2.1] said: 250%s %s", s + 3,
	    rcpt);
	snprintf(other, sizeof(other), "%s", s);
	other[0] = s[0] == '5' ? '3' : '2';
	misses(
	    r, me, &n, "5.0.0 host a.test[192.0.2.1] said: %s %s", other, rcpt);
	/* Another provider's, another code, at another stage. */
	if (r->nprovider > 0)
		misses(r, "nobody", &n, "%s", good);
	if (r->nenhanced > 0)
		misses(r, me, &n,
		    "5.0.0 host a.test[192.0.2.1] said: %.3s 5.9.99%s %s", s, w,
		    rcpt);
	if (!(r->stages & SAID_RCPT))
		misses(r, me, &n, "5.0.0 host a.test[192.0.2.1] said: %s %s", s,
		    rcpt);
	if (!(r->stages & SAID_CONNECT))
		misses(r, me, &n,
		    "5.0.0 host a.test[192.0.2.1] refused to talk to me: %s",
		    s);
	free(good);
	if (!r->has_text)
		return n;
	/* What a sender wrote into an address, or the words are others. */
	misses(r, me, &n,
	    "5.0.0 host a.test[192.0.2.1] said: %.3s 5.1.7 <%s@x.test> is no sender %s",
	    s, w, rcpt);
	misses(r, me, &n,
	    "5.0.0 host a.test[192.0.2.1] said: %.3s 5.1.7 \"%s\"@x.test is no sender %s",
	    s, w, rcpt);
	misses(r, me, &n,
	    "5.0.0 host a.test[192.0.2.1] said: %.3s no such user here %s", s,
	    rcpt);
	misses(r, me, &n,
	    "5.0.0 host a.test[192.0.2.1] said: %.3s 4.2.0 greylisted, try again in 300 seconds %s",
	    s, rcpt);
	return n;
}

static void
ten_near_misses_of_each_rule_do_not_match(void **state)
{
	for (size_t i = 0; i < all->n; i++)
		assert_true(near_misses(&all->v[i]) >= 10);
}

static void
a_full_mailbox_of_the_recipient_is_not_the_accounts_quota(void **state)
{
	static const char *const theirs[] = {
		"552 5.2.2 The email account that you tried to reach is over quota",
		"452 4.2.2 The recipient's inbox is out of storage space",
		"450 4.2.1 The user you are trying to contact is receiving mail at a rate that",
		"550 5.2.1 The user you are trying to contact is receiving mail too quickly",
		"554 5.2.2 mailbox full",
		"550 5.1.1 user unknown",
	};

	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++) {
		char *status = as_postfix(SAID_RCPT, theirs[i]);
		const struct refusal_rule *r =
		    speaks("google-workspace", status);

		assert_true(r != NULL && r->class == REFUSAL_RECIPIENT);
		assert_false(refusal_reaction(REFUSAL_RECIPIENT)->holds);
		free(status);
	}
}

static void
a_time_in_the_reply_counts_within_bounds(void **state)
{
	static const struct {
		const char *provider, *said;
		int64_t until;
	} cases[] = {
		{ "mailgun",
		    "421 Domain d.test is not allowed to send: recipient limit exceeded, try again after Sun, 05 Oct 2025 19:22:44 UTC",
		    INT64_C(1759692164000) },
		{ "mailgun",
		    "421 Domain d.test is not allowed to send: recipient limit exceeded, try again after Sun, 05 Oct 2014 19:22:44 UTC",
		    NOW + MINUTE },
		{ "mailgun",
		    "421 Domain d.test is not allowed to send: recipient limit exceeded, try again after Sun, 05 Oct 2036 19:22:44 UTC",
		    NOW + 26 * HOUR },
		{ "custom",
		    "550 User a@b.test has exceeded its 24-hour sending limit. Relay quota will reset in 21.5 hours.",
		    NOW + 43 * HOUR / 2 },
		{ "custom",
		    "550 User a@b.test has exceeded its 24-hour sending limit. Relay quota will reset in 999999999999 hours.",
		    0 },
		{ "custom", "550 Too many messages. Try again in 120 seconds",
		    NOW + 2 * MINUTE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct refusal means;

		assert_true(refusal_read(cases[i].said, SAID_DATA, &reply));
		refusal_match(all, cases[i].provider, &reply, NOW, &means);
		assert_non_null(means.rule);
		assert_int_equal(means.until, cases[i].until);
	}
}

static void
lines_of_a_reply_are_read_as_one(void **state)
{
	assert_true(refusal_read(
	    "550-5.4.5 Daily user <a b>sending  limit 550-5.4.5 exceeded x@y.test, 550 5.4.5 see z",
	    SAID_DATA, &reply));
	assert_string_equal(reply.code, "550");
	assert_string_equal(reply.enhanced, "5.4.5");
	assert_string_equal(
	    reply.text, "Daily user sending limit exceeded , see z");
	assert_false(refusal_read("250 2.0.0 ok", SAID_DATA, &reply));
	assert_false(refusal_read("55", SAID_DATA, &reply));
	assert_false(refusal_read("", SAID_DATA, &reply));
}

/* refused - a file of one's own with that text is not taken */
static void
refused(const char *text, const char *why)
{
	char path[] = "/tmp/test_refusal.XXXXXX", *said = NULL;
	const int fd = mkstemp(path);
	struct refusals *own;
	size_t size;
	FILE *errors = open_memstream(&said, &size);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	own = refusals_load(path, errors);
	fclose(errors);
	unlink(path);
	if (own != NULL || strstr(said, why) == NULL)
		print_message("%s\nsaid: %s\n", text, said);
	assert_null(own);
	assert_non_null(strstr(said, why));
	free(said);
}

#define REST "source = \"s\" checked = \"2026-11\" certain = true }\n"

static void
a_rule_that_cannot_be_right_is_a_mistake(void **state)
{
	refused(
	    "refusal \"a\" { code = {\"550\"} text = 'no such' class = \"rate\" sample = '550 other' " REST,
	    "its own sample does not fit");
	refused(
	    "refusal \"a\" { text = 'words' class = \"rate\" sample = '550 words' " REST,
	    "code is missing");
	refused(
	    "refusal \"a\" { code = {\"5\"} class = \"rate\" sample = '550 words' " REST,
	    "want a code");
	refused(
	    "refusal \"a\" { code = {\"550\"} text = '(' class = \"rate\" sample = '550 words' " REST,
	    "text = \"(\"");
	refused(
	    "refusal \"a\" { code = {\"550\"} class = \"fast\" sample = '550 words' " REST,
	    "class = \"fast\"");
	refused(
	    "refusal \"a\" { code = {\"550\"} stage = {\"helo\"} class = \"rate\" sample = '550 words' " REST,
	    "stage = \"helo\"");
	refused("refusal \"a\" { code = {\"550\"} class = \"rate\" " REST,
	    "sample is missing");
}

static void
ones_own_rules_are_asked_first(void **state)
{
	static const char text[] =
	    "refusal \"mine\" { code = {\"535\"} class = \"disabled\" sample = '535 no' " REST;
	char path[] = "/tmp/test_refusal.XXXXXX";
	const int fd = mkstemp(path);
	struct refusals *own;
	struct refusal means;

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	own = refusals_load(path, stderr);
	unlink(path);
	assert_non_null(own);
	assert_true(refusal_read("535 5.7.8 no", SAID_AUTH, &reply));
	refusal_match(own, "gmail", &reply, NOW, &means);
	assert_string_equal(means.rule->name, "mine");
	refusals_free(&own);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule_speaks_for_its_own_sample),
		cmocka_unit_test(ten_near_misses_of_each_rule_do_not_match),
		cmocka_unit_test(
		    a_full_mailbox_of_the_recipient_is_not_the_accounts_quota),
		cmocka_unit_test(a_time_in_the_reply_counts_within_bounds),
		cmocka_unit_test(lines_of_a_reply_are_read_as_one),
		cmocka_unit_test(a_rule_that_cannot_be_right_is_a_mistake),
		cmocka_unit_test(ones_own_rules_are_asked_first),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
