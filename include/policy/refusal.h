/*
 * refusal.h - what a provider means when it refuses mail.
 *
 * A reply says whether the message, its sender or the whole account is
 * meant, and often for how long.  Rules are data (conf/refusals.conf); the
 * first that fits speaks.
 *
 * Pure: time is an argument.  Replies are foreign text: a sender's address in
 * one never counts as the provider's words.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum refusal_class {
	REFUSAL_NONE,		/* nothing is known of it */
	REFUSAL_QUOTA_DAY,	/* the account's day is full */
	REFUSAL_QUOTA_HOUR,
	REFUSAL_RATE,		/* too fast, too many connections */
	REFUSAL_AUTH_TEMP,	/* the login cannot be checked just now */
	REFUSAL_AUTH,		/* the login is wrong */
	REFUSAL_DISABLED,	/* the account is not set up for this */
	REFUSAL_SUSPENDED,	/* the account is locked until a person acts */
	REFUSAL_SENDER,		/* not as this sender */
	REFUSAL_MESSAGE,	/* this message: size, content */
	REFUSAL_RECIPIENT	/* the recipient's trouble, not the account's */
};
#define REFUSAL_CLASSES	(REFUSAL_RECIPIENT + 1)

/* Whom it means. */
enum refusal_reach { REACH_ACCOUNT, REACH_TENANT, REACH_SENDER,
    REACH_SENDER_DOMAIN };

/* Where in the talk it was said: a set. */
enum {
	SAID_CONNECT = 1,	/* greeting, EHLO, STARTTLS */
	SAID_AUTH = 2,
	SAID_MAIL = 4,
	SAID_RCPT = 8,
	SAID_DATA = 16,	/* DATA and its end */
	SAID_ANY = 31
};

/* Words of these enums, in their order and closed by NULL. */
extern const char *const refusal_class_words[],
    *const refusal_reach_words[], *const refusal_stage_words[],
    *const refusal_unit_words[];

enum refusal_unit { UNIT_SECONDS, UNIT_MINUTES, UNIT_HOURS, UNIT_DATE };

#define REFUSAL_CODES	8	/* in one rule, of each kind */
#define REFUSAL_TEXT	2000	/* bytes of a reply that are looked at */
#define REFUSAL_HITS	3	/* of a rule that is not the provider's own */
#define REFUSAL_SPAN	(10 * MINUTE)	/* in which they must come */
#define REFUSAL_SHORTEST MINUTE	/* for a time that a reply gives */
#define REFUSAL_LONGEST	(26 * HOUR)

struct refusal_rule {
	char *name;
	size_t nprovider;	/* 0: any */
	char **provider;
	unsigned stages;
	size_t ncode, nenhanced;	/* 0: any */
	/* "550", "45x"; "5.7.708", "4.7.5xx": x is any digit. */
	char code[REFUSAL_CODES][4];
	char enhanced[REFUSAL_CODES][12];
	bool has_text, has_time;
	regex_t text;		/* extended, case ignored, behind the codes */
	regex_t time;		/* its first group is a time */
	enum refusal_unit unit;
	enum refusal_class class;
	enum refusal_reach reach;
	int64_t hold;		/* ms; 0: as the class has it */
	int64_t probe;		/* ms between tries; 0: as the class has it */
	unsigned hits;		/* until it acts: 1 or REFUSAL_HITS */
	char *sample;		/* a reply that it fits, "550 5.4.5 ..." */
	char *cause, *remedy;	/* "": those of the class */
	char *source, *checked;
	bool certain;
};

struct refusals {
	size_t n;
	struct refusal_rule *v;
};

/* One reply, cleaned: without addresses and repeated codes. */
struct refusal_reply {
	unsigned stages;
	char code[4];		/* "550" */
	char enhanced[12];	/* "5.4.5", "" if it has none */
	char text[REFUSAL_TEXT];
};

/* What it means. */
struct refusal {
	enum refusal_class class;
	enum refusal_reach reach;
	unsigned hits;		/* so many of them in REFUSAL_SPAN act */
	int64_t until;		/* ms: the provider says so; 0: it does not */
	int64_t hold;		/* ms, else; NEVER: until a person acts */
	/* One message may try it again after ms, then each so often; 0: none */
	int64_t probe_first, probe_every;
	const struct refusal_rule *rule;	/* NULL: none fits */
};

/*
 * A server's own words ("550-5.4.5 Daily ...", lines joined by blanks) said at
 * one of those stages.  False if they are no refusal (not 4xx or 5xx).
 */
bool	refusal_read(const char *said, unsigned stages,
	    struct refusal_reply *r_r);

/*
 * The text that Postfix has for an outcome: "X.Y.Z host H[IP] said: REPLY (in
 * reply to RCPT TO command)".  False if it is no reply of the server's: mail
 * that was delivered, a connection that was lost, words of our own.
 */
bool	refusal_read_postfix(const char *status, struct refusal_reply *r_r);

/* The first rule for that provider ("": none known) that fits, *r_r whole. */
void	refusal_match(const struct refusals *all, const char *provider,
	    const struct refusal_reply *reply, int64_t now,
	    struct refusal *r_r);

/* What to do about each class. */
enum refusal_tell { TELL_NOT, TELL_DIGEST, TELL_ONCE, TELL_URGENT };

struct refusal_reaction {
	bool holds;		/* the account gets no mail for a while */
	bool softens;		/* a 5xx becomes a 4xx: other accounts may do */
	bool tells_count;	/* our own was lower than theirs: say it */
	bool slows;		/* the hold doubles, up to longest */
	int64_t hold;		/* ms; NEVER: until a person acts */
	int64_t longest;	/* ms, of a hold that doubles */
	int64_t probe_first, probe_every; /* as in struct refusal */
	enum refusal_tell tell;
	const char *cause, *remedy;
};

const struct refusal_reaction *refusal_reaction(enum refusal_class c);

void	refusals_free(struct refusals **rp);

#endif
