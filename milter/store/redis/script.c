/*
 * script.c - script.lua within the daemon: the two are of one version, always.
 */
#include "script.h"

const char redis_script[] =
#include "milter/store/redis/script.inc"
    ;
