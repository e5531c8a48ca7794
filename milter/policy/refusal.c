/*
 * refusal.c - what a provider means when it refuses mail.
 *
 * A reply quotes what a stranger wrote: addresses, mostly.  So they are taken
 * out before anything is matched, the codes are compared as codes, and words
 * count only together with them.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "clock.h"
#include "refusal.h"

const char *const refusal_class_words[] = {
	[REFUSAL_NONE] = "none",
	[REFUSAL_QUOTA_DAY] = "quota-day",
	[REFUSAL_QUOTA_HOUR] = "quota-hour",
	[REFUSAL_RATE] = "rate",
	[REFUSAL_AUTH_TEMP] = "auth-temp",
	[REFUSAL_AUTH] = "auth",
	[REFUSAL_DISABLED] = "disabled",
	[REFUSAL_SUSPENDED] = "suspended",
	[REFUSAL_SENDER] = "sender",
	[REFUSAL_MESSAGE] = "message",
	[REFUSAL_RECIPIENT] = "recipient",
	NULL,
};

const char *const refusal_reach_words[] = {
	[REACH_ACCOUNT] = "account",
	[REACH_TENANT] = "tenant",
	[REACH_SENDER] = "sender",
	[REACH_SENDER_DOMAIN] = "sender-domain",
	NULL,
};

/* In the order of the bits. */
const char *const refusal_stage_words[] = { "connect", "auth", "mail", "rcpt",
	"data", NULL };

const char *const refusal_unit_words[] = {
	[UNIT_SECONDS] = "seconds",
	[UNIT_MINUTES] = "minutes",
	[UNIT_HOURS] = "hours",
	[UNIT_DATE] = "date",
	NULL,
};

/* --- reactions ----------------------------------------------------------- */

static const struct refusal_reaction reactions[REFUSAL_CLASSES] = {
	[REFUSAL_NONE] = { .tell = TELL_NOT,
	    .cause = "the server refuses",
	    .remedy = "read its reply, ask the provider" },
	[REFUSAL_QUOTA_DAY] = { .holds = true,
	    .softens = true,
	    .tells_count = true,
	    .hold = DAY,
	    .probe_first = HOUR,
	    .probe_every = HOUR,
	    .tell = TELL_ONCE,
	    .cause = "the account's daily sending limit is reached",
	    .remedy =
		"wait up to 24 hours; give the limit in a policy, so that it is not reached again" },
	[REFUSAL_QUOTA_HOUR] = { .holds = true,
	    .softens = true,
	    .tells_count = true,
	    .hold = HOUR,
	    .tell = TELL_DIGEST,
	    .cause = "a sending limit is reached for the moment",
	    .remedy =
		"wait an hour; give the limit in a policy, so that it is not reached again" },
	[REFUSAL_RATE] = { .holds = true,
	    .slows = true,
	    .hold = MINUTE,
	    .longest = 15 * MINUTE,
	    .tell = TELL_DIGEST,
	    .cause = "the server is busy, or has had enough for the moment",
	    .remedy =
		"lower the concurrency of this smarthost's service, and wait some minutes" },
	[REFUSAL_AUTH_TEMP] = { .holds = true,
	    .slows = true,
	    .hold = 5 * MINUTE,
	    .longest = HOUR,
	    .tell = TELL_DIGEST,
	    .cause =
		"the server cannot check the login just now: this says nothing about the credential",
	    .remedy = "try again later" },
	[REFUSAL_AUTH] = { .holds = true,
	    .softens = true,
	    .hold = NEVER,
	    .probe_first = 15 * MINUTE,
	    .probe_every = HOUR,
	    .tell = TELL_ONCE,
	    .cause =
		"username or credential are wrong, or the provider wants another kind of them",
	    .remedy =
		"check username, and store the right credential with `postmeterctl secret set` or `postmeterctl login`" },
	[REFUSAL_DISABLED] = { .holds = true,
	    .softens = true,
	    .hold = NEVER,
	    .probe_first = 6 * HOUR,
	    .probe_every = 6 * HOUR,
	    .tell = TELL_ONCE,
	    .cause = "the account is not set up for sending in this way",
	    .remedy =
		"read the reply, change it at the provider, then `postmeterctl smarthost NAME open`" },
	[REFUSAL_SUSPENDED] = { .holds = true,
	    .softens = true,
	    .hold = NEVER,
	    .tell = TELL_URGENT,
	    .cause = "the provider has locked the account",
	    .remedy =
		"look for a stolen password, ask the provider to release it, then `postmeterctl smarthost NAME open`" },
	[REFUSAL_SENDER] = { .tell = TELL_DIGEST,
	    .cause =
		"the provider does not let this account send as that address",
	    .remedy =
		"use the account's own address (envelope-sender), or have the address confirmed at the provider" },
	[REFUSAL_MESSAGE] = { .tell = TELL_DIGEST,
	    .cause =
		"the provider refuses this message: its size, its content or its number of recipients",
	    .remedy =
		"read its reply; lower recipients-per-message if there are too many recipients" },
	[REFUSAL_RECIPIENT] = { .tell = TELL_NOT,
	    .cause = "the recipient cannot be reached",
	    .remedy = "check the recipient's address" },
};

