/*
 * mail_log.c - what Postfix and Sendmail write about a message.
 */
#include <string.h>

#include "mail_log.h"

/* --- spans --------------------------------------------------------------- */

static bool
mail_log_is(struct bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.p, text, b.len) == 0;
}

static bool
mail_log_begins(struct bytes b, const char *text)
{
	const size_t n = strlen(text);

	return b.len >= n && memcmp(b.p, text, n) == 0;
}

static bool
mail_log_ends(struct bytes b, const char *text)
{
	const size_t n = strlen(text);

	return b.len >= n && memcmp(b.p + b.len - n, text, n) == 0;
}

/* skip - b without its first n bytes */
static struct bytes
skip(struct bytes b, size_t n)
{
	if (n > b.len)
		n = b.len;
	return (struct bytes){ n == 0 ? b.p : b.p + n, b.len - n };
}

/* until - what stands before the first of a character; all if there is none */
static struct bytes
until(struct bytes b, char c)
{
	const char *p = b.len > 0 ? memchr(b.p, c, b.len) : NULL;

	return (struct bytes){ b.p, p != NULL ? (size_t)(p - b.p) : b.len };
}

/* mail_log_find - b from the first text on; empty if it is not there */
static struct bytes
mail_log_find(struct bytes b, const char *text)
{
	const char *p =
	    b.len > 0 ? memmem(b.p, b.len, text, strlen(text)) : NULL;

	return p != NULL ? skip(b, (size_t)(p - b.p))
			 : (struct bytes){ NULL, 0 };
}

/* field - the value of ", name=" or a leading "name=", up to the next comma */
static struct bytes
field(struct bytes b, const char *name)
{
	char wanted[32];
	struct bytes at;
	const size_t n = strlen(name);

	if (mail_log_begins(b, name) && b.len > n && b.p[n] == '=')
		return until(skip(b, n + 1), ',');
	wanted[0] = ',';
	wanted[1] = ' ';
	memcpy(wanted + 2, name, n);
	wanted[n + 2] = '=';
	wanted[n + 3] = '\0';
	at = mail_log_find(b, wanted);
	return at.p == NULL ? at : until(skip(at, n + 3), ',');
}

/*
 * bracketed - what stands between <> at the front of b; a quoted local part
 * may hold both signs
 */
static struct bytes
bracketed(struct bytes b)
{
	bool quoted = false;

	if (b.len == 0 || b.p[0] != '<')
		return (struct bytes){ NULL, 0 };
	for (size_t i = 1; i < b.len; i++) {
		if (b.p[i] == '\\' && quoted)
			i++;
		else if (b.p[i] == '"')
			quoted = !quoted;
		else if (b.p[i] == '>' && !quoted)
			return (struct bytes){ b.p + 1, i - 1 };
	}
	return (struct bytes){ NULL, 0 };
}

/* address - "name=<...>": its address, commas and all */
static struct bytes
address(struct bytes b, const char *name)
{
	char wanted[32];
	const size_t n = strlen(name);
	struct bytes at;

	memcpy(wanted, name, n);
	wanted[n] = '=';
	wanted[n + 1] = '<';
	wanted[n + 2] = '\0';
	at = mail_log_begins(b, wanted) ? b : (struct bytes){ NULL, 0 };
	if (at.p == NULL) {
		memmove(wanted + 1, wanted, n + 3);
		wanted[0] = ' ';
		at = mail_log_find(b, wanted);
		at = skip(at, at.p == NULL ? 0 : 1);
	}
	return at.p == NULL ? at : bracketed(skip(at, n + 1));
}

static uint64_t
mail_log_number(struct bytes b)
{
	uint64_t n = 0;

	for (size_t i = 0; i < b.len && b.p[i] >= '0' && b.p[i] <= '9' &&
			   n < UINT64_MAX / 10 - 9;
	     i++)
		n = n * 10 + (uint64_t)(b.p[i] - '0');
	return n;
}

/* digits - a number of exactly so many digits; -1 if it is none */
static int
digits(struct bytes b, size_t at, size_t n)
{
	int v = 0;

	if (at + n > b.len)
		return -1;
	for (size_t i = at; i < at + n; i++) {
		if (b.p[i] < '0' || b.p[i] > '9')
			return -1;
		v = v * 10 + (b.p[i] - '0');
	}
	return v;
}

/* --- the prefix ---------------------------------------------------------- */

/* stamp_bsd - "Nov 25 07:18:09 "; bytes used, 0 if it is none */
static size_t
stamp_bsd(struct bytes b, struct log_stamp *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *m = NULL;

	if (b.len < 16 || b.p[3] != ' ' || b.p[6] != ' ' || b.p[9] != ':' ||
	    b.p[12] != ':' || b.p[15] != ' ')
		return 0;
	for (size_t i = 0; i < 12 && m == NULL; i++)
		if (memcmp(b.p, months + 3 * i, 3) == 0)
			m = months + 3 * i;
	if (m == NULL)
		return 0;
	s->month = (int)(m - months) / 3 + 1;
	s->day = b.p[4] == ' ' ? digits(b, 5, 1) : digits(b, 4, 2);
	s->hour = digits(b, 7, 2);
	s->minute = digits(b, 10, 2);
	s->second = digits(b, 13, 2);
	return 16;
}

