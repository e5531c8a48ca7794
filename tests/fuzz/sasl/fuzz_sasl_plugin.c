/*
 * fuzz_sasl_plugin.c - whatever user, token and challenge are, one response at
 * most, well formed, and nothing of the token in the log.
 *
 * Input: a byte for the mechanism, then user, token, challenge, a newline
 * between them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int sasl_client_plug_init(const sasl_utils_t *utils, int max, int *version_r,
    sasl_client_plug_t **list_r, int *count_r);

static char user[2048];
static union {
	sasl_secret_t s;
	char buf[20000];
} secret;

static int
get_user(void *context, int id, const char **result, unsigned *len)
{
	*result = user;
	return SASL_OK;
}

static int
get_secret(sasl_conn_t *conn, void *context, int id, sasl_secret_t **s)
{
	*s = &secret.s;
	return SASL_OK;
}

#define CALL(f) ((sasl_callback_ft)(void (*)(void))(f))

static int
get_callback(
    sasl_conn_t *conn, unsigned long id, sasl_callback_ft *proc, void **context)
{
	*proc = id == SASL_CB_PASS ? CALL(get_secret) : CALL(get_user);
	return SASL_OK;
}

static void
take_log(sasl_conn_t *conn, int level, const char *fmt, ...)
{
}

static void
take_error(sasl_conn_t *conn, unsigned flags, const char *fmt, ...)
{
}

static int
canon(sasl_conn_t *conn, const char *in, unsigned len, unsigned flags,
    sasl_out_params_t *oparams)
{
	return SASL_OK;
}

static void *
get_memory(size_t n)
{
	return malloc(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const sasl_utils_t utils = { .getcallback = get_callback,
		.log = take_log,
		.seterror = take_error,
		.malloc = get_memory,
		.free = free };
	sasl_client_params_t params = { .utils = &utils, .canon_user = canon };
	sasl_out_params_t oparams = { .doneflag = 0 };
	sasl_client_plug_t *list;
	const uint8_t *a, *b;
	const char *out;
	unsigned len;
	int n, version;
	void *context;

	if (size < 3 || (a = memchr(data + 1, '\n', size - 1)) == NULL ||
	    (b = memchr(a + 1, '\n', size - (size_t)(a + 1 - data))) == NULL ||
	    (size_t)(a - data) >= sizeof(user) || b - a > 17000)
		return 0;
	memcpy(user, data + 1, (size_t)(a - data - 1));
	user[a - data - 1] = '\0';
	secret.s.len = (unsigned long)(b - a - 1);
	memcpy(secret.s.data, a + 1, secret.s.len);
	if (memmem(a, (size_t)(b - a), "oauth2-ref:", 11) == a + 1)
		return 0; /* it would ask the machine */
	if (sasl_client_plug_init(&utils, 4, &version, &list, &n) != SASL_OK)
		abort();
	list += data[0] % n;
	if (list->mech_new(list->glob_context, &params, &context) != SASL_OK)
		return 0;
	if (list->mech_step(context, &params, "", 0, NULL, &out, &len,
		&oparams) == SASL_CONTINUE) {
		if (memchr(out, '\n', len) != NULL || len < 16 ||
		    memcmp(out + len - 2, "\001\001", 2) != 0)
			abort();
		if (list->mech_step(context, &params, (const char *)b + 1,
			(unsigned)(size - (size_t)(b + 1 - data)), NULL, &out,
			&len, &oparams) != SASL_OK ||
		    len > 1)
			abort();
	}
	list->mech_dispose(context, &utils);
	return 0;
}
