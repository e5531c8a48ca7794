/*
 * test_store_fail.c - a store that could not know: nothing passes unmetered
 * unless the configuration asked for it by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "digest.h"
#include "house.h"
#include "meter.h"
#include "routing.h"
#include "store_fail.h"

static struct store_fail fail;

static void
ask(const char *text, struct outcome *preview_r, struct outcome *charge_r)
{
	struct config *conf = house_config(text);
	struct txn t = { .bytes = 0 };
	struct mailaddr sender;

	mailaddr_canon(&sender, "al@office.example", 17, "+");
	netaddr_parse("10.0.0.1", &t.client);
	t.sender = sender;
	assert_int_equal(txn_add(&t, 7, WAY_ROUTED), 0);
	meter_preview(&(struct desk){ .conf = conf, .store = &fail.store }, &t,
	    MONDAY, preview_r);
	meter_charge(&(struct desk){ .conf = conf, .store = &fail.store }, &t,
	    MONDAY, charge_r);
	txn_end(&t);
	config_free(&conf);
}

#define RULE                                                                   \
	"policy \"p\" { messages = {\"5/24h\"} }\n"                            \
	"rule \"r\" { policies = {\"p\"} }\n"

static void
could_not_know_waits(void **state)
{
	struct outcome preview, charge;

	store_fail_init(&fail, STORE_FAILED);
	ask(RULE, &preview, &charge);
	assert_int_equal(preview.verdict, VERDICT_UNAVAILABLE);
	assert_int_equal(charge.verdict, VERDICT_UNAVAILABLE);
	assert_string_equal(charge.why.text, "the disk is full");
	assert_false(charge.unmetered);
}

static void
a_charge_in_doubt_defers(void **state)
{
	struct outcome preview, charge;

	store_fail_init(&fail, STORE_UNCERTAIN);
	ask(RULE, &preview, &charge);
	assert_int_equal(charge.verdict, VERDICT_UNAVAILABLE);
}

static void
unmetered_mail_passes_only_if_asked_for_by_name(void **state)
{
	struct outcome preview, charge;

	store_fail_init(&fail, STORE_FAILED);
	ask("on-store-failure = \"accept\"\n" RULE, &preview, &charge);
	assert_int_equal(preview.verdict, VERDICT_PASS);
	assert_int_equal(charge.verdict, VERDICT_PASS);
	assert_true(charge.unmetered);
}

static void
a_route_that_cannot_be_known_is_no_route(void **state)
{
	struct config *conf = house_config(RULE);
	const struct smarthost *sh;
	struct mailaddr sender;
	struct why why;

	store_fail_init(&fail, STORE_FAILED);
	mailaddr_canon(&sender, "al@office.example", 17, "+");
	assert_int_equal(routing_of_sender(&(struct desk){ .conf = conf,
					       .store = &fail.store },
			     &sender, MONDAY, &sh, &why),
	    ROUTE_UNKNOWN);
	config_free(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(could_not_know_waits),
		cmocka_unit_test(a_charge_in_doubt_defers),
		cmocka_unit_test(
		    unmetered_mail_passes_only_if_asked_for_by_name),
		cmocka_unit_test(a_route_that_cannot_be_known_is_no_route),
	};

	return cmocka_run_group_tests_name("store_fail", tests, NULL, NULL);
}
