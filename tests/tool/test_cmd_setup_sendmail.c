/*
 * test_cmd_setup_sendmail.c - sendmail.mc with postmeter and without, on the
 * file that Debian ships and on those that people make of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/sendmail_mc.h"
#include "tool/sendmail_wiring.h"
#include "tool/tool.h"

/* What counts of Debian's sendmail.mc: its frame and where things stand. */
static const char debian[] =
    "divert(-1)dnl\n"
    "# cf/debian/sendmail.mc.  MAILER_DEFINITIONS come last.\n"
    "divert(0)dnl\n"
    "define(`_USE_ETC_MAIL_')dnl\n"
    "include(`/usr/share/sendmail/cf/m4/cf.m4')dnl\n"
    "VERSIONID(`$Id: sendmail.mc, v 8.17.1.9-2+deb12u2 $')\n"
    "OSTYPE(`debian')dnl\n"
    "DOMAIN(`debian-mta')dnl\n"
    "FEATURE(`no_default_msa')dnl\n"
    "DAEMON_OPTIONS(`Family=inet,  Name=MTA-v4, Port=smtp, "
    "Addr=127.0.0.1')dnl\n"
    "FEATURE(`access_db', , `skip')dnl\n"
    "include(`/etc/mail/m4/dialup.m4')dnl\n"
    "include(`/etc/mail/m4/provider.m4')dnl\n"
    "dnl #\n"
    "dnl # Default Mailer setup\n"
    "MAILER_DEFINITIONS\n"
    "MAILER(`local')dnl\n"
    "MAILER(`smtp')dnl\n"
    "\n";

/* --- text ---------------------------------------------------------------- */

static char *
with(const char *mc)
{
	struct why why;
	char *out = mc_with(mc, "/etc/mail", &why);

	assert_non_null(out);
	return out;
}

static void
part_a_stands_before_the_mailers_and_part_b_behind_them(void **state)
{
	char *mc = with(debian);
	const char *a =
	    strstr(mc, "\ninclude(`/etc/mail/postmeter-a.m4')dnl\n");
	const char *b =
	    strstr(mc, "\ninclude(`/etc/mail/postmeter-b.m4')dnl\n");

	assert_non_null(a);
	assert_non_null(b);
	assert_true(a > strstr(mc, "provider.m4"));
	assert_true(a < strstr(mc, "\nMAILER_DEFINITIONS\n"));
	assert_true(b > strstr(mc, "\nMAILER(`smtp')dnl\n"));
	free(mc);
}

/* Every way a file may end or be cut. */
static void
what_is_put_in_comes_out_byte_for_byte(void **state)
{
	for (size_t len = 0; len < sizeof(debian); len++) {
		char *cut = strndup(debian, len), *in, *out;
		struct why why;

		assert_non_null(cut);
		in = mc_with(cut, "/etc/mail", &why);
		if (in != NULL) {
			out = mc_without(in);
			assert_string_equal(out, cut);
			free(out);
		} else {
			assert_true(why.text[0] != '\0');
		}
		assert_int_equal(
		    in != NULL, strstr(cut, "\nMAILER_DEFINITIONS") != NULL);
		free(in);
		free(cut);
	}
}

static void
doing_it_twice_changes_nothing_more(void **state)
{
	char *once = with(debian), *twice = with(once);

	assert_string_equal(once, twice);
	free(twice);
	free(once);
}

static void
a_mailer_added_behind_us_makes_part_b_move_to_the_end(void **state)
{
	char *mc = with(debian), *grown = NULL, *again, *bare, *want = NULL;

	assert_int_not_equal(asprintf(&grown, "%sMAILER(`uucp')dnl\n", mc), -1);
	assert_int_not_equal(
	    asprintf(&want, "%sMAILER(`uucp')dnl\n", debian), -1);
	again = with(grown);
	assert_true(strstr(again, "postmeter-b.m4") > strstr(again, "uucp"));
	bare = mc_without(again);
	assert_string_equal(bare, want);
	free(bare);
	free(again);
	free(want);
	free(grown);
	free(mc);
}

static void
a_mark_without_its_end_is_left_alone(void **state)
{
	char *mc = with(debian), *out;

	strstr(mc, "dnl # postmeter: end\n")[0] = 'D';
	strrchr(mc, 'e')[0] = 'E';
	out = mc_without(mc);
	assert_string_equal(out, mc);
	free(out);
	free(mc);
}

