/*
 * by.h - who does it, when and why, in the place where it is done.
 */
#ifndef BY_H
#define BY_H

#include "store.h"

#define BY(now, actor, text) (&(const struct audit){ now, actor, text })

#endif
