/*
 * site.c - the page as a whole: a request in, an answer out.
 *
 * Who may read sees everybody; who may not sees himself, under every address
 * there is.  What he may not do is not in his HTML.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin.h"
#include "digest.h"
#include "metrics_text.h"
#include "page.h"
#include "site.h"

#define HTML_TYPE "text/html; charset=utf-8"

static const char style[] = {
#include "milter/web/style.inc"
};
static const char script[] = {
#include "milter/web/page.inc"
};
static const char icon[] = {
#include "milter/web/icon.inc"
};

static const struct file {
	const char *path, *type, *bytes;
	size_t len;
} files[] = {
	{ "/style.css", "text/css; charset=utf-8", style, sizeof(style) - 1 },
	{ "/page.js", "text/javascript; charset=utf-8", script,
	    sizeof(script) - 1 },
	{ "/icon.svg", "image/svg+xml", icon, sizeof(icon) - 1 },
};

/* A request that was let in, taken apart. */
struct visit {
	struct site *site;
	const struct web_request *rq;
	struct web_response *rs;
	struct form query;
	struct page page;
	char path[64];
	int64_t now;
};

/* refuse - a document that says why */
static void
refuse(struct web_response *rs, unsigned status, const char *why)
{
	html_free(&rs->body);
	rs->status = status;
	rs->type = HTML_TYPE;
	frame_refusal(status, why, &rs->body);
}

static bool
send_file(const char *path, struct web_response *rs)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(path, files[i].path) != 0)
			continue;
		rs->status = 200;
		rs->type = files[i].type;
		rs->lasting = true;
		html_file(&rs->body, files[i].bytes, files[i].len);
		return true;
	}
	return false;
}

/* is_listed - is he one of them?  "*" is everybody whom the proxy lets in. */
static bool
is_listed(const struct names *list, const char *who)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i], "*") == 0 ||
		    strcmp(list->v[i], who) == 0)
			return true;
	return false;
}

/* compose - the main part, and the title of the window */
static const char *
compose(struct visit *v, struct html *main)
{
	struct page *pg = &v->page;
	const char *who = form_get(&v->query, "who");
	const char *what = form_get(&v->query, "q");

	if (pg->typed != NULL)
		who = form_get(pg->typed, "who");
	if (!pg->reads || form_get(&v->query, "me") != NULL) {
		person(pg, pg->who, main);
		return pg->who;
	}
	if (who != NULL && who[0] != '\0') {
		person(pg, who, main);
		return who;
	}
	if (what != NULL && what[0] != '\0') {
		found(pg, what, main);
		return what;
	}
	overview(pg, main);
	return "postmeter";
}

/* tag_of - of what is shown, but the moment it was made */
static void
tag_of(const struct html *main, const struct page *pg, char *tag)
{
	const json_t *mode = json_object_get(pg->status.answer, "mode");
	const uint64_t sum =
	    digest64(main->p != NULL ? main->p : "", main->len) +
	    (json_is_string(mode) ? digest64(json_string_value(mode), 3) : 0) +
	    pg->status.away;

	snprintf(tag, WEB_TAG, "\"%016llx\"", (unsigned long long)sum);
}

static void
document(struct visit *v, unsigned status)
{
	struct web_response *rs = v->rs;
	const struct field *known = &v->rq->field[WEB_IF_NONE_MATCH];
	struct html main = HTML_EMPTY;
	const char *title = compose(v, &main);

	rs->type = HTML_TYPE;
	rs->status = v->page.status.away && status == 200 ? 503 : status;
	tag_of(&main, &v->page, rs->tag);
	if (rs->status == 200 && known->n == 1 &&
	    strstr(known->text, rs->tag) != NULL)
		rs->status = 304;
	else
		frame(&v->page, title, &main, &rs->body);
	html_free(&main);
}

static void
metrics(struct visit *v)
{
	const struct field *accept = &v->rq->field[WEB_ACCEPT];
	const bool open = accept->n > 0 &&
			  strstr(accept->text, "application/openmetrics-text");
	char *text = NULL;
	size_t len = 0;
	struct seen s;
	FILE *f;

	if (!v->page.reads) {
		refuse(v->rs, 403, "You see your own numbers only.");
		return;
	}
	view_ask(v->site->view, page_question("metrics", NULL, NULL), &s);
	if (s.answer == NULL || s.away) {
		refuse(v->rs, 503, s.error);
		return;
	}
	f = open_memstream(&text, &len);
	if (f == NULL) {
		v->rs->body.failed = true;
		return;
	}
	metrics_text(f, json_object_get(s.answer, "families"), open);
	fclose(f);
	v->rs->status = 200;
	v->rs->type = open ? METRICS_TYPE_OPEN : METRICS_TYPE;
	html_file(&v->rs->body, text, len);
	free(text);
}

