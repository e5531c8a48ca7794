/*
 * log_writer.h - a thread that writes the log, so that whoever reads it may be
 * slow, or stand still, and no answer to a mail server waits for that.
 */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of lines that may wait; what comes beyond is dropped, and counted. */
#define LOGWRITER_ROOM ((size_t)256 << 10)

/*
 * Lines go to fd from now on; start, which must last, begins those that tell
 * of dropped ones.  0, or -1: no thread is to be had.
 */
int	log_writer_start(int fd, const char *start);

/*
 * Takes a whole line over, newline included; never waits for the reader.
 * False if there is no writer: the caller writes it.
 */
bool	log_writer_put(const char *line, size_t len);

/*
 * Waits until all lines are written, at most timeout ms; then there is no
 * writer.  False if that did not suffice.
 */
bool	log_writer_end(int timeout);

#endif
