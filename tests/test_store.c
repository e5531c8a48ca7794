/*
 * test_store.c - the contract, kept by the embedded store and by the table
 * alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "house.h"
#include "log.h"
#include "store_contract.h"
#include "tmpdir.h"

static struct config *
config_memory(void)
{
	return house_config(store_contract_policies);
}

static struct config *
config_sqlite(void)
{
	struct config *conf = house_config(store_contract_policies);

	tmpdir_empty();
	free(conf->store);
	if (asprintf(&conf->store, "sqlite:%s/s.db", tmpdir) == -1)
		abort();
	return conf;
}

static struct config *
config_power(void)
{
	struct config *conf = config_sqlite();

	conf->durability = DURABILITY_POWER;
	return conf;
}

int
main(void)
{
	static const struct store_maker makers[] = {
		{ "memory", false, config_memory },
		{ "sqlite", true, config_sqlite },
		{ "sqlite, power", true, config_power },
	};
	int rc = 0;

	log_open("test", LOG_LEVEL_ERROR);
	tmpdir_make();
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		rc |= store_contract_run(&makers[i]);
	tmpdir_remove();
	return rc;
}
