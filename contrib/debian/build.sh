#!/bin/bash
# build.sh FOLDER - the Debian packages, in FOLDER.  What lintian says about
# them is shown, and if it says anything that is a failure.
#
# The sources are copied first: nothing is built or left in the tree.
set -euo pipefail

cd "$(dirname "$0")/../.."
out=$1
version=$(sed -nE 's/.*POSTMETER_VERSION "(.*)"/\1/p' include/ground/version.h)
tree=$out/postmeter-$version

[[ $(sed -nE '1s/.*\((.*)-[0-9]+\).*/\1/p' contrib/debian/changelog) == \
    "$version" ]] || {
	echo "contrib/debian/changelog does not begin with $version" >&2
	exit 1
}
rm -rf "$out"
mkdir -p "$tree"
cp -R Makefile README.md LICENSE conf contrib include milter tests "$tree"
cp -R contrib/debian "$tree/debian"
rm "$tree/debian/build.sh"
log=$out/build.log
(
	cd "$tree"
	DEB_BUILD_OPTIONS=${DEB_BUILD_OPTIONS:-nocheck} \
	    dpkg-buildpackage -us -uc -b
) >"$log" 2>&1 </dev/null || {
	tail -n 30 "$log" >&2
	exit 1
}
rm -rf "$tree"
# The agent is for those who have OAuth or probes; without systemd it is
# started by hand.  Newer lintians do not know that tag and could not be told
# by an override.  Machine code has words that are misspelt; the manual's are
# looked at in the manual.
! lintian -EvIL +pedantic --no-cfg --allow-root \
    --suppress-tags package-supports-alternative-init-but-no-init.d-script,spelling-error-in-binary \
    --fail-on=none \
    "$out"/*.changes 2>&1 | grep -v '^N:' || exit 1
ls "$out"/*.deb
