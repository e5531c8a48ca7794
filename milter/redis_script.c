/*
 * redis_script.c - store_redis.lua within the daemon: the two are of one
 * version, always.
 */
#include "redis_script.h"

__asm__(".pushsection .rodata\n"
	".global redis_script\n"
	".type redis_script, @object\n"
	"redis_script:\n"
	".incbin \"milter/store_redis.lua\"\n"
	".byte 0\n"
	".size redis_script, . - redis_script\n"
	".popsection\n");