static void
a_socket_path_that_m4_would_take_apart_is_refused(void **state)
{
	struct config conf = {
		.milter_socket = { "/run/postmeter/milter.sock" },
		.map_socket = { "/run/postmeter/map.sock" },
		.auth_socket = { "/srv/pm/auth.sock" },
	};
	struct why why;
	char *text = mc_part_a(&conf, &why);

	assert_non_null(text);
	assert_non_null(
	    strstr(text, "define(`PM_AUTH_SOCKET', `/srv/pm/auth.sock')dnl\n"));
	assert_non_null(strstr(text, "INPUT_MAIL_FILTER(`postmeter'"));
	assert_true(strstr(text, "/srv/pm") < strstr(text, "ifdef("));
	free(text);
	strcpy(conf.auth_socket.path, "/srv/it's/auth.sock");
	assert_null(mc_part_a(&conf, &why));
	assert_true(why.text[0] != '\0');
	strcpy(conf.auth_socket.path, "/srv/a,b/auth.sock");
	assert_null(mc_part_a(&conf, &why));
}

/* The files in contrib are what is written, to the byte. */
static void
part_b_is_the_file_in_contrib(void **state)
{
	FILE *f = fopen("contrib/sendmail/postmeter-b.m4", "r");
	char *text = mc_part_b(), *file = calloc(1, 65536);

	assert_non_null(f);
	assert_non_null(file);
	assert_true(fread(file, 1, 65535, f) > 0);
	assert_string_equal(text, file);
	fclose(f);
	free(file);
	free(text);
}

/* --- notes --------------------------------------------------------------- */

static char host[] = "smtp.example.com", root[] = "root", name[] = "s";
#define GOOD_CF                                                                \
	"O PrivacyOptions=noverb,restrictqrun,restrictexpand\n"                \
	"O InputMailFilters=clamav, postmeter\n"                               \
	"O CACertPath=/etc/ssl/certs\n"                                        \
	"O CACertFile=/etc/ssl/certs/ca-certificates.crt\n"                    \
	"Xpostmeter, S=local:/run/postmeter/milter.sock, F=T, T=C:10s\n"

/* How many notes, and how many of them matter. */
static void
assert_notes(uint16_t port, const char *peer, const char *cf,
    const char *access, size_t notes, size_t must)
{
	struct smarthost sh = { .name = name, .host = host, .port = port };
	char user[16], *peers[] = { user };
	const struct config conf = {
		.smarthost = &sh,
		.nsmarthost = 1,
		.auth_peers = { 1, peers },
	};
	json_t *list = json_array(), *n;
	size_t i, found = 0;

	snprintf(user, sizeof(user), "%s", peer);
	mc_notes(&conf, cf, access, list);
	json_array_foreach (list, i, n)
		found += json_is_true(json_object_get(n, "must"));
	assert_int_equal(json_array_size(list), notes);
	assert_int_equal(found, must);
	json_decref(list);
}

static void
each_thing_that_only_a_person_can_decide_is_told(void **state)
{
	assert_notes(587, root, GOOD_CF, NULL, 0, 0);
	assert_notes(587, root, NULL, NULL, 0, 0);
	assert_notes(465, root, GOOD_CF, NULL, 1, 1);
	assert_notes(4321, root, GOOD_CF, NULL, 1, 1);
	assert_notes(587, "postfix", GOOD_CF, NULL, 1, 1);
	assert_notes(587, root, "", NULL, 1, 1);
	assert_notes(587, root,
	    "O CACertFile=/x\nO CACertPath=/y\n"
	    "Xpostmeter, S=local:/run/x\n",
	    NULL, 1, 1);
	assert_notes(587, root,
	    "#O CACertFile\nO CACertPath=/y\n"
	    "Xpostmeter, S=local:/run/x, F=T\n",
	    NULL, 1, 1);
	assert_notes(587, root,
	    "O CACertPath=/x\nO CACertFile=/y\n"
	    "O InputMailFilters=postmeter, clamav\n"
	    "Xpostmeter, S=local:/run/x, F=T\n",
	    NULL, 1, 0);
	assert_notes(
	    587, root, "O FallbackSmartHost=[h]\n" GOOD_CF, NULL, 1, 0);
	assert_notes(587, root, GOOD_CF, "Connect:127 OK\n", 0, 0);
	assert_notes(587, root, GOOD_CF, "Try_TLS:other.test NO\n", 0, 0);
	assert_notes(
	    587, root, GOOD_CF, "# a\nTry_TLS:SMTP.example.com\tNO\n", 1, 1);
}

