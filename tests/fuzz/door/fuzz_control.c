/*
 * fuzz_control.c - any bytes at the control door: no fault, and an object as
 * the answer.
 */
#include "control.h"
#include "house.h"
#include "log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
no_reload(char **errors_r)
{
	*errors_r = NULL;
	return -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct control_peer peer = { CONTROL_DOOR, "fuzz" };
	static struct control_env env;
	json_t *answer;

	if (env.store == NULL) {
		struct config *conf = house_config(
		    "policy \"staff\" { messages = {\"3/24h\"} "
		    "unique-recipients = {\"9/day\"} bytes = {\"1M/hour\"} }\n"
		    "policy \"company\" { per = \"everyone\" "
		    "recipients = {\"9/10m\"} }\n"
		    "policy \"devices\" { per = \"client\" "
		    "messages = {\"5/1h\"} }\n"
		    "policy \"domains\" { per = \"domain\" "
		    "messages = {\"5/week\"} }\n"
		    "rule \"all\" { policies = {\"staff\", \"company\", "
		    "\"devices\", \"domains\"} }\n");

		log_open("fuzz", LOG_LEVEL_ERROR);
		env.store = house_store(conf);
		env.config_file = "f";
		env.started = house_time;
		env.reload = no_reload;
		snapshot_publish(conf);
	}
	house_time += SECOND;
	answer =
	    control_answer(&env, &peer, (const char *)data, size, house_time);
	if (!json_is_object(answer) || json_object_get(answer, "ok") == NULL)
		abort();
	json_decref(answer);
	return 0;
}
