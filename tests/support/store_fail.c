/*
 * store_fail.c - a backend of the contract that could not know, and says so.
 */
#include <stdio.h>
#include <string.h>

#include "store_fail.h"

static struct store_fail *
store_fail_of(struct store *s)
{
	return (struct store_fail *)s;
}

static enum store_answer
store_fail_bill(struct store *s, struct why *why)
{
	struct store_fail *f = store_fail_of(s);

	f->asked++;
	why_set(why, STORE_FAIL_WHY);
	return f->answer;
}

static enum store_answer
store_fail_charge(struct store *s, const struct bill *bill, const char *bound,
    struct decision *d_r, struct why *why)
{
	return store_fail_bill(s, why);
}

static enum store_answer
store_fail_preview(struct store *s, const struct bill *bill,
    struct decision *d_r, struct why *why)
{
	return store_fail_bill(s, why);
}

static enum store_answer
store_fail_bound(struct store *s, const char *bound, int64_t now,
    char *smarthost_r, struct why *why)
{
	const struct store_fail *f = store_fail_of(s);

	if (!f->knows_bindings) {
		why_set(why, STORE_FAIL_WHY);
		return STORE_FAILED;
	}
	if (f->bound == NULL || strcmp(bound, f->bound) != 0)
		return STORE_NONE;
	snprintf(smarthost_r, STORE_NAME, "%s", f->smarthost);
	return STORE_OK;
}

static enum store_answer
store_fail_lease(struct store *s, const struct bill *bill, struct lease *lease,
    struct decision *d_r, struct why *why)
{
	return store_fail_bill(s, why);
}

static enum store_answer
store_fail_settle(struct store *s, const struct bill *bill,
    const struct lease *lease, const struct settlement *left, struct why *why)
{
	return store_fail_bill(s, why);
}

static enum store_answer
store_fail_leases(
    struct store *s, store_lease_fn *each, void *arg, struct why *why)
{
	return store_fail_bill(s, why);
}

static enum store_answer
store_fail_blocked(struct store *s, const char *who, int64_t now, char *text_r,
    struct why *why)
{
	return STORE_NONE;
}

static void
store_fail_note(struct store *s, const struct store_event *e)
{
}

static const struct store_backend store_fail_backend = {
	.kind = "fail",
	.charge = store_fail_charge,
	.preview = store_fail_preview,
	.bound = store_fail_bound,
	.lease = store_fail_lease,
	.settle = store_fail_settle,
	.leases = store_fail_leases,
	.blocked = store_fail_blocked,
	.note = store_fail_note,
};

void
store_fail_init(struct store_fail *f, enum store_answer answer)
{
	memset(f, 0, sizeof(*f));
	f->store.backend = &store_fail_backend;
	f->answer = answer;
}
