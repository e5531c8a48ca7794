/*
 * netstring.c - netstrings: bytes in, span out.
 */
#include <stdio.h>
#include <string.h>

#include "netstring.h"

ssize_t
netstring_take(const char *buf, size_t len, struct bytes *payload_r)
{
	size_t i = 0, n = 0;

	while (i < len && buf[i] >= '0' && buf[i] <= '9') {
		if (i > 0 && n == 0)
			return -1; /* a leading zero */
		n = n * 10 + (size_t)(buf[i++] - '0');
		if (n > NETSTRING_MAX)
			return -1;
	}
	if (i == len)
		return 0;
	if (i == 0 || buf[i] != ':')
		return -1;
	i++;
	if (len - i <= n)
		return 0;
	if (buf[i + n] != ',')
		return -1;
	*payload_r = (struct bytes){ buf + i, n };
	return (ssize_t)(i + n + 1);
}

size_t
netstring_put(char *buf, size_t size, const char *payload, size_t len)
{
	char head[24];
	size_t n = (size_t)snprintf(head, sizeof(head), "%zu:", len);

	if (size < n || size - n < len || size - n - len < 1)
		return 0;
	memcpy(buf, head, n);
	if (len > 0)
		memcpy(buf + n, payload, len);
	buf[n + len] = ',';
	return n + len + 1;
}