const struct refusal_reaction *
refusal_reaction(enum refusal_class c)
{
	return &reactions[c];
}

/* --- cleaning ------------------------------------------------------------ */

struct cleaner {
	const char *in;
	char *out;
	size_t len;
};

/* at_codes - the length of a repeated "550-5.4.5 " at p; 0: there is none */
static size_t
at_codes(const char *p, const struct refusal_reply *r)
{
	const size_t e = strlen(r->enhanced);
	size_t n = 3;

	if (strncmp(p, r->code, 3) != 0 || (p[3] != '-' && p[3] != ' '))
		return 0;
	n++;
	if (e > 0 && strncmp(p + n, r->enhanced, e) == 0)
		n += e;
	return n;
}

/* take_back - the local part that was written before its "@" was met */
static void
take_back(struct cleaner *c)
{
	if (c->len > 0 && c->out[c->len - 1] == '"') {
		c->len--;
		while (c->len > 0 && c->out[c->len - 1] != '"')
			c->len--;
		c->len -= c->len > 0;
	}
	while (c->len > 0 && c->out[c->len - 1] != ' ')
		c->len--;
}

static void
refusal_put(struct cleaner *c, char ch)
{
	if (ch == '\t' || ch == '\r' || ch == '\n')
		ch = ' ';
	if (ch == ' ' && (c->len == 0 || c->out[c->len - 1] == ' '))
		return;
	if (c->len < REFUSAL_TEXT - 1)
		c->out[c->len++] = ch;
}

/* clean - what was said behind the codes, into r->text */
static void
clean(const char *said, struct refusal_reply *r)
{
	struct cleaner c = { .in = said, .out = r->text };
	bool word = true; /* at the beginning of one */

	while (*c.in != '\0') {
		const size_t codes = word ? at_codes(c.in, r) : 0;
		const char *end;

		if (codes > 0) {
			c.in += codes;
			refusal_put(&c, ' ');
		} else if (*c.in == '<' && (end = strchr(c.in, '>')) != NULL) {
			c.in = end + 1;
			refusal_put(&c, ' ');
		} else if (*c.in == '@') {
			take_back(&c);
			c.in += strcspn(c.in, " \t>,;)");
			refusal_put(&c, ' ');
		} else {
			refusal_put(&c, *c.in++);
		}
		word = c.in[-1] == ' ';
	}
	while (c.len > 0 && c.out[c.len - 1] == ' ')
		c.len--;
	c.out[c.len] = '\0';
}

/* enhanced_len - of "5.4.5" (RFC 3463) at p; 0: there is none */
static size_t
enhanced_len(const char *p)
{
	size_t n = 0;

	for (int part = 0; part < 3; part++) {
		const size_t digits = strspn(p + n, "0123456789");

		if (digits == 0 || digits > (part == 0 ? 1 : 3) ||
		    (part < 2 && p[n + digits] != '.'))
			return 0;
		n += digits + (part < 2);
	}
	return p[n] == ' ' || p[n] == '\0' ? n : 0;
}

