/*
 * redis.h - the store of several daemons, on a Redis or Valkey.
 */
#ifndef REDIS_H
#define REDIS_H

#include "backend.h"

extern const struct store_backend store_redis;

#endif
