/*
 * local.h - the stores of one daemon: in files, or in memory only.
 */
#ifndef LOCAL_H
#define LOCAL_H

#include "backend.h"

extern const struct store_backend store_sqlite, store_memory;

#endif
