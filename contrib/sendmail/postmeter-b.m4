dnl # postmeter, part B: belongs at the very end of sendmail.mc, behind MAILER(`smtp').
dnl # It defines rules, so it may not come earlier.
dnl #
dnl # VERB shows the whole dialogue with a smarthost, login included, to whoever
dnl # says it; so would -v and -q to a user if sendmail were set-user-ID root.
dnl # What the site has set stays.  Sendmail takes the last definition of all, so
dnl # this is the last.
define(`confPRIVACY_FLAGS', ifdef(`confPRIVACY_FLAGS', `defn(`confPRIVACY_FLAGS')`,'')`noverb,restrictqrun,restrictexpand')dnl
dnl # One mailer for each port of a smarthost, the ports that postmeter answers with.
dnl # m=1: a connection, and so its login, never serves a second message.
dnl # r=: recipients of one delivery, the smallest recipient limit behind that port.
define(`PM_MAILER', `Mpm$1, P=[IPC], F=mDFMuXa8, S=EnvFromSMTP/HdrFromSMTP, R=MasqSMTP, E=\r\n, L=2040, m=1, r=ifdef(`PM_RCPTS_$1', `indir(`PM_RCPTS_$1')', `100'), T=DNS/RFC822/SMTP, A=TCP DOL(h) $1')dnl
MAILER_DEFINITIONS
PM_MAILER(25)
PM_MAILER(26)
PM_MAILER(587)
PM_MAILER(588)
PM_MAILER(2525)
PM_MAILER(2587)

LOCAL_CONFIG
# The names are what postmeter is asked for.
# -f keeps case (queue ids), -q keeps quotes, -T marks "could not know";
# -t makes that mark reach the authinfo rules.  Never -o: it fails open.
# A clone of a message (owner- aliases) and a part of it (queue groups) have ids
# of their own, but its {dsn_envid}.
Kroute socket -f -q -T<TMPF> unix:PM_MAP_SOCKET
Ktls socket -f -q -T<TMPF> unix:PM_MAP_SOCKET
Klogin socket -f -q -T<TMPF> unix:PM_MAP_SOCKET
Kleave socket -f -q -T<TMPF> unix:PM_AUTH_SOCKET
Krefused socket -f -q -T<TMPF> unix:PM_AUTH_SOCKET
Ksendmail socket -f -q -t -T<TMPF> unix:PM_AUTH_SOCKET

LOCAL_NET_CONFIG
R$* < @ $+ > $*		$: $>PmRoute $1 < @ $2 > $3

LOCAL_RULE_0
R$* < @ [ $+ ] > $*	$: $>PmRoute $1 < @ [ $2 ] > $3	address literals

SPmRoute
R$*			$: $1 $| $&{addr_type}
R$* $| e s		$@ $1				the sender takes no route
R$* $| $*		$: $1
R$* < @ $+ > $*		$: < $1@$2 > $1 < @ $2 > $3
R< $* . > $*		$: < $1 > $2			no root dot in the key
R< $* > $*		$: < $(route $&i<$&f><$1>$&{dsn_envid} $: ? $) > $2
R< ? > $*		$@ $1				not ours: the stock rules
R< $* <TMPF> > $*	$#error $@ 4.3.0 $: "451 postmeter does not say where this goes, try again later"
R< $+ > $*		$@ $>MailerToTriple < $1 > $2

Sauthinfo
R$*			$: <$(sendmail $&i<$&f><$&{server_name}>$&{dsn_envid} $: ? $)>
R<$* <TMPF>>		$# temp				never go on without a login
R<?>			$: no				not ours: access_db may know
R<$*>			$# $1

LOCAL_TLS_SERVER
R$*			$: $1 $| $(tls $&i<$&f><$&{server_name}>$&{dsn_envid} $: ? $)
R$* $| $* <TMPF>	$#error $@ 4.3.0 $: "454 postmeter does not say how safe this server must be"
R$* $| ?		$@ $1 $(macro {PmLogin} $@ $)	not ours: access_db may know
R$* $| $+		$: $1 $| $2 $(macro {TLS_Name} $@ $&{server_name} $)
R$* $| $+		$: $1 $| $>"TLS_connection" $1 $| <$2>
R$* $| $# $*		$# $2				not safe enough
R$* $| $*		$: $1 $| $(login $&i<$&f><$&{server_name}>$&{dsn_envid} $: <TMPF> $)
R$* $| $* <TMPF>	$#error $@ 4.3.0 $: "454 postmeter gives no login for this server now: postmeterctl status says why"
R$* $| $+		$: $1 $(macro {PmLogin} $@ $2 $)

LOCAL_TLS_RCPT
R$*			$: $1 $| $&{PmLogin} $| $&{auth_type}
R$* $| due $|		$: $1 $| due $| $| $(refused $&i<$&f><$&{server_name}>$&{dsn_envid} $: no $)
R$* $| due $| $| $*	$#error $@ 4.7.0 $: "450 the smarthost did not accept the login"
R$* $| $+ $| $*		$: $1 $| $(leave $&i<$&f><$&{server_name}><$1>$&{dsn_envid} $: <TMPF> $)
R$* $| $* <TMPF>	$#error $@ 4.7.1 $: "450 the account takes no more recipients now"
R$* $| $*		$: $1				it takes this one, or is not ours
R$* $| $* $| $*		$: $1

LOCAL_RULESETS
Stls_clt_features
R[ $* ] $| $*		$@ ""
R$* $| $*		$@ servername=hostname		name the host we mean (SNI)
