/*
 * name.h - what may be a name, of a policy, a smarthost, a secret.
 */
#ifndef NAME_H
#define NAME_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_OF_ANY "letters, digits, -, _ and ."
#define NAME_OF_SERVICE "a-z, 0-9 and -"

/*
 * Would it do as a name that logs, keys and commands can bear: 1 to most of
 * NAME_OF_ANY (service: of NAME_OF_SERVICE, for Postfix), the first not "-"?
 */
bool	name_is_good(const char *name, bool service, size_t most);

#endif
