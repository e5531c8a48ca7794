/*
 * netaddr.c - client addresses and networks as plain bytes.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "netaddr.h"

static void
from_v6(const uint8_t byte[static 16], struct netaddr *a_r)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
		0xff };

	memset(a_r, 0, sizeof(*a_r));
	if (memcmp(byte, mapped, sizeof(mapped)) == 0) {
		a_r->len = 4;
		memcpy(a_r->byte, byte + 12, 4);
	} else {
		a_r->len = 16;
		memcpy(a_r->byte, byte, 16);
	}
}

int
netaddr_parse(const char *text, struct netaddr *a_r)
{
	char plain[NETADDR_TEXT];
	uint8_t byte[16];
	size_t n;

	if (text[0] == '[' && text[strlen(text) - 1] == ']')
		n = (size_t)snprintf(plain, sizeof(plain), "%.*s",
		    (int)strlen(text) - 2, text + 1);
	else
		n = (size_t)snprintf(plain, sizeof(plain), "%s", text);
	if (n >= sizeof(plain))
		return -1;
	if (strncasecmp(plain, "IPv6:", 5) == 0)
		memmove(plain, plain + 5, strlen(plain + 5) + 1);
	if (inet_pton(AF_INET6, plain, byte) == 1) {
		from_v6(byte, a_r);
		return 0;
	}
	memset(a_r, 0, sizeof(*a_r));
	if (inet_pton(AF_INET, plain, a_r->byte) != 1)
		return -1;
	a_r->len = 4;
	return 0;
}

void
netaddr_from_sockaddr(const struct sockaddr *sa, struct netaddr *a_r)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(a_r, 0, sizeof(*a_r));
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		a_r->len = 4;
		memcpy(a_r->byte, &v4.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		from_v6(v6.sin6_addr.s6_addr, a_r);
	}
}

/* mask - clears what lies behind the first bits */
static void
mask(struct netaddr *a, unsigned bits)
{
	for (unsigned i = 0; i < a->len; i++) {
		unsigned keep = bits > 8 * i ? bits - 8 * i : 0;

		if (keep < 8)
			a->byte[i] &= (uint8_t)(0xff00U >> keep);
	}
}

int
netprefix_parse(const char *text, struct netprefix *p_r)
{
	const char *slash = strchr(text, '/');
	char addr[NETADDR_TEXT];
	struct netaddr whole;
	unsigned long bits;
	char *end;

	if ((size_t)snprintf(addr, sizeof(addr), "%.*s",
		slash != NULL ? (int)(slash - text) : (int)strlen(text),
		text) >= sizeof(addr) ||
	    addr[0] == '\0' || netaddr_parse(addr, &p_r->addr) == -1)
		return -1;
	bits = 8UL * p_r->addr.len;
	if (slash != NULL) {
		if (slash[1] < '0' || slash[1] > '9')
			return -1;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || bits > 8UL * p_r->addr.len)
			return -1;
	}
	whole = p_r->addr;
	mask(&p_r->addr, (unsigned)bits);
	p_r->bits = (uint8_t)bits;
	return memcmp(&whole, &p_r->addr, sizeof(whole)) == 0 ? 0 : -1;
}

bool
netprefix_has(const struct netprefix *p, const struct netaddr *a)
{
	struct netaddr net = *a;

	if (a->len != p->addr.len)
		return false;
	mask(&net, p->bits);
	return memcmp(net.byte, p->addr.byte, net.len) == 0;
}

/* quad - four numbers and three points: not worth a formatter's time */
static void
quad(const uint8_t byte[4], char *dst)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			*dst++ = '.';
		if (byte[i] >= 100)
			*dst++ = (char)('0' + byte[i] / 100);
		if (byte[i] >= 10)
			*dst++ = (char)('0' + byte[i] / 10 % 10);
		*dst++ = (char)('0' + byte[i] % 10);
	}
	*dst = '\0';
}

char *
netaddr_text(const struct netaddr *a, unsigned bits, char *dst, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct netaddr net = *a;

	mask(&net, bits);
	if (a->len == 4)
		quad(net.byte, text);
	else if (a->len != 0)
		(void)inet_ntop(AF_INET6, net.byte, text, sizeof(text));
	if (bits < 8U * a->len)
		snprintf(dst, size, "%s/%u", text, bits);
	else if (size > 0)
		*(char *)mempcpy(dst, text, strnlen(text, size - 1)) = '\0';
	return dst;
}
