# lib.sh - what every scenario stands on: a stage, and the actors on it.
#
#   stage.sh     namespaces of our own, so that the machine is left alone
#   words.sh     what people read
#   debian.sh    a Debian in a directory
#   tls.sh       a throw-away certificate authority
#   postfix.sh   a Postfix in a directory
#   provider.sh  the provider: TLS, a login, a mailbox for all that it takes
#   office.sh    the office's mail server
#   meter.sh     postmeter and its tool
#   redis.sh     a shared store, and daemons that share it
#   smtp.sh      a client that shows the dialogue
#
# shellcheck shell=bash

set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TREE=$(cd "$HERE/../.." && pwd)
BUILD=${BUILD:-build}
[[ $BUILD == /* ]] || BUILD=$TREE/$BUILD

for part in words stage debian tls postfix provider office meter redis smtp; do
	# shellcheck source=/dev/null
	. "$HERE/lib/$part.sh"
done
