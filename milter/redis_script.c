/*
 * redis_script.c - store_redis.lua within the daemon: the two are of one
 * version, always.
 */
#include "redis_script.h"

const char redis_script[] =
#include "milter/store_redis.inc"
    ;
