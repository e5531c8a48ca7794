/*
 * log.c - the one way to say something to the administrator.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "log_writer.h"

#define LINE 2048 /* bytes; a longer line is cut */

/* How a line of each level starts, for whoever reads stderr. */
static char start[][32] = {
	"postmeter: ", "postmeter: ", "postmeter: ", "postmeter: "
};
static enum log_level threshold = LOG_LEVEL_INFO;

/* is_journal - is stderr the stream that systemd named in the environment? */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	       st.st_ino == ino;
}

void
log_open(const char *program, enum log_level level)
{
	/* The priorities of syslog(3), as sd-daemon(3) wants them. */
	static const char priority[][4] = { "<3>", "<4>", "<6>", "<7>" };
	const bool journal = is_journal();

	threshold = level;
	for (int i = 0; i <= LOG_LEVEL_DEBUG; i++)
		snprintf(start[i], sizeof(start[i]), "%s%s",
		    journal ? priority[i] : program, journal ? "" : ": ");
}

int
log_start(void)
{
	return log_writer_start(STDERR_FILENO, start[LOG_LEVEL_WARN]);
}

void
log_end(int timeout)
{
	(void)log_writer_end(timeout);
}

static void log_say(enum log_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* log_say - one line, one write: lines of two threads never mix */
static void
log_say(enum log_level level, const char *fmt, va_list ap)
{
	int saved = errno;
	char line[LINE];
	size_t len;

	if (level > threshold)
		return;
	len = strlen(strcpy(line, start[level]));
	(void)vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	len = strlen(line);
	line[len++] = '\n';
	if (!log_writer_put(line, len))
		(void)!write(STDERR_FILENO, line, len);
	errno = saved;
}

#define SAYS(function, level)                                                  \
	void function(const char *fmt, ...)                                    \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		log_say(level, fmt, ap);                                       \
		va_end(ap);                                                    \
	}

SAYS(log_error, LOG_LEVEL_ERROR)
SAYS(log_warn, LOG_LEVEL_WARN)
SAYS(log_info, LOG_LEVEL_INFO)
SAYS(log_debug, LOG_LEVEL_DEBUG)
