/*
 * log.h - the one way to say something to the administrator.
 *
 * Lines go to stderr, with the priority prefix of sd-daemon(3) when stderr is
 * the journal.  One event is one line: callers pass foreign bytes through
 * escape() first.  No function here ever prints a secret; none is given one.
 */
#ifndef LOG_H
#define LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG };

/* Call once, before the first thread.  Lines above level are dropped. */
void	log_open(const char *program, enum log_level level);

/*
 * From now on a thread writes the lines, so that nobody waits for whoever
 * reads them; what he cannot keep up with is dropped, and he is told.  0, or
 * -1: no thread is to be had, and each line is written as before.
 */
int	log_start(void);

/* Waits for that thread, at most timeout ms; nothing may be said after it. */
void	log_end(int timeout);

void	log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