/* done - back to whom it was about */
static void
done(struct visit *v, const struct form *f)
{
	const char *who = form_get(f, "who"), *command = form_get(f, "act");
	struct html where = HTML_EMPTY;
	const bool back = who != NULL && who[0] != '\0' &&
			  strcmp(who, "*") != 0 &&
			  strcmp(command, "release") != 0;

	html(&where, ".");
	if (back) {
		html(&where, "/?who=");
		html_query(&where, who);
	} else if (strcmp(command, "release") == 0) {
		html(&where, "/#held");
	}
	v->rs->status = 303;
	if (where.failed || where.len >= sizeof(v->rs->location))
		snprintf(v->rs->location, sizeof(v->rs->location), ".");
	else
		memcpy(v->rs->location, where.p, where.len + 1);
	html_free(&where);
}

/* site_admin - what a form wants done; what is refused is shown beside what is
 * so */
static void
site_admin(struct visit *v)
{
	struct form f;
	struct page *pg = &v->page;
	json_t *rq, *answer = NULL;

	if (form_parse(v->rq->body, v->rq->body_len, &f) == -1) {
		refuse(v->rs, 400, "That is no form of this page.");
		return;
	}
	if (!pg->is_admin) {
		refuse(v->rs, 403,
		    "You may look, and nothing else: web-actors does not name you.");
		return;
	}
	if (!guard_form(&v->site->guard, &f, pg->who, v->now)) {
		refuse(v->rs, 403,
		    "This form is too old, or of somebody else: load the page again.");
		return;
	}
	pg->typed = &f;
	rq = admin_request(&f, pg->who, &pg->error);
	if (rq != NULL) {
		answer = view_act(v->site->view, rq);
		if (obj_yes(answer, "ok")) {
			done(v, &f);
			json_decref(answer);
			return;
		}
		pg->error = obj_str(answer, "error");
		pg->remedy = obj_str(answer, "remedy");
	}
	view_ask(
	    v->site->view, page_question("status", NULL, NULL), &pg->status);
	document(v, 422);
	json_decref(answer);
}

static void
welcome(struct visit *v, const char *who)
{
	struct site *s = v->site;
	struct page *pg = &v->page;
	const bool loopback = s->guard.rules.door == WEB_LOOPBACK;

	pg->view = s->view;
	pg->query = &v->query;
	pg->who = who;
	pg->reads = loopback || is_listed(&s->conf->web_readers, who);
	pg->is_admin =
	    pg->reads && (loopback || is_listed(&s->conf->web_actors, who));
	if (guard_form_token(&s->guard, who, v->now, pg->token) == -1) {
		refuse(v->rs, 503, "Memory is out.");
		return;
	}
	if (strcmp(v->path, "/metrics") == 0) {
		metrics(v);
		return;
	}
	if (strcmp(v->path, "/act") == 0) {
		if (strcmp(v->rq->method, "POST") == 0)
			site_admin(v);
		else
			refuse(v->rs, 405, "A form is sent there, not read.");
		return;
	}
	if (strcmp(v->path, "/") != 0) {
		refuse(v->rs, 404, "There is no such page.");
		return;
	}
	if (strcmp(v->rq->method, "POST") == 0) {
		refuse(v->rs, 405, "This page is read.");
		return;
	}
	view_ask(s->view, page_question("status", NULL, NULL), &pg->status);
	document(v, 200);
}

/* take_apart - path and query of the target; false if it is none of ours */
static bool
take_apart(const char *target, struct visit *v)
{
	const size_t len = strcspn(target, "?");
	const char *query = target[len] == '?' ? target + len + 1 : "";

	snprintf(v->path, sizeof(v->path), "%.*s", (int)len, target);
	return target[0] == '/' && len < sizeof(v->path) &&
	       form_parse(query, strlen(query), &v->query) == 0;
}

static void
let_in(struct web_response *rs, const char *cookie)
{
	rs->status = 303;
	snprintf(rs->location, sizeof(rs->location), ".");
	snprintf(rs->cookie, sizeof(rs->cookie),
	    GUARD_COOKIE "=%s; HttpOnly; SameSite=Strict; Path=/; Max-Age=%lld",
	    cookie, (long long)(GUARD_COOKIE_FOR / SECOND));
}

void
site_answer(struct site *s, const struct web_request *rq, int64_t now,
    struct web_response *rs)
{
	struct visit v = { .site = s, .rq = rq, .rs = rs, .now = now };
	struct guard_verdict verdict;
	const bool ours = take_apart(rq->target, &v);

	guard_judge(&s->guard, rq, &v.query, now, &verdict);
	if (verdict.status == 303)
		let_in(rs, verdict.cookie);
	else if (verdict.status == 403 && strcmp(rq->method, "GET") == 0 &&
		 send_file(v.path, rs))
		return; /* they are the same for everybody */
	else if (verdict.status != 0)
		refuse(rs, verdict.status, verdict.why);
	else if (!ours)
		refuse(rs, 400, "That address is none of this page.");
	else if (strcmp(rq->method, "POST") == 0 || !send_file(v.path, rs))
		welcome(&v, verdict.who);
}
