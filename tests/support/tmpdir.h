/*
 * tmpdir.h - one directory for a test program's files, flat, gone at the end.
 */
#ifndef TMPDIR_H
#define TMPDIR_H

extern char tmpdir[];

void	tmpdir_make(void);

void	tmpdir_empty(void);

void	tmpdir_remove(void);

#endif
