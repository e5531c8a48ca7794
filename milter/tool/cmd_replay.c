/*
 * cmd_replay.c - `postmeterctl replay`: what would these limits have said to
 * the mail of the last weeks?
 *
 * One pass over the files, in the order of their first stamp; nothing of the
 * daemon's is read but the configuration, and nothing is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <zlib.h>

#include "clock.h"
#include "command.h"
#include "log.h"
#include "log_clock.h"
#include "print.h"
#include "replay.h"

#define CHUNK (1 << 18)
#define LINE_MOST 65536 /* a longer one is no line of a mail server */

struct source {
	const char *name; /* "-": standard input */
	int64_t mtime, first;
	uint64_t size;
	struct log_stamp stamp;
};

struct replay {
	struct config *conf;
	struct replay_desk *desk;
	struct replay_suggest *suggest;
	struct replay_join *join;
	struct log_clock clock;
	uint64_t lines, odd; /* odd: no line of a log */
	uint64_t bytes, all;
	bool progress, begun;
	int64_t mtime;
	int shown; /* percent */
};

/* --- lines --------------------------------------------------------------- */

static void
see_message(void *arg, const struct replay_message *m)
{
	struct replay *r = arg;
	char who[MAILADDR_MAX + 1];

	replay_desk_message(r->desk, m);
	if (r->suggest == NULL)
		return;
	replay_who(r->conf, m, who, sizeof(who));
	replay_suggest_message(r->suggest, m, who);
}

/* journal_line - a line of `journalctl -o json`; false if it is none */
static bool
journal_line(struct replay *r, struct bytes line)
{
	json_t *o = json_loadb(line.p, line.len, JSON_DISABLE_EOF_CHECK, NULL);
	const char *at =
	    json_string_value(json_object_get(o, "__REALTIME_TIMESTAMP"));
	const char *program =
	    json_string_value(json_object_get(o, "SYSLOG_IDENTIFIER"));
	const char *message = json_string_value(json_object_get(o, "MESSAGE"));
	const bool good = at != NULL && program != NULL && message != NULL;
	struct log_line l = { .stamp = { .year = 0 } };

	if (good) {
		l.program = (struct bytes){ program, strlen(program) };
		l.message = (struct bytes){ message, strlen(message) };
		replay_join_line(r->join, &l, strtoll(at, NULL, 10) / 1000);
	}
	json_decref(o);
	return good;
}

static void
see_line(struct replay *r, struct bytes line)
{
	struct log_line l;

	r->lines++;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len > 0 && line.p[0] == '{') {
		r->odd += !journal_line(r, line);
		return;
	}
	if (!log_line_parse(line, &l)) {
		r->odd++;
		return;
	}
	if (!r->begun) {
		log_clock_begin(&r->clock, r->conf->zone, &l.stamp, r->mtime);
		r->begun = true;
	}
	replay_join_line(r->join, &l, log_clock_at(&r->clock, &l.stamp));
}

static void
show_progress(struct replay *r)
{
	const int percent = r->all == 0 ? 0 : (int)(r->bytes * 100 / r->all);
	char bar[BAR_TEXT];

	if (!r->progress || percent == r->shown)
		return;
	r->shown = percent;
	fprintf(stderr, "\r%s %3d%%", bar_text((unsigned)percent, true, bar),
	    percent);
}

