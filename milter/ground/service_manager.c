/*
 * service_manager.c - what systemd is told, where it started us.
 */
#include <stdint.h>

#if WITH_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "service_manager.h"

void
service_tell(const char *state)
{
#if WITH_SYSTEMD
	(void)sd_notify(0, state);
#else
	(void)state;
#endif
}

int
service_watchdog(void)
{
	uint64_t usec = 0;

#if WITH_SYSTEMD
	if (sd_watchdog_enabled(0, &usec) <= 0)
		return -1;
#endif
	return usec == 0 ? -1 : (int)(usec / 1000 / 2);
}
