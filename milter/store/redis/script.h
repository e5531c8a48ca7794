/* redis_script.h - store_redis.lua, as it was when the daemon was built. */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

/* NUL-terminated. */
extern const char redis_script[];

#endif
