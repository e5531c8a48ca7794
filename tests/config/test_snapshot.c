/*
 * test_snapshot.c - a configuration lives as long as somebody holds it.
 *
 * What config.c does of that is done here too, and counts; what is used after
 * it, the sanitizers see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "random.h"
#include "snapshot.h"

static atomic_int freed;

const struct config *
config_hold(const struct config *conf)
{
	((struct config *)(uintptr_t)conf)->holders++;
	return conf;
}

void
config_release(const struct config **cp)
{
	struct config *conf = (struct config *)(uintptr_t)*cp;

	*cp = NULL;
	config_free(&conf);
}

void
config_free(struct config **cp)
{
	if (*cp == NULL || (*cp)->holders-- > 0)
		return;
	(*cp)->npolicy = 0;
	free(*cp);
	*cp = NULL;
	freed++;
}

#define WHOLE 4711 /* npolicy of a configuration that is not freed */

static struct config *
new_config(void)
{
	struct config *conf = calloc(1, sizeof(*conf));

	assert_non_null(conf);
	conf->npolicy = WHOLE;
	return conf;
}

static void
the_one_before_goes_when_nobody_holds_it(void **state)
{
	struct config *first = new_config(), *second = new_config();
	const struct config *a, *b, *c;

	snapshot_publish(first);
	freed = 0;
	a = snapshot_hold();
	b = snapshot_hold();
	assert_ptr_equal(a, first);
	assert_ptr_equal(b, first);
	snapshot_publish(second);
	c = snapshot_hold();
	assert_ptr_equal(c, second);
	assert_int_equal(a->npolicy, WHOLE);
	snapshot_release(&a);
	assert_null(a);
	assert_int_equal(freed, 0);
	snapshot_release(&b);
	assert_int_equal(freed, 1);
	snapshot_release(&c);
	assert_int_equal(freed, 1);
}

static void
one_that_nobody_held_goes_at_once(void **state)
{
	snapshot_publish(new_config());
	freed = 0;
	snapshot_publish(new_config());
	assert_int_equal(freed, 1);
}

static void
several_old_ones_may_be_held(void **state)
{
	const struct config *held[8];

	snapshot_publish(new_config());
	freed = 0;
	for (int i = 0; i < 8; i++) {
		held[i] = snapshot_hold();
		snapshot_publish(new_config());
	}
	assert_int_equal(freed, 0);
	for (int i = 0; i < 8; i += 2)
		snapshot_release(&held[i]);
	assert_int_equal(freed, 4);
	for (int i = 7; i > 0; i -= 2)
		snapshot_release(&held[i]);
	assert_int_equal(freed, 8);
}

static atomic_bool wrong;

static void *
hold_and_look(void *arg)
{
	for (size_t n = *(size_t *)arg; n > 0; n--) {
		const struct config *conf = snapshot_hold();

		if (conf->npolicy != WHOLE)
			wrong = true;
		snapshot_release(&conf);
	}
	return NULL;
}

static void
a_reload_never_takes_a_configuration_from_under_a_thread(void **state)
{
	size_t rounds = random_rounds(20000);
	pthread_t thread[4];

	snapshot_publish(new_config());
	freed = 0;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, hold_and_look, &rounds),
		    0);
	for (int i = 0; i < 500; i++)
		snapshot_publish(new_config());
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_false(wrong);
	assert_int_equal(freed, 500);
}

/* The last one: for the leak checkers. */
static int
drop(void **state)
{
	const struct config *last = snapshot_hold(), *again = last;

	snapshot_release(&last);
	snapshot_release(&again); /* the current one's own hold */
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_before_goes_when_nobody_holds_it),
		cmocka_unit_test(one_that_nobody_held_goes_at_once),
		cmocka_unit_test(several_old_ones_may_be_held),
		cmocka_unit_test(
		    a_reload_never_takes_a_configuration_from_under_a_thread),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, drop);
}
