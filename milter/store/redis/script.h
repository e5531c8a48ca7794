/* script.h - script.lua, as it was when the daemon was built. */
#ifndef SCRIPT_H
#define SCRIPT_H

/* NUL-terminated. */
extern const char redis_script[];

#endif
