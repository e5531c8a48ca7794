/*
 * cmd_login.c - the person's part of a smarthost that logs in with a token.
 *
 * The server has no browser: the person opens an address anywhere and brings
 * back what the browser ends up with, or enters a code.  What is wanted of him
 * goes to standard error, so that the answer stays one object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "clock.h"
#include "credentials.h"
#include "grants.h"
#include "http.h"
#include "secure_mem.h"
#include "tool.h"

#define PASTED 8192 /* an address line that was pasted */

/* What one login works with, in locked memory. */
struct login {
	struct oauth_answer answer;
	struct oauth_device device;
	char secret[16384], form[OAUTH_FORM], line[PASTED], code[4096];
};

struct person {
	const struct config *conf;
	const struct smarthost *sh;
	struct grants_env env;
	struct login *w;
};

/* --- what the person is asked for ---------------------------------------- */

/* ask_line - one line from standard input; false if none came */
static bool
ask_line(struct login *w, const char *what)
{
	fprintf(stderr, "%s\n> ", what);
	fflush(stderr);
	if (fgets(w->line, sizeof(w->line), stdin) == NULL)
		return false;
	w->line[strcspn(w->line, "\r\n")] = '\0';
	return w->line[0] != '\0';
}

static void
fails(struct login *w, const char *error, const char *cause, const char *remedy)
{
	static char kept[400];

	snprintf(kept, sizeof(kept), "%s", cause);
	w->answer.result = OAUTH_STOP;
	w->answer.token_len = 0;
	snprintf(w->answer.error, sizeof(w->answer.error), "%s", error);
	w->answer.cause = kept;
	w->answer.remedy = remedy;
}

/* by_code - a browser anywhere, and its address line brought back */
static void
by_code(struct person *p)
{
	const struct oauth *o = &p->sh->oauth;
	char verifier[44], state[44], url[4096];
	struct login *w = p->w;
	struct why why = WHY_NONE;
	size_t n;

	if (!oauth_random(verifier) || !oauth_random(state) ||
	    !oauth_authorize_url(
		o, p->sh->username, verifier, state, url, sizeof(url)) ||
	    grant_secret(p->conf, p->sh, &p->env, w->secret, sizeof(w->secret),
		&why) == -1) {
		fails(w, "not begun", why.text, "see the cause");
		return;
	}
	fprintf(stderr,
	    "Open this address in a browser, log in as %s and allow it:\n\n%s\n\n"
	    "The browser then ends at an address that does not load (%s...).\n",
	    p->sh->username, url, OAUTH_REDIRECT);
	if (!ask_line(w, "Paste that whole address line here:")) {
		fails(w, "nothing was pasted", "no address line came",
		    "begin again");
		return;
	}
	if (!oauth_code(w->line, state, w->code, sizeof(w->code), &why)) {
		fails(w, "no code", why.text, "begin again");
		return;
	}
	n = oauth_form(w->form, sizeof(w->form),
	    (const char *const[]){ "grant_type", "authorization_code", "code",
		w->code, "redirect_uri", OAUTH_REDIRECT, "client_id",
		o->client_id, "client_secret", w->secret, "code_verifier",
		verifier, NULL });
	oauth_token_url(o, url);
	grant_ask(url, w->form, n, &p->env, &w->answer);
}

/* wait_for_person - until the person has entered the code, or its time is over
 */
static void
wait_for_person(struct person *p)
{
	struct login *w = p->w;
	const int64_t end = clock_steady() + w->device.lives;
	int64_t pause = w->device.interval;
	char url[OAUTH_URL];
	const size_t n = oauth_form(w->form, sizeof(w->form),
	    (const char *const[]){ "grant_type",
		"urn:ietf:params:oauth:grant-type:device_code", "client_id",
		p->sh->oauth.client_id, "device_code", w->device.code, NULL });

	oauth_token_url(&p->sh->oauth, url);
	do {
		const struct timespec rest = { .tv_sec = pause / SECOND };

		nanosleep(&rest, NULL);
		grant_ask(url, w->form, n, &p->env, &w->answer);
		if (w->answer.result == OAUTH_SLOWER)
			pause += 5 * SECOND;
		else if (w->answer.result != OAUTH_WAIT &&
			 w->answer.result != OAUTH_LATER)
			return;
	} while (clock_steady() < end);
	fails(w, "expired_token", "nobody entered the code in time",
	    "begin again");
}

/* by_device - a code that the person enters in a browser anywhere */
static void
by_device(struct person *p)
{
	struct login *w = p->w;
	struct http_answer reply = { .p = w->secret,
		.size = sizeof(w->secret) };
	struct why why = WHY_NONE;
	char url[OAUTH_URL];
	const size_t n = oauth_form(w->form, sizeof(w->form),
	    (const char *const[]){ "client_id", p->sh->oauth.client_id, "scope",
		oauth_scope(&p->sh->oauth), NULL });

	oauth_device_url(&p->sh->oauth, url);
	if (http_post(url, w->form, n, p->env.ca_file, &reply, &why) == -1) {
		fails(w, "no answer", why.text,
		    "check this machine's network, and tenant");
		return;
	}
	if (!oauth_read_device(reply.p, reply.len, &w->device)) {
		oauth_read(400, reply.p, reply.len, &w->answer);
		return;
	}
	fprintf(stderr,
	    "Open %s in a browser, enter the code %s, log in as %s and allow it.\n"
	    "Waiting for that ...\n",
	    w->device.url, w->device.user_code, p->sh->username);
	wait_for_person(p);
}

