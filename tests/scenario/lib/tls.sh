# tls.sh - a throw-away certificate authority and what it signs, or what is
# wrong with a certificate that must not be trusted.
# shellcheck shell=bash

KEY_TYPE=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

make_ca() {
	openssl req -x509 "${KEY_TYPE[@]}" -days 2 -subj "/CN=stage CA" \
	    -keyout "$STAGE/ca.key" -out "$STAGE/ca.pem" 2>/dev/null
}

# tls_long_ago - options for a certificate that is over, one a line; from 3.4
# on a number of days below zero is refused
tls_long_ago() {
	if openssl x509 -help 2>&1 | grep -q not_after; then
		printf '%s\n' -not_before 20200101000000Z \
		    -not_after 20200102000000Z
	else
		printf '%s\n' -days -1
	fi
}

# make_certificate FILE NAME KIND - FILE.pem and FILE.key for host NAME;
# KIND is good, self-signed, wrong-name or expired
make_certificate() {
	local file=$1 name=$2 kind=$3 valid=(-days 2)
	local sign=(-CA "$STAGE/ca.pem" -CAkey "$STAGE/ca.key")

	case $kind in
	good) ;;
	self-signed) sign=(-key "$file.key") ;;
	wrong-name) name=elsewhere.test ;;
	expired) mapfile -t valid < <(tls_long_ago) ;;
	*) fail "no such kind of certificate: $kind" ;;
	esac
	openssl req -new "${KEY_TYPE[@]}" -subj "/CN=$name" \
	    -keyout "$file.key" -out "$file.csr" 2>/dev/null
	openssl x509 -req -in "$file.csr" "${sign[@]}" "${valid[@]}" \
	    -set_serial "$RANDOM" -out "$file.pem" \
	    -extfile <(echo "subjectAltName=DNS:$name") 2>/dev/null
}
