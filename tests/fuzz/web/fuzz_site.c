/*
 * fuzz_site.c - any request at the page: a target, header fields and a body,
 * one a line.  No fault, an answer that has a status, and nothing of the
 * request becomes markup.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "daemon.h"
#include "web/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW (INT64_C(1764072000) * SECOND)

/* The daemon of this page repeats what it was asked. */
json_t *
daemon_ask(const struct unix_socket *ep, const json_t *request, int wait)
{
	(void)ep;
	(void)wait;
	return json_pack("{s:b, s:O, s:[O], s:[O]}", "ok",
	    json_object_get(request, "for") == NULL, "error",
	    json_object_get(request, "command"), "counters", request, "entries",
	    request);
}

/* line - the next one, closed by a NUL; NULL if there is none */
static char *
line(char **at)
{
	char *start = *at, *end;

	if (start == NULL)
		return NULL;
	end = strchr(start, '\n');
	*at = end != NULL ? end + 1 : NULL;
	if (end != NULL)
		*end = '\0';
	return start;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char star[] = "*", *all[] = { star };
	static struct config conf;
	static struct site site;
	static char form_token[SEAL_TEXT];
	struct web_request rq = { .method = "GET", .body = "" };
	struct web_response rs = { .status = 0 };
	char *text, *at, *l;
	char body[FORM_BYTES];

	if (site.view == NULL) {
		conf.web_readers = conf.web_actors =
		    (struct names){ .n = 1, .v = all };
		site.conf = &conf;
		site.view =
		    view_new(&(const struct unix_socket){ .path = "/nowhere" });
		(void)guard_form_token(&site.guard, "a", NOW, form_token);
	}
	text = at = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	rq.target = line(&at);
	for (int i = 0; i < WEB_FIELDS && (l = line(&at)) != NULL; i++)
		if (l[0] != '\0')
			rq.field[i] = (struct field){ 1, l };
	if (at != NULL) {
		/* A good token, for the fuzzer cannot make one up. */
		rq.method = "POST";
		rq.body_len = (size_t)snprintf(
		    body, sizeof(body), "token=%s&%s", form_token, at);
		if (rq.body_len >= sizeof(body))
			rq.body_len = sizeof(body) - 1;
		rq.body = body;
	}
	site_answer(&site, &rq, NOW, &rs);
	if (rs.status < 200 || rs.status > 599)
		abort();
	if (rs.body.p != NULL && strstr(rs.body.p, "<fuzz") != NULL)
		abort();
	html_free(&rs.body);
	free(text);
	return 0;
}
