/*
 * house.h - a small office for tests: a configuration from text, a store in
 * memory, and a clock that stands still until it is moved.
 *
 * A test that wants the clock links support/house_clock.o, which takes the place
 * of clock.c.
 */
#ifndef HOUSE_H
#define HOUSE_H

#include <stdint.h>

#include "clock.h"
#include "config.h"
#include "snapshot.h"
#include "store.h"
#include "why.h"

/* 2026-03-02 09:00:00 UTC, a Monday. */
#define MONDAY (INT64_C(1772442000) * SECOND)

extern _Atomic int64_t house_time;	/* servers have threads */

#define HOUSE_FRAME							\
	"milter-socket = \"unix:/tmp/pm/milter.sock\"\n"		\
	"map-socket = \"unix:/tmp/pm/map.sock\"\n"			\
	"auth-socket = \"unix:/tmp/pm/auth.sock\"\n"			\
	"control-socket = \"unix:/tmp/pm/control.sock\"\n"		\
	"store = \"memory:\"\n"						\
	"time-zone = \"Europe/Kyiv\"\n"					\
	"networks = {\"127.0.0.0/8\", \"10.0.0.0/8\"}\n"		\
	"local-domains = {\"office.example\"}\n"

extern const struct store_env house_env;

/* HOUSE_FRAME and the text; a mistake ends the test. */
struct config *house_config(const char *text);

/* conf->store; a failure ends the test. */
struct store *house_store(const struct config *conf);

#endif