/* --- sendmail.cf --------------------------------------------------------- */

static void
privacy_options_are_read_as_sendmail_reads_them(void **state)
{
	static const struct {
		const char *cf;
		unsigned flags;
	} cases[] = {
		{ "", 0 },
		{ "#O PrivacyOptions=noverb\n", 0 },
		{ "O PrivacyOptions=authwarnings\n", 0 },
		{ "O PrivacyOptions=public\n", 0 },
		{ "O PrivacyOptions\n", 0 },
		{ "O PrivacyOptions=noverb\n", CF_NOVERB },
		{ "O PrivacyOptions=noverb", CF_NOVERB },
		{ "O PrivacyOptions=noverb\r\n", CF_NOVERB },
		{ "O PRIVACYOPTIONS = authwarnings , NoVerb\n", CF_NOVERB },
		{ "O Privacy=novrfy noverb\n", CF_NOVERB },
		{ "O Pri=noverb\n", CF_NOVERB },
		{ "O Pr=noverb\n", 0 },
		{ "O PrivacyOptionsX=noverb\n", 0 },
		{ "O  PrivacyOptions=noverb\n", 0 },
		{ " O PrivacyOptions=noverb\n", 0 },
		{ "Opnoverb\n", CF_NOVERB },
		{ "Op\n", 0 },
		{ "O\n", 0 },
		{ "OPnoverb\n", 0 },
		{ "O PrivacyOptions=goaway\n", CF_NOVERB },
		{ "O PrivacyOptions=noexpn\n", CF_NOVERB },
		{ "O PrivacyOptions=noverbs,xnoverb,no-verb\n", 0 },
		{ "O PrivacyOptions=restrictqrun,restrictexpand\n",
		    CF_RESTRICTQRUN | CF_RESTRICTEXPAND },
		{ "O PrivacyOptions=noverb\nO PrivacyOptions=public\n",
		    CF_NOVERB },
		{ "O PrivacyOptions=novrfy\nR$*\t$1\nO PrivacyOptions=noverb\n",
		    CF_NOVERB },
		{ "O PrivacyOptions=novrfy,\n\tnoverb\n", CF_NOVERB },
		{ "O PrivacyOptions=novrfy,\n  x,\n  noverb\nO x\n",
		    CF_NOVERB },
		{ "#O x\n O PrivacyOptions=noverb\n", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (cf_privacy(cases[i].cf) != cases[i].flags)
			fail_msg("flags %u of \"%s\"", cf_privacy(cases[i].cf),
			    cases[i].cf);
}

static void
the_last_verbose_counts(void **state)
{
	assert_false(cf_verbose(""));
	assert_false(cf_verbose("#O Verbose=True\n"));
	assert_true(cf_verbose("O Verbose=True\n"));
	assert_true(cf_verbose("O verb = yes\n"));
	assert_true(cf_verbose("O Verbose\n"));
	assert_true(cf_verbose("Ov\n"));
	assert_false(cf_verbose("O Verbose=False\n"));
	assert_false(cf_verbose("O Verbose=1\n"));
	assert_false(cf_verbose("OvTrue\nO Verbose=False\n"));
	assert_true(cf_verbose("OvFalse\nO Verbose=\n"));
}

#define KEYS "Ksendmail socket -f -q -t -T<TMPF> unix:/run/x\n"
#define KEPT "O PrivacyOptions=noverb,restrictqrun,restrictexpand\n"

/* How many findings, how many of them matter, and a word of the first. */
static void
assert_shown(const char *cf, const char *access, size_t all, size_t must,
    const char *word)
{
	json_t *list = json_array(), *n;
	size_t i, found = 0;

	mc_shown(cf, access, list);
	json_array_foreach (list, i, n)
		found += json_is_true(json_object_get(n, "must"));
	assert_int_equal(json_array_size(list), all);
	assert_int_equal(found, must);
	if (all > 0) {
		n = json_array_get(list, 0);
		assert_non_null(strstr(obj_str(n, "text"), word));
		assert_string_not_equal(obj_str(n, "remedy"), "");
	}
	json_decref(list);
}

static void
whatever_shows_a_key_is_told(void **state)
{
	assert_shown("", NULL, 0, 0, NULL);
	assert_shown("O Verbose=True\n", "Srv_Features: b\n", 0, 0, NULL);
	assert_shown(KEYS KEPT, "", 0, 0, NULL);
	assert_shown(KEYS, NULL, 2, 1, "noverb");
	assert_shown("Xpostmeter, S=local:/run/x, F=T\n", NULL, 2, 1, "noverb");
	assert_shown(KEYS "O PrivacyOptions=goaway,restrictqrun,"
			  "restrictexpand\n",
	    NULL, 0, 0, NULL);
	assert_shown(KEYS "O PrivacyOptions=restrictqrun,restrictexpand\n",
	    NULL, 1, 1, "noverb");
	assert_shown(KEYS "O PrivacyOptions=noverb,restrictqrun\n", NULL, 1, 0,
	    "restrictexpand");
	assert_shown(KEYS KEPT "O Verbose=True\n", NULL, 1, 1, "Verbose");
	assert_shown(KEYS KEPT, "Srv_Features:10.0.0\tb\n", 1, 1, "10.0.0");
	assert_shown(KEYS KEPT, "srv_features: x b", 1, 1, "VERB");
	assert_shown(KEYS KEPT,
	    "#Srv_Features: b\nSrv_Features:b.test B x\nConnect:h b\n", 0, 0,
	    NULL);
}

/* --- postmeter's half, as it is in force ---------------------------------- */

#define MAPS                                                                   \
	"Kroute socket -f -q -T<TMPF> unix:/run/postmeter/map.sock\n"          \
	"Ktls socket -f -q -T<TMPF> unix:/run/postmeter/map.sock\n"            \
	"Klogin socket -f -q -T<TMPF> unix:/run/postmeter/map.sock\n"          \
	"Kleave socket -f -q -T<TMPF> unix:/run/postmeter/auth.sock\n"         \
	"Krefused socket -f -q -T<TMPF> unix:/run/postmeter/auth.sock\n"       \
	"Ksendmail socket -f -q -t -T<TMPF> unix:/run/postmeter/auth.sock\n"
#define RULES                                                                  \
	"SPmRoute\nR<$*>\t$: < $(route $&i $) >\n"                             \
	"Sauthinfo\nR$*\t$: <$(sendmail $&i $)>\n"                             \
	"Sauthinfo\nR$*\t$: no\n"                                              \
	"SLocal_tls_server\nR$*\t$: $(tls $&i $)\n"                            \
	"SLocal_tls_rcpt\nR$*\t$: $&{PmLogin}<x><$1>$&{dsn_envid} \nSother\n"  \
	"R$*\t$: $>PmRoute $1\nR[$*]\t$: $>PmRoute $1\n"
#define MAILERS                                                                \
	"Mpm587, P=[IPC], m=1, r=50, A=TCP $h 587\n"                           \
	"Mpm2525, P=[IPC], m=1, A=TCP $h 2525\n"
#define PORTS                                                                  \
	"O DaemonPortOptions=Name=MTA, Port=smtp\n"                            \
	"O DaemonPortOptions=Name=MSP, Port=587, M=Ea, "                       \
	"InputMailFilters=clamav;postmeter\n"
#define WHOLE GOOD_CF MAPS RULES MAILERS PORTS

/* text with the first was made is; to be freed */
static char *
spoiled(const char *text, const char *was, const char *is)
{
	const char *at = strstr(text, was);
	char *out = NULL;

	if (at == NULL)
		fail_msg("there is no \"%s\"", was);
	assert_int_not_equal(asprintf(&out, "%.*s%s%s", (int)(at - text), text,
				 is, at + strlen(was)),
	    -1);
	return out;
}

/* The findings of a cf: how many, and a word of the first. */
static void
assert_wiring(const char *cf, const char *access, const char *relay, size_t all,
    const char *word)
{
	static char second[] = "smtp.second.test";
	struct smarthost sh[] = {
		{ .name = name,
		    .host = host,
		    .port = 587,
		    .recipient_limit = 50 },
		{ .name = name,
		    .host = second,
		    .port = 2525,
		    .recipient_limit = 100 },
	};
	struct netprefix office;
	const struct config conf = {
		.smarthost = sh,
		.nsmarthost = 2,
		.milter_socket = { "/run/postmeter/milter.sock" },
		.map_socket = { "/run/postmeter/map.sock" },
		.auth_socket = { "/run/postmeter/auth.sock" },
		.networks = { 1, &office },
	};
	const struct wiring w = { &conf, cf, access, relay,
		"root: al\nmyowner-x: al\n", "apply it" };
	json_t *list = json_array(), *n;
	size_t i;

	assert_int_equal(netprefix_parse("10.0.0.0/8", &office), 0);
	wiring_notes(&w, list);
	json_array_foreach (list, i, n)
		assert_string_not_equal(obj_str(n, "remedy"), "");
	if (json_array_size(list) != all ||
	    (all > 0 && strstr(obj_str(json_array_get(list, 0), "text"),
			    word) == NULL)) {
		char *text = json_dumps(list, JSON_INDENT(1));

		fail_msg("not %zu findings, the first of \"%s\":\n%s", all,
		    word, text);
	}
	json_decref(list);
}

static void
nothing_is_found_where_nothing_is_wrong(void **state)
{
	assert_wiring("", NULL, NULL, 0, NULL);
	assert_wiring(WHOLE, NULL, NULL, 0, NULL);
	assert_wiring(WHOLE,
	    "# a RELAY\nConnect:10.1 RELAY\n10.2.3.4\tRELAY\n"
	    "Connect:192.0.2.1 REJECT\n"
	    "AuthInfo:smtp.other.test \"U:x\"\n",
	    "# nobody\n\n", 0, NULL);
}

static void
each_way_to_spoil_it_is_told_with_a_remedy(void **state)
{
	static const struct {
		const char *was, *is, *word;
	} ways[] = {
		{ "Kroute socket", "#route socket", "no map route" },
		{ "Ktls socket", "Ktlz socket", "no map tls" },
		{ "Klogin socket", "Klogin hash", "no map login" },
		{ "Kleave socket", "Kleft socket", "no map leave" },
		{ "Krefused socket", "Kref socket", "no map refused" },
		{ "Kroute socket -f", "Kroute socket -o -f", "-o" },
		{ "Ktls socket -f", "Ktls socket", "-f" },
		{ "Kroute socket -f -q", "Kroute socket -f", "-q" },
		{ "Kleave socket -f -q -T<TMPF>", "Kleave socket -f -q", "-T" },
		{ "-q -t -T", "-q -T", "-t" },
		{ "/run/postmeter/map.sock", "/run/old/map.sock", "/run/old" },
		{ "<TMPF> unix:/run/postmeter/auth.sock",
		    "<TMPF> unix:/var/auth.sock", "/var/auth.sock" },
		{ "S=local:/run/postmeter", "S=local:/run/pm", "/run/pm" },
		{ "Xpostmeter,", "Xpostmaster,", "no filter" },
		{ "=clamav, postmeter", "=clamav", "InputMailFilters" },
		{ "clamav;postmeter", "clamav", "MSP" },
		{ "Mpm587, P=[IPC], m=1", "Mpm587, P=[IPC]", "m=1" },
		{ "Mpm587, P=[IPC], m=1", "Mpm587, P=[IPC], m=10", "m=1" },
		{ "r=50", "r=51", "51 recipients" },
		{ ", r=50", "", "100 recipients" },
		{ "Mpm2525,", "Mpm2526,", "no mailer pm2525" },
		{ "Sauthinfo\nR$*\t$: <$(sendmail $&i $)>\n", "",
		    "another ruleset authinfo" },
		{ "$(tls ", "$(tlz ", "how safe" },
		{ "$&{PmLogin}", "$1", "login was refused" },
		{ "$(route ", "$(rout ", "stock way" },
		{ "<x><$1>$&{dsn_envid} ", "<x>$1 ", "older postmeter" },
		{ "R[$*]\t$: $>PmRoute $1\n", "", "address literals" },
		{ "O PrivacyOptions",
		    "Qmany, P=/var/spool/mqueue, r=1\nO PrivacyOptions",
		    "queue group" },
		{ "Kroute socket", "Kmailertable hash /x\nKroute socket",
		    "mailertable" },
		{ "O PrivacyOptions",
		    "DSrelay:smtp.example.com\nO PrivacyOptions",
		    "SMART_HOST" },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char *cf = spoiled(WHOLE, ways[i].was, ways[i].is);

		assert_wiring(cf, NULL, NULL, 1, ways[i].word);
		free(cf);
	}
	assert_wiring(WHOLE, "Connect:192.0.2\tRELAY\n", NULL, 1, "192.0.2");
	assert_wiring(WHOLE, "AuthInfo:SMTP.example.com \"U:x\" \"P:y\"\n",
	    NULL, 1, "AuthInfo");
	assert_wiring(WHOLE, NULL, "partner.example\n", 1, "partner.example");
}

static void
aliases_that_lead_outside_are_told(void **state)
{
	static char office[] = "office.example", *local[] = { office };
	const struct config conf = {
		.map_socket = { "/run/postmeter/map.sock" },
		.milter_socket = { "/run/postmeter/milter.sock" },
		.auth_socket = { "/run/postmeter/auth.sock" },
		.local_domains = { 1, local },
	};
	struct wiring w = { &conf, WHOLE, NULL, NULL,
		"root: al@office.example\n# x: y@z.test\nteam: al, "
		"t1@customer.test,\n\tt2@customer.test\naway: <a@b.test>\n",
		"apply it" };
	json_t *list = json_array();

	wiring_notes(&w, list);
	assert_int_equal(json_array_size(list), 1);
	assert_non_null(strstr(obj_str(json_array_get(list, 0), "text"),
	    "3 lines of aliases lead outside, the first at team:"));
	w.aliases = "root: al\nowner-x: al@Office.Example\n";
	json_array_clear(list);
	wiring_notes(&w, list);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

/* --- the command --------------------------------------------------------- */

static struct {
	char dir[64];
	struct config conf;
	char *peers[1];
} house;

static char *
path_of(const char *file)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", house.dir, file);
	return path;
}

static void
write_file(const char *file, const char *text, mode_t mode)
{
	FILE *f = fopen(path_of(file), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path_of(file), mode), 0);
}

static void
assert_file(const char *file, const char *text)
{
	static char have[65536];
	FILE *f = fopen(path_of(file), "r");
	size_t n;

	assert_non_null(f);
	n = fread(have, 1, sizeof(have) - 1, f);
	have[n] = '\0';
	fclose(f);
	assert_string_equal(have, text);
}

static int
open_house(void **state)
{
	strcpy(house.dir, "/tmp/pm-mail-XXXXXX");
	if (mkdtemp(house.dir) == NULL)
		return -1;
	house.peers[0] = root;
	house.conf = (struct config){
		.milter_socket = { "/run/postmeter/milter.sock" },
		.map_socket = { "/run/postmeter/map.sock" },
		.auth_socket = { "/run/postmeter/auth.sock" },
		.auth_peers = { 1, house.peers },
	};
	write_file("sendmail.mc", debian, 0640);
	return 0;
}

static int
close_house(void **state)
{
	static const char *const files[] = { "sendmail.mc", "sendmail.cf",
		"postmeter-a.m4", "postmeter-b.m4", "link.mc", "Makefile" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(path_of(files[i]));
	return rmdir(house.dir);
}

/* Runs it; the number of changes that it told, or -1 for a failure. */
static int
setup(const char *how, int code)
{
	const struct ctl ctl = {
		.sendmail = house.dir,
		.apply = strcmp(how, "apply") == 0,
		.undo = strcmp(how, "undo") == 0,
		.check = strcmp(how, "check") == 0,
	};
	json_t *answer = NULL, *changes;
	int n;

	assert_int_equal(
	    ctl_setup_sendmail(&ctl, ctl.undo ? NULL : &house.conf, &answer),
	    code);
	assert_non_null(answer);
	changes = json_object_get(answer, "changes");
	n = changes == NULL ? -1 : (int)json_array_size(changes);
	json_decref(answer);
	return n;
}

static int
notes_of_check(void)
{
	const struct ctl ctl = { .sendmail = house.dir, .check = true };
	json_t *answer = NULL;
	int n;

	ctl_setup_sendmail(&ctl, &house.conf, &answer);
	n = (int)json_array_size(json_object_get(answer, "notes"));
	json_decref(answer);
	return n;
}

static void
showing_and_checking_change_nothing(void **state)
{
	assert_int_equal(setup("show", 0), 3);
	assert_int_equal(setup("check", 1), 3);
	assert_file("sendmail.mc", debian);
	assert_int_equal(access(path_of("postmeter-a.m4"), F_OK), -1);
}

static void
apply_writes_three_files_and_undo_takes_them_back(void **state)
{
	struct stat st;
	char *mc, *b = mc_part_b();
	struct why why;

	assert_int_equal(setup("apply", 0), 3);
	mc = mc_with(debian, house.dir, &why);
	assert_file("sendmail.mc", mc);
	assert_file("postmeter-b.m4", b);
	assert_int_equal(stat(path_of("sendmail.mc"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(path_of("postmeter-b.m4"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(setup("apply", 0), 0);
	assert_file("sendmail.mc", mc);
	assert_int_equal(setup("undo", 0), 3);
	assert_file("sendmail.mc", debian);
	assert_int_equal(access(path_of("postmeter-a.m4"), F_OK), -1);
	assert_int_equal(access(path_of("postmeter-b.m4"), F_OK), -1);
	assert_int_equal(stat(path_of("sendmail.mc"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(setup("undo", 0), 0);
	free(mc);
	free(b);
}

/* Debian's Makefile names what sendmail.mc includes, and needs it. */
static void
undo_leaves_the_parts_until_no_makefile_names_them(void **state)
{
	assert_int_equal(setup("apply", 0), 3);
	write_file(
	    "Makefile", "sendmail.cf: sendmail.mc postmeter-a.m4\n", 0644);
	assert_int_equal(setup("undo", 0), 3);
	assert_file("sendmail.mc", debian);
	assert_int_equal(access(path_of("postmeter-a.m4"), F_OK), 0);
	write_file("Makefile", "sendmail.cf: sendmail.mc\n", 0644);
	assert_int_equal(setup("undo", 0), 2);
	assert_int_equal(access(path_of("postmeter-a.m4"), F_OK), -1);
	assert_int_equal(access(path_of("postmeter-b.m4"), F_OK), -1);
}

static void
check_is_content_only_when_make_has_run(void **state)
{
	assert_int_equal(setup("apply", 0), 3);
	assert_int_equal(setup("check", 1), 0);
	write_file("sendmail.cf", GOOD_CF MAPS RULES, 0644);
	assert_int_equal(setup("check", 0), 0);
	write_file("postmeter-b.m4", "dnl somebody was here\n", 0644);
	assert_int_equal(setup("check", 1), 1);
	assert_int_equal(setup("apply", 0), 1);
	assert_int_equal(setup("check", 0), 0);
}

static void
check_sees_a_cf_that_shows_keys_and_apply_touches_it_again(void **state)
{
	char *cf;
	struct stat before, after;
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	assert_int_equal(setup("apply", 0), 3);
	write_file("sendmail.cf", GOOD_CF MAPS RULES, 0644);
	assert_int_equal(setup("check", 0), 0);
	cf = spoiled(GOOD_CF MAPS RULES, "noverb", "authwarnings");
	write_file("sendmail.cf", cf, 0644);
	free(cf);
	assert_int_equal(setup("check", 1), 0);
	assert_int_equal(
	    utimensat(AT_FDCWD, path_of("sendmail.mc"), old, 0), 0);
	assert_int_equal(stat(path_of("sendmail.mc"), &before), 0);
	assert_int_equal(setup("apply", 0), 0);
	assert_int_equal(stat(path_of("sendmail.mc"), &after), 0);
	assert_int_not_equal(after.st_mtime, before.st_mtime);
}

/* Before the files are what they should be the cf in force counts, too. */
static void
an_old_cf_is_told_beside_what_is_to_be_written(void **state)
{
	write_file("sendmail.cf", KEYS, 0644);
	assert_int_equal(notes_of_check(), 2);
	write_file("sendmail.cf", KEYS KEPT, 0644);
	assert_int_equal(notes_of_check(), 0);
}

static void
check_of_the_mail_server_finds_it(void **state)
{
	const struct ctl ctl = { .sendmail = house.dir };
	json_t *found = json_array(), *failure = NULL;

	assert_true(ctl_sendmail_here(&ctl));
	assert_false(ctl_sendmail_here(&(struct ctl){ .postfix = house.dir }));
	assert_int_equal(
	    ctl_sendmail_audit(&ctl, &house.conf, found, &failure), -1);
	assert_non_null(failure);
	json_decref(failure);
	write_file("sendmail.cf", GOOD_CF MAPS RULES, 0644);
	assert_int_equal(
	    ctl_sendmail_audit(&ctl, &house.conf, found, &failure), 0);
	assert_int_equal(json_array_size(found), 0);
	write_file("sendmail.cf", KEYS, 0644);
	assert_int_equal(
	    ctl_sendmail_audit(&ctl, &house.conf, found, &failure), 0);
	assert_true(json_array_size(found) > 3);
	json_decref(found);
}

static void
a_program_with_more_rights_is_told(void **state)
{
	json_t *list = json_array();

	write_file("link.mc", "", 0755);
	mc_program(path_of("link.mc"), list);
	mc_program("/nowhere", list);
	assert_int_equal(json_array_size(list), 0);
	write_file("link.mc", "", 04755);
	mc_program(path_of("link.mc"), list);
	assert_int_equal(json_array_size(list), 1);
	json_decref(list);
}

static void
a_link_is_followed_and_stays_a_link(void **state)
{
	char from[128], to[128];
	struct stat st;

	snprintf(from, sizeof(from), "%s", path_of("sendmail.mc"));
	snprintf(to, sizeof(to), "%s", path_of("link.mc"));
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(symlink("link.mc", from), 0);
	assert_int_equal(setup("apply", 0), 3);
	assert_int_equal(lstat(from, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(setup("undo", 0), 3);
	assert_file("link.mc", debian);
}

static void
a_machine_without_sendmail_is_told_so(void **state)
{
	unlink(path_of("sendmail.mc"));
	assert_int_equal(setup("show", 1), -1);
	assert_int_equal(setup("apply", 1), -1);
	assert_int_equal(setup("undo", 1), -1);
	write_file("sendmail.mc", "dnl nothing here\n", 0644);
	assert_int_equal(setup("apply", 1), -1);
	assert_int_equal(access(path_of("postmeter-a.m4"), F_OK), -1);
}

#define in_a_house(f)                                                          \
	cmocka_unit_test_setup_teardown(f, open_house, close_house)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    part_a_stands_before_the_mailers_and_part_b_behind_them),
		cmocka_unit_test(what_is_put_in_comes_out_byte_for_byte),
		cmocka_unit_test(doing_it_twice_changes_nothing_more),
		cmocka_unit_test(
		    a_mailer_added_behind_us_makes_part_b_move_to_the_end),
		cmocka_unit_test(a_mark_without_its_end_is_left_alone),
		cmocka_unit_test(
		    a_socket_path_that_m4_would_take_apart_is_refused),
		cmocka_unit_test(part_b_is_the_file_in_contrib),
		cmocka_unit_test(
		    each_thing_that_only_a_person_can_decide_is_told),
		cmocka_unit_test(
		    privacy_options_are_read_as_sendmail_reads_them),
		cmocka_unit_test(the_last_verbose_counts),
		cmocka_unit_test(whatever_shows_a_key_is_told),
		cmocka_unit_test(nothing_is_found_where_nothing_is_wrong),
		cmocka_unit_test(aliases_that_lead_outside_are_told),
		cmocka_unit_test(each_way_to_spoil_it_is_told_with_a_remedy),
		in_a_house(showing_and_checking_change_nothing),
		in_a_house(apply_writes_three_files_and_undo_takes_them_back),
		in_a_house(undo_leaves_the_parts_until_no_makefile_names_them),
		in_a_house(check_is_content_only_when_make_has_run),
		in_a_house(
		    check_sees_a_cf_that_shows_keys_and_apply_touches_it_again),
		in_a_house(an_old_cf_is_told_beside_what_is_to_be_written),
		in_a_house(check_of_the_mail_server_finds_it),
		in_a_house(a_program_with_more_rights_is_told),
		in_a_house(a_link_is_followed_and_stays_a_link),
		in_a_house(a_machine_without_sendmail_is_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
