/*
 * cmd_web.c - `postmeterctl web`: an address of the page that opens it once.
 *
 * The page leaves its key where only root and its own user can read it; who
 * can read it may make addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "seal.h"
#include "tool.h"

/* read_key - "HEX PORT"; -1 if it cannot be read, or is something else */
static int
read_key(const char *path, struct seal_key *key_r, unsigned *port_r)
{
	const int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[128];
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	errno = EINVAL;
	if (n <= 2 * SEAL_KEY)
		return -1;
	text[n] = '\0';
	for (size_t i = 0; i < SEAL_KEY; i++)
		if (sscanf(text + 2 * i, "%2hhx", &key_r->byte[i]) != 1)
			return -1;
	return sscanf(text + (size_t)2 * SEAL_KEY, " %u", port_r) == 1 ? 0 : -1;
}

int
ctl_web(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, answer_r);
	char token[SEAL_TEXT];
	struct seal_key key;
	unsigned port;

	if (conf == NULL)
		return EX_CONFIG;
	if (read_key(conf->web_key, &key, &port) == -1) {
		*answer_r = ctl_failure(
		    errno == EACCES
			? "run postmeterctl as root"
			: "start it there: postmeter-web --listen 127.0.0.1:8025",
		    "no page listens on loopback: %s: %s", conf->web_key,
		    strerror(errno));
		config_free(&conf);
		return 1;
	}
	config_free(&conf);
	if (seal_write(&key, "token", "", clock_now(), token) == -1) {
		*answer_r = ctl_failure("", "memory is out");
		return EX_OSERR;
	}
	*answer_r = json_pack("{s:b, s:o}", "ok", 1, "address",
	    json_sprintf("http://127.0.0.1:%u/?token=%s", port, token));
	return EX_OK;
}

void
text_web(const struct screen *sc, const json_t *answer)
{
	fprintf(sc->out, "%s\n", obj_str(answer, "address"));
}
