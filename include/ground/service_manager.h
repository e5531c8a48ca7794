/*
 * service_manager.h - what systemd is told, where it started us; elsewhere
 * nothing happens.
 */
#ifndef SERVICE_MANAGER_H
#define SERVICE_MANAGER_H

/* "READY=1", "STOPPING=1", "WATCHDOG=1": sd_notify(3). */
void	service_tell(const char *state);

/* ms between two signs of life, half of what is asked for; -1: none. */
int	service_watchdog(void);

#endif