/* cut - the whole lines in buf; how many bytes of a last one are left over */
static size_t
cut(struct replay *r, char *buf, size_t n, bool last)
{
	char *p = buf, *end = buf + n, *newline;

	while ((newline = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		see_line(r, (struct bytes){ p, (size_t)(newline - p) });
		p = newline + 1;
	}
	if (last && p < end) {
		see_line(r, (struct bytes){ p, (size_t)(end - p) });
		p = end;
	}
	n = (size_t)(end - p);
	if (n > LINE_MOST) { /* thrown away, and what follows to its end */
		r->odd++;
		return 0;
	}
	memmove(buf, p, n);
	return n;
}

static gzFile
open_source(const struct source *s)
{
	const int fd = strcmp(s->name, "-") == 0
			   ? dup(STDIN_FILENO)
			   : open(s->name, O_RDONLY | O_CLOEXEC);
	gzFile f = fd != -1 ? gzdopen(fd, "rb") : NULL;

	if (f == NULL && fd != -1)
		close(fd);
	return f;
}

/* read_source - 0, or -1 and a failure */
static int
read_source(struct replay *r, const struct source *s, json_t **failure_r)
{
	gzFile f = open_source(s);
	char *buf = malloc(CHUNK + LINE_MOST + 1);
	const uint64_t before = r->bytes;
	size_t left = 0;
	int n = -1;

	r->begun = false;
	r->mtime = s->mtime;
	if (f != NULL && buf != NULL) {
		gzbuffer(f, CHUNK);
		while ((n = gzread(f, buf + left, CHUNK)) > 0) {
			left = cut(r, buf, left + (size_t)n, false);
			r->bytes = before + (uint64_t)gzoffset(f);
			show_progress(r);
		}
		cut(r, buf, left, true);
	}
	if (n < 0)
		*failure_r = ctl_failure("name a mail log, plain or .gz",
		    "%s cannot be read: %s", s->name,
		    f == NULL ? strerror(errno) : "it is damaged");
	if (f != NULL)
		gzclose(f);
	free(buf);
	r->bytes = before + s->size;
	return n < 0 ? -1 : 0;
}

/* --- the files ----------------------------------------------------------- */

/* first_stamp - of the first line that has one */
static void
first_stamp(const struct zone *zone, struct source *s)
{
	gzFile f = open_source(s);
	char line[4096];
	struct log_clock clock;
	struct log_line l;

	for (int i = 0;
	     f != NULL && i < 100 && gzgets(f, line, sizeof(line)) != NULL;
	     i++) {
		const struct bytes b = { line, strcspn(line, "\n") };

		if (!log_line_parse(b, &l))
			continue;
		log_clock_begin(&clock, zone, &l.stamp, s->mtime);
		s->first = log_clock_at(&clock, &l.stamp);
		break;
	}
	if (f != NULL)
		gzclose(f);
}

static int
replay_earlier(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* list_sources - by their first stamp; NULL and a failure */
static struct source *
list_sources(const struct ctl *ctl, struct replay *r, json_t **failure_r)
{
	struct source *list = calloc(ctl->nwords, sizeof(*list));
	struct stat st;

	for (size_t i = 0; list != NULL && i < ctl->nwords; i++) {
		list[i].name = ctl->words[i];
		list[i].mtime = clock_now();
		if (strcmp(list[i].name, "-") == 0)
			continue;
		if (stat(list[i].name, &st) == -1) {
			*failure_r =
			    ctl_failure("name files of a mail log, or -",
				"%s: %s", list[i].name, strerror(errno));
			free(list);
			return NULL;
		}
		list[i].mtime = (int64_t)st.st_mtime * SECOND;
		list[i].size = (uint64_t)st.st_size;
		r->all += list[i].size;
		first_stamp(r->conf->zone, &list[i]);
	}
	if (list != NULL)
		qsort(list, ctl->nwords, sizeof(*list), replay_earlier);
	return list;
}

/* --- the command --------------------------------------------------------- */

static int
replay_run(const struct ctl *ctl, struct replay *r, json_t **answer_r)
{
	struct source *list = list_sources(ctl, r, answer_r);
	struct why why;
	int rc = 0;

	if (list == NULL)
		return 1;
	r->desk = replay_desk_new(r->conf, &why);
	r->join = replay_join_new(see_message, r);
	r->suggest = ctl->suggest ? replay_suggest_new(r->conf) : NULL;
	if (r->desk == NULL || r->join == NULL)
		rc = -1;
	for (size_t i = 0; i < ctl->nwords && rc == 0; i++)
		rc = read_source(r, &list[i], answer_r);
	free(list);
	if (r->progress && r->shown >= 0)
		fputs("\r\033[K", stderr);
	return rc;
}

int
ctl_replay(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, answer_r);
	struct replay r = {
		.conf = conf, .shown = -1, .progress = isatty(STDERR_FILENO)
	};
	uint64_t dropped;
	json_t *result;

	if (conf == NULL)
		return EX_CONFIG;
	log_open("postmeterctl", LOG_LEVEL_ERROR);
	if (replay_run(ctl, &r, answer_r) != 0) {
		if (*answer_r == NULL)
			*answer_r = ctl_failure("", "memory is out");
		replay_join_end(&r.join);
		if (r.desk != NULL)
			json_decref(replay_desk_end(&r.desk));
		config_free(&conf);
		return 1;
	}
	dropped = replay_join_dropped(r.join);
	replay_join_end(&r.join);
	result = replay_desk_end(&r.desk);
	*answer_r = json_pack("{s:b, s:i, s:s, s:I, s:I, s:I}", "ok", 1,
	    "files", (int)ctl->nwords, "config", ctl->config, "lines",
	    (json_int_t)r.lines, "not_understood", (json_int_t)r.odd,
	    "ids_dropped", (json_int_t)dropped);
	json_object_update(*answer_r, result);
	json_decref(result);
	if (r.suggest != NULL)
		json_object_set_new(
		    *answer_r, "suggested", replay_suggest_end(&r.suggest));
	config_free(&conf);
	return obj_num(*answer_r, "stopped") > 0 ? 1 : EX_OK;
}

/* --- for people ---------------------------------------------------------- */

/* wait_of - "21h 40m" */
static const char *
wait_of(long long ms, char *dst, size_t size)
{
	const long long m = (ms + 59999) / 60000;

	if (m >= 60)
		snprintf(dst, size, "%lldh %lldm", m / 60, m % 60);
	else
		snprintf(dst, size, "%lldm", m);
	return dst;
}

static void
print_stopped(const struct screen *sc, const json_t *senders)
{
	struct text_table t = { .columns = 5, .bar = TABLE_COLUMNS };
	const json_t *r;
	size_t i;

	json_array_foreach (senders, i, r) {
		char limit[200], times[80], first[80], wait[80], span[40];

		snprintf(limit, sizeof(limit), "%s: %s", obj_str(r, "policy"),
		    obj_str(r, "limit"));
		snprintf(times, sizeof(times), "%lld time%s, %lld message%s",
		    obj_num(r, "times"), obj_num(r, "times") == 1 ? "" : "s",
		    obj_num(r, "messages"),
		    obj_num(r, "messages") == 1 ? "" : "s");
		snprintf(
		    first, sizeof(first), "first %s", print_time(r, "first"));
		snprintf(wait, sizeof(wait), "longest wait %s",
		    wait_of(obj_num(r, "longest_wait_ms"), span, sizeof(span)));
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){ obj_str(r, "who"), limit, times,
			first, obj_num(r, "longest_wait_ms") > 0 ? wait : "" });
	}
	text_table_print(&t, sc, "  ");
}

