/*
 * sighting.h - one sender that somebody waits for: the proof that what comes
 * in at a listener of the mail server reaches the milter.
 *
 * Only `postmeterctl setup postfix --prove` expects one, with a name that
 * nobody has.  Every function may be called from any thread; while nobody
 * waits, a note costs one read.
 */
#ifndef SIGHTING_H
#define SIGHTING_H

/* Waits for that canonical sender, and no longer for another; "": nobody. */
void	sighting_expect(const char *sender);

/* A transaction of that canonical sender began. */
void	sighting_note(const char *sender);

/* How many since then; 0 if another is waited for. */
unsigned sighting_count(const char *sender);

#endif