bool
refusal_read(const char *said, unsigned stages, struct refusal_reply *r_r)
{
	size_t n;

	*r_r = (struct refusal_reply){ .stages = stages };
	if ((said[0] != '4' && said[0] != '5') ||
	    strspn(said, "0123456789") != 3 ||
	    (said[3] != ' ' && said[3] != '-' && said[3] != '\0'))
		return false;
	memcpy(r_r->code, said, 3);
	said += said[3] == '\0' ? 3 : 4;
	n = enhanced_len(said);
	memcpy(r_r->enhanced, said, n);
	clean(said + n, r_r);
	return true;
}

/* --- Postfix ------------------------------------------------------------- */

/* behind - p behind prefix, a host without blanks and infix; NULL: it differs
 */
static const char *
behind(const char *p, const char *prefix, const char *infix)
{
	const size_t n = strlen(prefix), m = strlen(infix);

	if (strncmp(p, prefix, n) != 0)
		return NULL;
	p += n;
	p += strcspn(p, " ");
	return strncmp(p, infix, m) == 0 ? p + m : NULL;
}

/* command_stage - of "(in reply to RCPT TO command)" at the end of said */
static unsigned
command_stage(const char *said, size_t *len_r)
{
	static const struct {
		const char *words;
		unsigned stage;
	} ends[] = {
		{ " (in reply to MAIL FROM command)", SAID_MAIL },
		{ " (in reply to RCPT TO command)", SAID_RCPT },
		{ " (in reply to DATA command)", SAID_DATA },
		{ " (in reply to end of DATA command)", SAID_DATA },
		{ " (in reply to EHLO command)", SAID_CONNECT },
		{ " (in reply to HELO command)", SAID_CONNECT },
		{ " (in reply to STARTTLS command)", SAID_CONNECT },
	};
	const size_t len = strlen(said);

	*len_r = len;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		const size_t n = strlen(ends[i].words);

		if (len >= n && strcmp(said + len - n, ends[i].words) == 0) {
			*len_r = len - n;
			return ends[i].stage;
		}
	}
	return SAID_ANY;
}

bool
refusal_read_postfix(const char *status, struct refusal_reply *r_r)
{
	const size_t n = enhanced_len(status);
	unsigned stage = SAID_AUTH;
	const char *said;
	char copy[2 * REFUSAL_TEXT];
	size_t len;

	if (n == 0 || status[0] == '2' || status[n] == '\0')
		return false;
	status += n + 1;
	said = behind(status, "SASL authentication failed; server ", " said: ");
	if (said == NULL && (said = behind(status, "host ",
				 " refused to talk to me: ")) != NULL)
		stage = SAID_CONNECT;
	if (said != NULL)
		return refusal_read(said, stage, r_r);
	said = behind(status, "host ", " said: ");
	if (said == NULL)
		return false;
	stage = command_stage(said, &len);
	snprintf(copy, sizeof(copy), "%.*s",
	    (int)(len < sizeof(copy) ? len : sizeof(copy) - 1), said);
	return refusal_read(copy, stage, r_r);
}

/* --- matching ------------------------------------------------------------ */

/* fits_code - "45x" fits "451": x is any digit */
static bool
fits_code(const char *pattern, const char *code)
{
	for (; *pattern != '\0'; pattern++, code++)
		if (*pattern == 'x' ? !isdigit((unsigned char)*code)
				    : *pattern != *code)
			return false;
	return *code == '\0';
}

static bool
is_provider(const struct refusal_rule *rule, const char *provider)
{
	for (size_t i = 0; i < rule->nprovider; i++)
		if (strcmp(rule->provider[i], provider) == 0)
			return true;
	return rule->nprovider == 0;
}

