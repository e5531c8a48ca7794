/*
 * cmd_try.c - try a smarthost before mail depends on it.
 *
 * With the same host, port, TLS level and credential that the mail server will
 * use, so that what works here works there.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clock.h"
#include "credentials.h"
#include "grants.h"
#include "print_table.h"
#include "secrets.h"
#include "secure_mem.h"
#include "smtp_probe.h"
#include "suggest.h"
#include "tool.h"

/* --- the steps ----------------------------------------------------------- */

/* add_step - appends one to the answer; the last failure is its error */
static void
add_step(const struct probe_report *r, void *arg)
{
	json_t *answer = arg;
	json_t *step =
	    json_pack("{s:s, s:b, s:I, s:s}", "step", probe_step_name(r->step),
		"ok", r->ok, "ms", (json_int_t)r->ms, "detail", r->detail);

	json_array_append_new(json_object_get(answer, "steps"), step);
	if (r->ok)
		return;
	json_object_set_new(answer, "error",
	    json_sprintf("%s: %s", probe_step_name(r->step), r->hint->cause));
	json_object_set_new(answer, "remedy", json_string(r->hint->remedy));
}

/* try_probe - the answer to a target that is complete */
static int
try_probe(
    const char *name, const struct probe_target *target, json_t **answer_r)
{
	json_t *answer = json_pack("{s:b, s:s, s:s, s:i, s:s?, s:[]}", "ok", 0,
	    "smarthost", name, "host", target->host, "port", (int)target->port,
	    "sent_to", target->to, "steps");
	const int rc =
	    answer == NULL ? -1 : probe_run(target, add_step, answer);

	if (rc == -1) {
		json_decref(answer);
		*answer_r = ctl_failure("check host; is there memory left?",
		    "no talk with smarthost %s could be begun", name);
		return 1;
	}
	json_object_set_new(answer, "ok", json_boolean(rc == 0));
	*answer_r = answer;
	return rc == 0 ? EX_OK : 1;
}

/* --- the target ---------------------------------------------------------- */

/* find_password - the smarthost's into dst; -1 and the mistakes in errors */
static int
find_password(const struct config *conf, const struct smarthost *sh,
    struct secure_mem *dst, FILE *errors)
{
	struct secrets *secrets;
	struct why why;
	ssize_t len = -1;
	uid_t uid;
	gid_t gid;

	if (credentials_user(conf, &uid, &gid, errors) == -1 ||
	    (secrets = secrets_load(conf->secrets, uid, gid, errors)) == NULL)
		return -1;
	if (secure_mem_new(dst, SECRET_MAX + 1, &why) == -1)
		fprintf(errors, "%s\n", why.text);
	else if ((len = secrets_get(
		      secrets, sh->secret, dst->p, SECRET_MAX + 1)) == -1)
		fprintf(errors,
		    "%s: secret \"%s\" is not there: add it with `postmeterctl secret set %s`\n",
		    conf->secrets, sh->secret, sh->secret);
	secrets_free(&secrets);
	return len == -1 ? -1 : 0;
}

/* find_token - a fresh one into dst; -1 and why in errors */
static int
find_token(const struct config *conf, const struct smarthost *sh,
    struct secure_mem *dst, FILE *errors)
{
	struct secure_mem mem = { .p = NULL };
	struct grants_env env = { .ca_file = NULL };
	struct oauth_answer *a;
	struct why why;
	int rc = -1;

	if (credentials_user(conf, &env.owner.uid, &env.owner.gid, errors) ==
	    -1)
		return -1;
	if (secure_mem_new(&mem, sizeof(*a), &why) == -1 ||
	    secure_mem_new(dst, TOKEN_MAX + 1, &why) == -1) {
		fprintf(errors, "%s\n", why.text);
	} else {
		a = (void *)mem.p;
		grant_fetch(conf, sh, &env, clock_now(), a);
		if (a->result == OAUTH_GOOD) {
			memcpy(dst->p, a->token, a->token_len + 1);
			rc = 0;
		} else {
			fprintf(errors, "%s: %s: %s\n", a->error, a->cause,
			    a->remedy);
		}
	}
	secure_mem_free(&mem);
	return rc;
}

/* load_credential - password or token, if it has one; -1 and *answer_r */
static int
load_credential(const struct config *conf, const struct smarthost *sh,
    struct secure_mem *dst, json_t **answer_r)
{
	const bool oauth = sh->oauth.grant != GRANT_NONE;
	char *lines = NULL;
	size_t size;
	FILE *errors;
	int rc;

