/*
 * smtp_betrays.h - would showing a server's reply show the credential?
 */
#ifndef SMTP_BETRAYS_H
#define SMTP_BETRAYS_H

#include <stdbool.h>

/* As it is, or as AUTH codes it; true too where that cannot be known. */
bool	smtp_betrays(const char *reply, const char *username,
	    const char *password);

#endif
