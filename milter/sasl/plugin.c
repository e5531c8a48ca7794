/*
 * plugin.c - libpostmeter-oauth.so: XOAUTH2 and OAUTHBEARER (RFC 7628) for
 * mail servers that log in through Cyrus SASL.
 *
 * The password is the access token, and the daemon sees to it that it is a
 * fresh one: nothing is fetched or kept here.  Every SASL client of the
 * machine loads this, so it must be inert unless it was asked for: it does not
 * claim SASL_SEC_NOANONYMOUS, and libsasl passes over a mechanism that lacks a
 * property that is wanted, as all mail servers want this one unless they are
 * told otherwise.
 *
 * Sendmail cannot carry a token as a password: there the password is a handle,
 * and the token is asked for at the daemon's auth socket.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#define TOKEN_MAX 16384
#define HANDLE "oauth2-ref:" /* then the socket's path, a blank, a name */
#define PATIENCE 10          /* seconds for the daemon's answer */
#define SHOWN 200            /* bytes of a challenge in the log */

enum mech { XOAUTH2, OAUTHBEARER };

struct login {
	enum mech mech;
	bool answered; /* the token was sent: what comes now is a refusal */
	char *response;
	size_t size; /* of response, allocated */
};

static const char dummy[] = "\001"; /* RFC 7628 3.2.3 */

/* --- a token by its handle ----------------------------------------------- */