	if (sh->username[0] == '\0')
		return 0;
	errors = open_memstream(&lines, &size);
	if (errors == NULL)
		return -1;
	rc = oauth ? find_token(conf, sh, dst, errors)
		   : find_password(conf, sh, dst, errors);
	fclose(errors);
	if (rc == -1)
		*answer_r =
		    ctl_mistakes(lines, "the %s of smarthost %s cannot be had",
			oauth ? "token" : "secret", sh->name);
	free(lines);
	return rc;
}

/* sender_of - who writes the message; NULL if that is not clear */
static const char *
sender_of(const struct ctl *ctl, const struct smarthost *sh)
{
	if (ctl->sender != NULL)
		return ctl->sender;
	return strchr(sh->username, '@') != NULL ? sh->username : NULL;
}

/* good_address - nothing in it that could end a command or a header */
static bool
good_address(const char *a)
{
	const char *at = strchr(a, '@');

	if (at == NULL || at == a || at[1] == '\0')
		return false;
	for (; *a != '\0'; a++)
		if ((unsigned char)*a <= ' ' || *a == '<' || *a == '>' ||
		    *a == 0x7f)
			return false;
	return true;
}

/* ctl_no_smarthost - of that name; the one that was meant, or all there are */
json_t *
ctl_no_smarthost(const struct config *conf, const char *name)
{
	char remedy[400] = "the configuration names none";
	struct suggest near;
	size_t used = 0;

	suggest_init(&near, name);
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		suggest_add(&near, conf->smarthost[i].name);
		if (used < sizeof(remedy))
			used += (size_t)snprintf(remedy + used,
			    sizeof(remedy) - used, "%s%s",
			    i == 0 ? "there are: " : ", ",
			    conf->smarthost[i].name);
	}
	if (suggest_best(&near) != NULL)
		snprintf(remedy, sizeof(remedy), "did you mean %s?",
		    suggest_best(&near));
	return ctl_failure(
	    remedy, "there is no smarthost %s in %s", name, conf->file);
}

static int
try_run(const struct ctl *ctl, const struct config *conf, json_t **answer_r)
{
	const struct smarthost *sh = config_smarthost(conf, ctl->word[0]);
	struct probe_target target = { .to = ctl->send };
	struct secure_mem credential = { .p = NULL };
	int rc = 1;

	if (sh == NULL) {
		*answer_r = ctl_no_smarthost(conf, ctl->word[0]);
		return 1;
	}
	target.from = sender_of(ctl, sh);
	if (target.to != NULL &&
	    (target.from == NULL || !good_address(target.from) ||
		!good_address(target.to))) {
		*answer_r = ctl_failure(
		    "give --send ADDRESS and --sender ADDRESS, each as name@domain",
		    "from whom to whom a message should go is not clear");
		return EX_USAGE;
	}
	target.host = sh->host;
	target.port = sh->port;
	target.tls = sh->tls;
	if (load_credential(conf, sh, &credential, answer_r) == 0) {
		target.username = sh->username[0] != '\0' ? sh->username : NULL;
		target.is_token = sh->oauth.grant != GRANT_NONE;
		target.refusals = conf->refusals;
		target.provider = sh->provider;
		target.password = credential.p;
		rc = try_probe(sh->name, &target, answer_r);
	}
	secure_mem_free(&credential);
	return rc;
}

int
ctl_test(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, answer_r);
	int rc = EX_CONFIG;

	if (conf != NULL)
		rc = try_run(ctl, conf, answer_r);
	config_free(&conf);
	return rc;
}

/* --- for people ---------------------------------------------------------- */

void
text_test(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 4, .right = 1u << 2 };
	const json_t *step;
	size_t i;

	fprintf(sc->out, "%s: %s port %lld\n", obj_str(a, "smarthost"),
	    obj_str(a, "host"), (long long)obj_num(a, "port"));
	json_array_foreach (json_object_get(a, "steps"), i, step) {
		const bool ok = obj_yes(step, "ok");
		char ms[32];

		snprintf(
		    ms, sizeof(ms), "%lld ms", (long long)obj_num(step, "ms"));
		text_table_add(&t, ok ? COLOUR_GREEN : COLOUR_RED,
		    (const char *const[]){ ok ? "[ok]" : "[FAILED]",
			obj_str(step, "step"), ms, obj_str(step, "detail") });
	}
	text_table_print(&t, sc, "  ");
}
