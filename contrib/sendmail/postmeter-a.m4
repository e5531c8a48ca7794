dnl # postmeter, part A: belongs in front of MAILER_DEFINITIONS in sendmail.mc.
dnl # Where postmeter listens: its milter-socket, map-socket and auth-socket.
ifdef(`PM_MILTER_SOCKET', `', `define(`PM_MILTER_SOCKET', `/run/postmeter/milter.sock')')dnl
ifdef(`PM_MAP_SOCKET', `', `define(`PM_MAP_SOCKET', `/run/postmeter/map.sock')')dnl
ifdef(`PM_AUTH_SOCKET', `', `define(`PM_AUTH_SOCKET', `/run/postmeter/auth.sock')')dnl
dnl # F=T: while postmeter is away mail waits; without it mail would go uncounted.
INPUT_MAIL_FILTER(`postmeter', `S=local:PM_MILTER_SOCKET, F=T, T=C:10s;S:30s;R:30s;E:2m')dnl
dnl # Smarthosts are known by a name of their certificate, subjectAltName included.
FEATURE(`check_cert_altnames')dnl
dnl # Without trusted roots no certificate can be verified and all mail waits.
dnl # Sendmail wants both, the file alone verifies nothing.
ifdef(`confCACERT_PATH', `', `define(`confCACERT_PATH', `/etc/ssl/certs')')dnl
ifdef(`confCACERT', `', `define(`confCACERT', `/etc/ssl/certs/ca-certificates.crt')')dnl