/* dial - a socket that only its owner, who answers there, could have made */
static int
dial(const char *path, size_t len)
{
	const struct timeval wait = { .tv_sec = PATIENCE };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct stat st;
	int fd;

	if (len == 0 || len >= sizeof(sa.sun_path) || path[0] != '/')
		return -1;
	memcpy(sa.sun_path, path, len);
	if (lstat(sa.sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0 &&
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    (peer.uid == 0 || peer.uid == st.st_uid))
		return fd;
	close(fd);
	return -1;
}

/* sasl_take - the data of "LEN:OK DATA," (socketmap_table(5)); its length, 0:
 * none
 */
static size_t
sasl_take(char *buf, size_t n)
{
	size_t len = 0, i = 0;

	while (i < n && i < 6 && buf[i] >= '0' && buf[i] <= '9')
		len = 10 * len + (size_t)(buf[i++] - '0');
	if (i == 0 || i >= n || buf[i] != ':' || n - i - 1 != len + 1 ||
	    buf[n - 1] != ',' || len <= 3 || memcmp(buf + i + 1, "OK ", 3) != 0)
		return 0;
	memmove(buf, buf + i + 4, len - 3);
	buf[len - 3] = '\0';
	return len - 3;
}

/* fetch - the token behind "PATH NAME" into buf; its length, 0: there is none
 */
static size_t
fetch(const char *handle, size_t len, char *buf, size_t size)
{
	const char *blank = memchr(handle, ' ', len);
	const size_t path = blank == NULL ? 0 : (size_t)(blank - handle);
	const size_t name = blank == NULL ? 0 : len - path - 1;
	char ask[128], text[100];
	size_t n = 0;
	ssize_t got = 1;
	int fd;

	if (name == 0 || name > 64 || (fd = dial(handle, path)) == -1)
		return 0;
	snprintf(text, sizeof(text), "token %.*s", (int)name, blank + 1);
	snprintf(ask, sizeof(ask), "%zu:%s,", strlen(text), text);
	if (send(fd, ask, strlen(ask), MSG_NOSIGNAL) == (ssize_t)strlen(ask))
		while (n < size && got > 0 && (n == 0 || buf[n - 1] != ',')) {
			got = recv(fd, buf + n, size - n, 0);
			n += got > 0 ? (size_t)got : 0;
		}
	close(fd);
	return sasl_take(buf, n);
}

/* --- the response -------------------------------------------------------- */

/* is_fit - nothing in it could end the field that it stands in */
static bool
is_fit(const char *p, size_t len, size_t most)
{
	if (len == 0 || len > most)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
			return false;
	return true;
}

/* put_user - in OAUTHBEARER as a saslname (RFC 5801 4) */
static char *
put_user(char *to, const char *user, enum mech mech)
{
	for (; *user != '\0'; user++)
		if (mech == OAUTHBEARER && (*user == ',' || *user == '='))
			to = stpcpy(to, *user == ',' ? "=2C" : "=3D");
		else
			*to++ = *user;
	return to;
}

static int
sasl_compose(struct login *l, const sasl_utils_t *utils, const char *user,
    const char *token, size_t len)
{
	char *p;

	l->size = 3 * strlen(user) + len + 64;
	l->response = utils->malloc(l->size);
	if (l->response == NULL)
		return SASL_NOMEM;
	p = stpcpy(l->response, l->mech == XOAUTH2 ? "user=" : "n,a=");
	p = put_user(p, user, l->mech);
	p = stpcpy(
	    p, l->mech == XOAUTH2 ? "\001auth=Bearer " : ",\001auth=Bearer ");
	p = mempcpy(p, token, len);
	stpcpy(p, "\001\001");
	return SASL_OK;
}

/* --- Cyrus SASL ---------------------------------------------------------- */

static int
ask_user(const sasl_utils_t *utils, const char **user_r)
{
	sasl_getsimple_t *get;
	void *context;
	int rc = utils->getcallback(
	    utils->conn, SASL_CB_AUTHNAME, (sasl_callback_ft *)&get, &context);

	if (rc != SASL_OK || get == NULL)
		return SASL_BADPARAM;
	rc = get(context, SASL_CB_AUTHNAME, user_r, NULL);
	if (rc != SASL_OK || *user_r == NULL ||
	    !is_fit(*user_r, strlen(*user_r), 1024))
		return SASL_BADPARAM;
	return SASL_OK;
}

static int
ask_secret(const sasl_utils_t *utils, sasl_secret_t **secret_r)
{
	sasl_getsecret_t *get;
	void *context;
	int rc = utils->getcallback(
	    utils->conn, SASL_CB_PASS, (sasl_callback_ft *)&get, &context);

	if (rc != SASL_OK || get == NULL)
		return SASL_BADPARAM;
	rc = get(utils->conn, context, SASL_CB_PASS, secret_r);
	return rc != SASL_OK || *secret_r == NULL ? SASL_BADPARAM : SASL_OK;
}

static int
respond(struct login *l, const sasl_utils_t *utils, const char *user,
    const sasl_secret_t *secret)
{
	const char *token = (const char *)secret->data;
	const size_t mark = strlen(HANDLE);
	char fetched[TOKEN_MAX + 64];
	size_t len = secret->len;
	int rc;

	if (len >= mark && memcmp(token, HANDLE, mark) == 0) {
		len = fetch(
		    token + mark, len - mark, fetched, sizeof(fetched) - 1);
		token = fetched;
		if (len == 0)
			utils->log(utils->conn, SASL_LOG_ERR,
			    "postmeter: no token could be had: see postmeter's log");
	}
	rc = is_fit(token, len, TOKEN_MAX)
		 ? sasl_compose(l, utils, user, token, len)
		 : SASL_BADPARAM;
	explicit_bzero(fetched, sizeof(fetched));
	return rc;
}

/* told - the server's refusal, which has no secret in it, for the log */
static void
told(const sasl_utils_t *utils, const char *said, unsigned len)
{
	char text[SHOWN + 1];
	size_t n = len < SHOWN ? len : SHOWN;

	for (size_t i = 0; i < n; i++)
		text[i] = said[i] < ' ' || said[i] > '~' ? '?' : said[i];
	text[n] = '\0';
	utils->log(utils->conn, SASL_LOG_WARN, "server says %s", text);
}

/* mech_step - the first challenge is empty, a second one is a refusal */
static int
/* NOLINTNEXTLINE(readability-function-size): libsasl's own signature */
mech_step(void *context, sasl_client_params_t *params, const char *in,
    unsigned in_len, sasl_interact_t **prompts, const char **out,
    unsigned *out_len, sasl_out_params_t *oparams)
{
	struct login *l = context;
	sasl_secret_t *secret = NULL;
	const char *user = NULL;
	int rc;

	(void)prompts;
	*out = NULL;
	*out_len = 0;
	if (l->answered) {
		told(params->utils, in == NULL ? "" : in,
		    in == NULL ? 0 : in_len);
		*out = l->mech == XOAUTH2 ? "" : dummy;
		*out_len = l->mech == XOAUTH2 ? 0 : 1;
		oparams->doneflag = 1;
		return SASL_OK;
	}
	rc = ask_user(params->utils, &user);
	if (rc == SASL_OK)
		rc = ask_secret(params->utils, &secret);
	if (rc == SASL_OK)
		rc = params->canon_user(params->utils->conn, user, 0,
		    SASL_CU_AUTHID | SASL_CU_AUTHZID, oparams);
	if (rc == SASL_OK)
		rc = respond(l, params->utils, user, secret);
	/* No layer: what comes after the login goes as it is. */
	oparams->mech_ssf = 0;
	oparams->maxoutbuf = 0;
	oparams->encode = NULL;
	oparams->decode = NULL;
	if (rc != SASL_OK) {
		params->utils->seterror(params->utils->conn, 0,
		    "postmeter: user name or token are missing or malformed");
		return rc;
	}
	l->answered = true;
	*out = l->response;
	*out_len = (unsigned)strlen(l->response);
	return SASL_CONTINUE;
}

static int
mech_new(void *glob, sasl_client_params_t *params, void **context_r)
{
	struct login *l = params->utils->malloc(sizeof(*l));

	if (l == NULL)
		return SASL_NOMEM;
	*l = (struct login){ .mech = *(const enum mech *)glob };
	*context_r = l;
	return SASL_OK;
}

static void
mech_dispose(void *context, const sasl_utils_t *utils)
{
	struct login *l = context;

	if (l == NULL)
		return;
	if (l->response != NULL) {
		explicit_bzero(l->response, l->size);
		utils->free(l->response);
	}
	utils->free(l);
}

static enum mech kinds[] = { XOAUTH2, OAUTHBEARER };

/*
 * The server speaks first: so the token goes on a line of its own, as long as
 * it is (RFC 4954 4 bounds the command line to 512 octets).
 */
#define MECHANISM(kind)                                                        \
	.max_ssf = 0, .security_flags = SASL_SEC_PASS_CREDENTIALS,             \
	.features = SASL_FEAT_SERVER_FIRST | SASL_FEAT_ALLOWS_PROXY,           \
	.glob_context = &kinds[kind], .mech_new = mech_new,                    \
	.mech_step = mech_step, .mech_dispose = mech_dispose

static sasl_client_plug_t mechanisms[] = {
	{ .mech_name = "XOAUTH2", MECHANISM(XOAUTH2) },
	{ .mech_name = "OAUTHBEARER", MECHANISM(OAUTHBEARER) },
};

__attribute__((visibility("default"))) int sasl_client_plug_init(
    const sasl_utils_t *utils, int max, int *version_r,
    sasl_client_plug_t **list_r, int *count_r);

int
sasl_client_plug_init(const sasl_utils_t *utils, int max, int *version_r,
    sasl_client_plug_t **list_r, int *count_r)
{
	(void)utils;
	if (max < SASL_CLIENT_PLUG_VERSION)
		return SASL_BADVERS;
	*version_r = SASL_CLIENT_PLUG_VERSION;
	*list_r = mechanisms;
	*count_r = sizeof(mechanisms) / sizeof(mechanisms[0]);
	return SASL_OK;
}