static bool
fits(const struct refusal_rule *rule, const char *provider,
    const struct refusal_reply *reply)
{
	bool code = rule->ncode == 0, enhanced = rule->nenhanced == 0;

	if ((rule->stages & reply->stages) == 0 || !is_provider(rule, provider))
		return false;
	for (size_t i = 0; i < rule->ncode; i++)
		code = code || fits_code(rule->code[i], reply->code);
	for (size_t i = 0; i < rule->nenhanced; i++)
		enhanced =
		    enhanced || fits_code(rule->enhanced[i], reply->enhanced);
	return code && enhanced &&
	       (!rule->has_text ||
		   regexec(&rule->text, reply->text, 0, NULL, 0) == 0);
}

/* date_ms - "Sun, 05 Oct 2025 19:22:44 UTC" (RFC 5322 without a zone); 0: no */
static int64_t
date_ms(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm = { .tm_year = 0 };
	char month[4];
	const char *found;

	if (sscanf(text, "%*3[A-Za-z], %d %3[A-Za-z] %d %d:%d:%d", &tm.tm_mday,
		month, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6 ||
	    strlen(month) != 3 || (found = strcasestr(months, month)) == NULL ||
	    (found - months) % 3 != 0 || tm.tm_year < 1970 || tm.tm_year > 9999)
		return 0;
	tm.tm_mon = (int)(found - months) / 3;
	tm.tm_year -= 1900;
	return (int64_t)timegm(&tm) * SECOND;
}

/* said_time - until when, as the reply says; 0: it does not */
static int64_t
said_time(const struct refusal_rule *rule, const struct refusal_reply *reply,
    int64_t now)
{
	static const int64_t unit[] = { [UNIT_SECONDS] = SECOND,
		[UNIT_MINUTES] = MINUTE,
		[UNIT_HOURS] = HOUR };
	regmatch_t m[2];
	char text[64];
	int64_t until = 0;

	if (!rule->has_time ||
	    regexec(&rule->time, reply->text, 2, m, 0) != 0 || m[1].rm_so == -1)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)(m[1].rm_eo - m[1].rm_so),
	    reply->text + m[1].rm_so);
	if (rule->unit == UNIT_DATE) {
		until = date_ms(text);
	} else {
		const double n = strtod(text, NULL);

		if (n > 0 && n < 1e6)
			until = now + (int64_t)(n * (double)unit[rule->unit]);
	}
	if (until == 0)
		return 0;
	if (until < now + REFUSAL_SHORTEST)
		return now + REFUSAL_SHORTEST;
	return until > now + REFUSAL_LONGEST ? now + REFUSAL_LONGEST : until;
}

void
refusal_match(const struct refusals *all, const char *provider,
    const struct refusal_reply *reply, int64_t now, struct refusal *r_r)
{
	*r_r = (struct refusal){ .class = REFUSAL_NONE, .hits = 1 };
	for (size_t i = 0; all != NULL && i < all->n; i++) {
		const struct refusal_rule *rule = &all->v[i];

		if (!fits(rule, provider, reply))
			continue;
		r_r->class = rule->class;
		r_r->reach = rule->reach;
		r_r->hits = rule->hits;
		r_r->until = said_time(rule, reply, now);
		r_r->hold =
		    rule->hold > 0 ? rule->hold : reactions[rule->class].hold;
		r_r->probe_first = rule->probe > 0
				       ? rule->probe
				       : reactions[rule->class].probe_first;
		r_r->probe_every = rule->probe > 0
				       ? rule->probe
				       : reactions[rule->class].probe_every;
		r_r->rule = rule;
		return;
	}
}

void
refusals_free(struct refusals **rp)
{
	struct refusals *all = *rp;

	*rp = NULL;
	for (size_t i = 0; all != NULL && i < all->n; i++) {
		struct refusal_rule *rule = &all->v[i];

		for (size_t k = 0; k < rule->nprovider; k++)
			free(rule->provider[k]);
		if (rule->has_text)
			regfree(&rule->text);
		if (rule->has_time)
			regfree(&rule->time);
		free(rule->provider);
		free(rule->name);
		free(rule->sample);
		free(rule->cause);
		free(rule->remedy);
		free(rule->source);
		free(rule->checked);
	}
	if (all != NULL)
		free(all->v);
	free(all);
}
