/*
 * smtp_trouble.h - what libcurl and OpenSSL say broke, in the prober's words.
 */
#ifndef SMTP_TROUBLE_H
#define SMTP_TROUBLE_H

#include <curl/curl.h>

#include "smtp_probe.h"

/* refused: the server itself said no. */
enum probe_trouble smtp_trouble(CURL *curl, CURLcode code, bool refused);

#endif
