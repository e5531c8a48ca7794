/*
 * nullmilter.c - a libmilter milter that says yes to everything.
 *
 * What it costs is what any milter costs: the measure to hold postmeter to,
 * and a partner for milterload that cannot be wrong.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

static unsigned long unwanted; /* steps and answers to do without */

static sfsistat
negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
    unsigned long f3, unsigned long *pf0, unsigned long *pf1,
    unsigned long *pf2, unsigned long *pf3)
{
	(void)ctx, (void)f0, (void)f2, (void)f3;
	*pf0 = *pf2 = *pf3 = 0;
	*pf1 = f1 & unwanted;
	return SMFIS_CONTINUE;
}

/* silent - the right return value for a step whose answer is not wanted */
static sfsistat
silent(unsigned long bit)
{
	return unwanted & bit ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat
on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr)
{
	(void)ctx, (void)host, (void)addr;
	return silent(SMFIP_NR_CONN);
}

static sfsistat
on_helo(SMFICTX *ctx, char *helo)
{
	(void)ctx, (void)helo;
	return silent(SMFIP_NR_HELO);
}

static sfsistat
on_mail(SMFICTX *ctx, char **args)
{
	(void)ctx, (void)args;
	return silent(SMFIP_NR_MAIL);
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **args)
{
	(void)ctx, (void)args;
	return silent(SMFIP_NR_RCPT);
}

static sfsistat
on_data(SMFICTX *ctx)
{
	(void)ctx;
	return silent(SMFIP_NR_DATA);
}

static sfsistat
on_header(SMFICTX *ctx, char *field, char *value)
{
	(void)ctx, (void)field, (void)value;
	return silent(SMFIP_NR_HDR);
}

static sfsistat
on_eoh(SMFICTX *ctx)
{
	(void)ctx;
	return silent(SMFIP_NR_EOH);
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	(void)ctx, (void)chunk, (void)len;
	return silent(SMFIP_NR_BODY);
}

static sfsistat
on_eom(SMFICTX *ctx)
{
	(void)ctx;
	return SMFIS_CONTINUE;
}

/* steps - how much of a message to see */
static int
steps(const char *word)
{
	const unsigned long few = SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOHDRS |
				  SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN;

	if (strcmp(word, "all") == 0)
		unwanted = 0;
	else if (strcmp(word, "few") == 0)
		unwanted = few;
	else if (strcmp(word, "rcpt") == 0)
		unwanted = few | SMFIP_NR_CONN | SMFIP_NR_MAIL;
	else if (strcmp(word, "end") == 0)
		unwanted = few | SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT;
	else
		return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	static char title[] = "nullmilter";
	struct smfiDesc desc = {
		.xxfi_name = title,
		.xxfi_version = SMFI_VERSION,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_eoh = on_eoh,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_data = on_data,
		.xxfi_negotiate = negotiate,
	};

	if (argc != 3 || steps(argv[2]) == -1) {
		fputs("usage: nullmilter unix:/PATH all|few|rcpt|end\n"
		      "  all   every step, every answer\n"
		      "  few   CONNECT, MAIL, RCPT and end of message\n"
		      "  rcpt  the same, no answer to CONNECT and MAIL\n"
		      "  end   the same, an answer to end of message only\n",
		    stderr);
		return EX_USAGE;
	}
	if (smfi_register(desc) != MI_SUCCESS ||
	    smfi_setconn(argv[1]) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS)
		return EX_UNAVAILABLE;
	return smfi_main() == MI_SUCCESS ? 0 : EX_SOFTWARE;
}
