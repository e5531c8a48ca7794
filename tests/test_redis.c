/*
 * test_redis.c - the contract, kept by the shared store; that its script and
 * the engine are one; and its bad days.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "house.h"
#include "log.h"
#include "redis_server.h"
#include "store_contract.h"
#include "store_redis.h"
#include "tmpdir.h"

static struct redis_server server;

static struct config *
config_redis(void)
{
	struct config *conf = house_config(store_contract_policies);

	assert_true(redis_tell(&server, "FLUSHALL"));
	free(conf->store);
	if (asprintf(&conf->store, "redis+unix://%s?db=3", server.socket) == -1)
		abort();
	return conf;
}

int
main(void)
{
	static const struct store_maker maker = { "redis", true, config_redis };
	int rc = 0;

	if (!redis_is_installed()) {
		printf("redis-server is not installed: nothing tested\n");
		return 0;
	}
	log_open("test", LOG_LEVEL_ERROR);
	store_redis_callers_time = true;
	tmpdir_make();
	redis_start(&server, tmpdir, "redis", NULL);
	rc |= store_contract_run(&maker);
	redis_kill(&server);
	tmpdir_remove();
	return rc;
}
