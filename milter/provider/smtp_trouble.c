/*
 * smtp_trouble.c - what libcurl and OpenSSL say broke, in the prober's words.
 */
#include <errno.h>
#include <openssl/x509.h>

#include "smtp_trouble.h"

static enum probe_trouble
certificate_trouble(CURL *curl)
{
	long verdict = X509_V_OK;

	curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verdict);
	switch (verdict) {
	case X509_V_OK:              /* the chain is good: so it is the name, */
	case X509_V_ERR_UNSPECIFIED: /* of which libcurl says no more */
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return TROUBLE_NAME;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return TROUBLE_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TROUBLE_NOT_YET;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
		return TROUBLE_SELF_SIGNED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return TROUBLE_UNKNOWN_CA;
	default:
		return TROUBLE_CERTIFICATE;
	}
}

static enum probe_trouble
connect_trouble(CURL *curl)
{
	long error = 0;

	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
	return error == ETIMEDOUT ? TROUBLE_TIMEOUT : TROUBLE_REFUSED;
}

enum probe_trouble
smtp_trouble(CURL *curl, CURLcode code, bool refused)
{
	/* libcurl has no table of its own codes that is closed. */
	switch ((int)code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		return TROUBLE_NO_HOST;
	case CURLE_COULDNT_CONNECT:
		return connect_trouble(curl);
	case CURLE_OPERATION_TIMEDOUT:
		return TROUBLE_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
		return TROUBLE_TLS;
	case CURLE_PEER_FAILED_VERIFICATION:
		return certificate_trouble(curl);
	case CURLE_SSL_CACERT_BADFILE:
		return TROUBLE_CA_FILE;
	default:
		break;
	}
	if (refused)
		return TROUBLE_REPLY;
	return code == CURLE_WEIRD_SERVER_REPLY ? TROUBLE_OTHER
						: TROUBLE_CLOSED;
}
