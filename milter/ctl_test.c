/*
 * ctl_test.c - try a smarthost before mail depends on it.
 *
 * With the same host, port, TLS level and key that the mail server will use,
 * so that what works here works there.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl.h"
#include "ctl_table.h"
#include "lockedmem.h"
#include "probe.h"
#include "secrets.h"

/* --- the steps ---------------------------------------------------------------
 */

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

/* probe - the answer to a target that is complete */
static int
probe(const char *name, const struct probe_target *target, json_t **answer_r)
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

/* --- the target --------------------------------------------------------------
 */

/* load_key - the smarthost's secret; -1 and *answer_r */
static int
load_key(const struct config *conf, const struct smarthost *sh,
    struct lockedmem *key, json_t **answer_r)
{
	const struct passwd *pw = getpwnam(conf->user);
	struct secrets *secrets = NULL;
	char why[LOCKEDMEM_WHY] = "";
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	ssize_t len = -1;

	if (errors == NULL)
		return -1;
	if (pw == NULL)
		fprintf(errors, "there is no user %s", conf->user);
	else
		secrets =
		    secrets_load(conf->secrets, pw->pw_uid, pw->pw_gid, errors);
	if (secrets != NULL && lockedmem_new(key, SECRET_MAX + 1, why) == 0)
		len = secrets_get(secrets, sh->secret, key->p, SECRET_MAX + 1);
	fclose(errors);
	text[strcspn(text, "\n")] = '\0'; /* the first is enough */
	if (len == -1)
		*answer_r = ctl_failure(
		    "set it with `postmeterctl secret set`; "
		    "`postmeterctl check` tells what is wrong with the file",
		    "secret %s of smarthost %s cannot be had: %s%s", sh->secret,
		    sh->name,
		    secrets != NULL && why[0] == '\0' ? "there is none" : why,
		    text);
	secrets_free(&secrets);
	free(text);
	return len == -1 ? -1 : 0;
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

static int
run(const struct ctl *ctl, const struct config *conf, json_t **answer_r)
{
	const struct smarthost *sh = config_smarthost(conf, ctl->word[0]);
	struct probe_target target = { .to = ctl->send };
	struct lockedmem key = { .p = NULL };
	int rc = 1;

	if (sh == NULL) {
		*answer_r = ctl_failure(
		    "`postmeterctl status` lists those there are",
		    "there is no smarthost %s in %s", ctl->word[0], conf->file);
		return 1;
	}
	target.from = sender_of(ctl, sh);
	if (target.to != NULL &&
	    (target.from == NULL || !good_address(target.from) ||
		!good_address(target.to))) {
		*answer_r = ctl_failure(
		    "give --send ADDRESS and --sender ADDRESS, each as "
		    "name@domain",
		    "from whom to whom a message should go is not clear");
		return EX_USAGE;
	}
	target.host = sh->host;
	target.port = sh->port;
	target.tls = sh->tls;
	if (load_key(conf, sh, &key, answer_r) == 0) {
		target.username = sh->username;
		target.password = key.p;
		rc = probe(sh->name, &target, answer_r);
	}
	lockedmem_free(&key);
	return rc;
}

int
ctl_test(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf;
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	int rc = EX_CONFIG;

	*answer_r = NULL;
	if (errors == NULL)
		return EX_OSERR;
	conf = config_load(ctl->config, errors);
	fclose(errors);
	text[strcspn(text, "\n")] = '\0';
	if (conf != NULL)
		rc = run(ctl, conf, answer_r);
	else
		*answer_r =
		    ctl_failure("`postmeterctl check` tells what is wrong",
			"the configuration is not good: %s", text);
	config_free(&conf);
	free(text);
	return rc;
}

/* --- for people --------------------------------------------------------------
 */

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

void
ctl_test_text(const struct screen *sc, const json_t *a)
{
	struct table t = { .columns = 4, .right = 1u << 2 };
	const json_t *step;
	size_t i;

	fprintf(sc->out, "%s: %s port %lld\n", text_of(a, "smarthost"),
	    text_of(a, "host"),
	    (long long)json_integer_value(json_object_get(a, "port")));
	json_array_foreach (json_object_get(a, "steps"), i, step) {
		const bool ok = json_is_true(json_object_get(step, "ok"));
		char ms[32];

		snprintf(ms, sizeof(ms), "%lld ms",
		    (long long)json_integer_value(json_object_get(step, "ms")));
		table_add(&t, ok ? COLOUR_GREEN : COLOUR_RED,
		    (const char *const[]){ ok ? "[ok]" : "[FAILED]",
			text_of(step, "step"), ms, text_of(step, "detail") });
	}
	table_print(&t, sc, "  ");
}