/* by_refresh - a refresh token that was had elsewhere */
static void
by_refresh(struct person *p)
{
	struct login *w = p->w;
	struct why why = WHY_NONE;

	if (!ask_line(w, "Paste the refresh token here:") ||
	    strlen(w->line) >= OAUTH_REFRESH)
		fails(w, "nothing was pasted", "no refresh token came",
		    "begin again");
	else if (grant_keep(p->conf, p->sh, &p->env, w->line, &why) == -1)
		fails(w, "not kept", why.text, "run it as root");
	else
		grant_fetch(p->conf, p->sh, &p->env, clock_now(), &w->answer);
}

/* --- the command --------------------------------------------------------- */

/* login_keep - what a person's permission brought must outlive this */
static void
login_keep(struct person *p)
{
	struct login *w = p->w;
	struct why why = WHY_NONE;

	if (w->answer.result != OAUTH_GOOD)
		return;
	if (w->answer.refresh_len == 0)
		fails(w, "no refresh token",
		    "the provider gave a token for an hour, but none to renew it with",
		    "remove the app's permission in the account's settings, then begin again");
	else if (grant_keep(p->conf, p->sh, &p->env, w->answer.refresh, &why) ==
		 -1)
		fails(w, "not kept", why.text, "run it as root");
}

static int
log_in(struct person *p, json_t **answer_r)
{
	struct oauth_answer *a = &p->w->answer;
	char claims[300];

	switch (p->sh->oauth.grant) {
	case GRANT_GOOGLE_CODE:
	case GRANT_MICROSOFT_CODE:
		by_code(p);
		login_keep(p);
		break;
	case GRANT_MICROSOFT_DEVICE:
		by_device(p);
		login_keep(p);
		break;
	case GRANT_REFRESH:
		by_refresh(p);
		break;
	case GRANT_GOOGLE_SERVICE:
	case GRANT_MICROSOFT_APP:
		grant_fetch(p->conf, p->sh, &p->env, clock_now(), a);
		break;
	case GRANT_NONE:
		*answer_r = ctl_failure(
		    "give auth = \"oauth\" and a grant, or `postmeterctl secret set`",
		    "smarthost %s logs in with a password", p->sh->name);
		return 1;
	}
	if (a->result != OAUTH_GOOD) {
		*answer_r = ctl_failure(
		    a->remedy, "%s: %s: %s", p->sh->name, a->error, a->cause);
		return 1;
	}
	oauth_claims(a->token, claims, sizeof(claims));
	*answer_r = json_pack("{s:b, s:s, s:s, s:I, s:s}", "ok", 1, "smarthost",
	    p->sh->name, "grant", grant_type_words[p->sh->oauth.grant], "lives",
	    (json_int_t)(a->lives / SECOND), "claims", claims);
	return EX_OK;
}

static int
login_run(const struct ctl *ctl, const struct config *conf, json_t **answer_r)
{
	struct secure_mem mem = { .p = NULL };
	struct person p = { .conf = conf,
		.sh = config_smarthost(conf, ctl->word[0]) };
	struct why why;
	int rc = 1;

	if (p.sh == NULL) {
		*answer_r = ctl_no_smarthost(conf, ctl->word[0]);
		return 1;
	}
	if (credentials_user(
		conf, &p.env.owner.uid, &p.env.owner.gid, stderr) == -1)
		return EX_CONFIG;
	if (secure_mem_new(&mem, sizeof(*p.w), &why) == -1) {
		*answer_r = ctl_failure(
		    "raise ulimit -l", "no locked memory: %s", why.text);
		return 1;
	}
	p.w = (void *)mem.p;
	rc = log_in(&p, answer_r);
	secure_mem_free(&mem);
	return rc;
}

int
ctl_login(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, answer_r);
	int rc = EX_CONFIG;

	if (conf != NULL)
		rc = login_run(ctl, conf, answer_r);
	config_free(&conf);
	return rc;
}

void
text_login(const struct screen *sc, const json_t *a)
{
	const char *claims = obj_str(a, "claims");

	fprintf(sc->out, "%s: there is a token by %s, for %lld minutes%s%s\n",
	    obj_str(a, "smarthost"), obj_str(a, "grant"),
	    obj_num(a, "lives") / 60, claims[0] != '\0' ? ": " : "", claims);
	fprintf(sc->out,
	    "postmeter-agent renews it; `postmeterctl test %s` tries it.\n",
	    obj_str(a, "smarthost"));
}