static void
print_accounts(const struct screen *sc, const json_t *accounts)
{
	struct text_table t = { .columns = 5 };
	const json_t *a;
	size_t i;

	json_array_foreach (accounts, i, a) {
		char when[100] = "";

		if (print_time(a, "when")[0] != '\0')
			snprintf(when, sizeof(when), "fullest %s",
			    print_time(a, "when"));
		print_usage_row(&t, a,
		    (const char *const[]){ obj_str(a, "smarthost") }, 1, when);
	}
	if (t.rows > 0)
		fputs("Accounts at their fullest\n", sc->out);
	text_table_print(&t, sc, "  ");
}

void
text_replay(const struct screen *sc, const json_t *a)
{
	const long long lines = obj_num(a, "lines");

	fprintf(sc->out,
	    "replay of %lld file%s, %s .. %s: %lld outgoing messages (%.2f%% of %lld lines not understood)\n",
	    obj_num(a, "files"), obj_num(a, "files") == 1 ? "" : "s",
	    print_time(a, "from"), print_time(a, "to"), obj_num(a, "outgoing"),
	    lines == 0
		? 0.
		: 100. * (double)obj_num(a, "not_understood") / (double)lines,
	    lines);
	fprintf(sc->out,
	    "With %s %lld messages would have been stopped: %lld for good, %lld to try again later.  (A message that is stopped is not tried again here.)\n",
	    obj_str(a, "config"), obj_num(a, "stopped"), obj_num(a, "for_good"),
	    obj_num(a, "stopped") - obj_num(a, "for_good"));
	print_stopped(sc, json_object_get(a, "senders"));
	print_accounts(sc, json_object_get(a, "accounts"));
	if (json_object_get(a, "suggested") != NULL)
		replay_suggest_text(sc, json_object_get(a, "suggested"));
}