/* offset_of - "Z", "+09:00" or "+0900" at some place; bytes used */
static size_t
offset_of(struct bytes b, size_t at, struct log_stamp *s)
{
	int hours, minutes;
	size_t colon;

	if (at < b.len && b.p[at] == 'Z') {
		s->has_offset = true;
		return 1;
	}
	if (at >= b.len || (b.p[at] != '+' && b.p[at] != '-'))
		return 0;
	hours = digits(b, at + 1, 2);
	colon = at + 3 < b.len && b.p[at + 3] == ':';
	minutes = digits(b, at + 3 + colon, 2);
	if (hours == -1 || minutes == -1)
		return 0;
	s->has_offset = true;
	s->offset = (b.p[at] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
	return 5 + colon;
}

/* stamp_iso - "2020-01-30T06:26:05.404714+09:00 "; bytes used, 0: none */
static size_t
stamp_iso(struct bytes b, struct log_stamp *s)
{
	size_t at = 19;

	if (b.len < 20 || b.p[4] != '-' || b.p[7] != '-' ||
	    (b.p[10] != 'T' && b.p[10] != ' ') || b.p[13] != ':' ||
	    b.p[16] != ':')
		return 0;
	s->year = digits(b, 0, 4);
	s->month = digits(b, 5, 2);
	s->day = digits(b, 8, 2);
	s->hour = digits(b, 11, 2);
	s->minute = digits(b, 14, 2);
	s->second = digits(b, 17, 2);
	if (s->year < 1970)
		return 0;
	if (b.p[at] == '.' || b.p[at] == ',') {
		const int ms = digits(b, at + 1, 3);

		s->ms = ms == -1 ? 0 : ms;
		for (at++; at < b.len && b.p[at] >= '0' && b.p[at] <= '9';)
			at++;
	}
	at += offset_of(b, at, s);
	return at < b.len && b.p[at] == ' ' ? at + 1 : 0;
}

static bool
stamp_good(const struct log_stamp *s)
{
	return s->month >= 1 && s->month <= 12 && s->day >= 1 && s->day <= 31 &&
	       s->hour >= 0 && s->hour <= 23 && s->minute >= 0 &&
	       s->minute <= 59 && s->second >= 0 && s->second <= 60;
}

bool
log_line_parse(struct bytes line, struct log_line *l)
{
	struct bytes rest, tag;
	size_t n;

	memset(l, 0, sizeof(*l));
	n = stamp_bsd(line, &l->stamp);
	if (n == 0)
		n = stamp_iso(line, &l->stamp);
	if (n == 0 || !stamp_good(&l->stamp))
		return false;
	rest = skip(line, n);
	rest = skip(rest, until(rest, ' ').len + 1); /* the host */
	tag = until(rest, ' ');
	if (!mail_log_ends(tag, ":"))
		return false;
	l->message = skip(rest, tag.len + 1);
	tag.len--;
	l->program = until(tag, '[');
	if (l->program.len < tag.len)
		l->pid = until(skip(tag, l->program.len + 1), ']');
	return l->program.len > 0;
}

/* --- Postfix ------------------------------------------------------------- */

static bool
is_id(struct bytes b)
{
	if (b.len < 5 || b.len > 24)
		return false;
	for (size_t i = 0; i < b.len; i++) {
		const char c = b.p[i];

		if ((c < '0' || c > '9') && (c < 'A' || c > 'Z') &&
		    (c < 'a' || c > 'z'))
			return false;
	}
	return true;
}

/* host_of - the address in "name[192.0.2.1]:25" */
static struct bytes
host_of(struct bytes b)
{
	struct bytes at = mail_log_find(b, "[");

	return at.p == NULL ? at : until(skip(at, 1), ']');
}

static void
postfix_client(struct bytes m, struct mail_event *e)
{
	e->kind = MAIL_CLIENT;
	e->client = host_of(until(skip(m, 7), ','));
	e->login = field(m, "sasl_username");
}

static void
postfix_queued(struct bytes m, struct mail_event *e)
{
	e->kind = MAIL_QUEUED;
	e->sender = address(m, "from");
	e->size = mail_log_number(field(m, "size"));
	e->nrcpt = mail_log_number(field(m, "nrcpt"));
	if (e->nrcpt == 0) /* "status=expired, returned to sender" */
		e->kind = MAIL_NOTHING;
}

static void
postfix_to(struct bytes m, struct mail_event *e)
{
	struct bytes at = mail_log_find(m, "queued as ");

	e->kind = MAIL_TO;
	e->to = address(m, "to");
	e->orig_to = address(m, "orig_to");
	e->relay = host_of(field(m, "relay"));
	if (at.p != NULL) {
		at = skip(at, 10);
		e->next_id = at;
		while (e->next_id.len > 0 &&
		       !is_id((struct bytes){ at.p, e->next_id.len }))
			e->next_id.len--;
		for (size_t i = 0; i < e->next_id.len; i++)
			if (at.p[i] == ')' || at.p[i] == ' ')
				e->next_id.len = i;
	}
}

/* postfix_refused - "milter-reject: RCPT from name[ip]: ...; from=<> to=<>" */
static void
postfix_refused(struct bytes m, struct mail_event *e)
{
	struct bytes from = mail_log_find(m, " from "),
		     words = mail_log_find(m, "; from=<");

	if (from.p == NULL || words.p == NULL)
		return;
	e->kind = MAIL_REFUSED;
	e->client = host_of(until(skip(from, 6), ':'));
	words = skip(words, 2);
	e->sender = address(words, "from");
	e->to = address(words, "to");
	words = mail_log_find(words, " sasl_username=<");
	if (words.p != NULL)
		e->login = bracketed(skip(words, 15));
}

/* service_of - the part of the program's name behind the last slash */
static struct bytes
service_of(struct bytes program)
{
	for (size_t i = program.len; i > 0; i--)
		if (program.p[i - 1] == '/')
			return skip(program, i);
	return program;
}

/* behind_filter - "postfix/10025/smtpd": a service named by its port */
static bool
behind_filter(struct bytes program)
{
	struct bytes name = mail_log_find(program, "/");

	if (name.p == NULL)
		return false;
	name = until(skip(name, 1), '/');
	return name.len >= 4 && mail_log_number(name) >= 1024;
}

static void
postfix_event(const struct log_line *l, struct mail_event *e)
{
	struct bytes service = service_of(l->program), m = l->message, id;

	id = until(m, ':');
	if (id.len == m.len || (!is_id(id) && !mail_log_is(id, "NOQUEUE"))) {
		e->kind = MAIL_NOTHING; /* connects, warnings */
		return;
	}
	m = skip(m, id.len + 2);
	e->id = id;
	e->refiltered = behind_filter(l->program);
	e->kind = MAIL_NOTHING;
	if (mail_log_begins(m, "client="))
		postfix_client(m, e);
	else if (mail_log_is(service, "pickup") && mail_log_begins(m, "uid=")) {
		e->kind = MAIL_SUBMITTED;
		e->sender = address(m, "from");
	} else if (mail_log_begins(m, "removed"))
		e->kind = MAIL_GONE;
	else if (mail_log_begins(m, "from=<"))
		postfix_queued(m, e);
	else if (mail_log_begins(m, "to=<"))
		postfix_to(m, e);
	else if (mail_log_begins(m, "milter-reject:"))
		postfix_refused(m, e);
}

/* --- Sendmail ------------------------------------------------------------ */

static void
mail_log_sendmail_from(struct bytes m, struct mail_event *e)
{
	e->kind = MAIL_FROM;
	e->sender = address(m, "from");
	if (e->sender.p == NULL)
		e->sender = field(m, "from");
	e->size = mail_log_number(field(m, "size"));
	e->nrcpt = mail_log_number(field(m, "nrcpts"));
	e->relay = field(m, "relay");
	e->client = host_of(e->relay);
}

static void
sendmail_to(struct bytes m, struct mail_event *e)
{
	struct bytes end = mail_log_find(m, ", delay=");

	e->kind = MAIL_TO_LIST;
	e->to = skip(m, 3);
	if (end.p != NULL)
		e->to.len = (size_t)(end.p - e->to.p);
	end = mail_log_find(e->to, ", ctladdr=");
	if (end.p != NULL)
		e->to.len = (size_t)(end.p - e->to.p);
}

static void
sendmail_event(const struct log_line *l, struct mail_event *e)
{
	struct bytes m = l->message, id;

	e->kind = MAIL_NOTHING;
	if (mail_log_begins(m, "AUTH=server, ")) {
		e->kind = MAIL_AUTH;
		e->relay = field(m, "relay");
		e->login = field(m, "authid");
		return;
	}
	id = until(m, ':');
	if (id.len == m.len || !is_id(id))
		return;
	e->id = id;
	m = skip(m, id.len + 2);
	if (mail_log_begins(m, "AUTH=server, ")) {
		e->kind = MAIL_AUTH;
		e->relay = field(m, "relay");
		e->login = field(m, "authid");
	} else if (mail_log_begins(m, "from="))
		mail_log_sendmail_from(m, e);
	else if (mail_log_begins(m, "to="))
		sendmail_to(m, e);
}

void
mail_event_parse(const struct log_line *l, struct mail_event *e)
{
	memset(e, 0, sizeof(*e));
	if (mail_log_begins(l->program, "postfix"))
		postfix_event(l, e);
	else if (mail_log_begins(l->program, "sm-") ||
		 mail_log_is(l->program, "sendmail"))
		sendmail_event(l, e);
}
