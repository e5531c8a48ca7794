# spellings.sh - the ways to write a recipient and a sender that a mail server
# may read otherwise than who counts: quotes, escapes, percent, bang, source
# routes, dots, case, tags, missing domains.  A line each, O and C as the
# office's domain and a customer's.
# shellcheck shell=bash disable=SC2154

spellings_of_a_recipient() {
	cat <<-END
		<x@$C>
		<X@$C>
		<x@CUSTOMER.test>
		<x@$C.>
		<"x"@$C>
		<"x@$C">
		<"x y"@$C>
		<"x\\"y"@$C>
		<"q1@$C"@$O>
		<"q1@$C">
		<x%$C@$O>
		<x%$C@localhost>
		<@$O:x@$C>
		<@$O,@mail.$O:x@$C>
		<$C!x>
		<$C!x@$O>
		<x+tag@$C>
		<x+TAG@$C>
		<x-tag@$C>
		<x=y@$C>
		<x/y@$C>
		<x.y@$C>
		<.x@$C>
		<x.@$C>
		<x..y@$C>
		<_@$C>
		<1@$C>
		<x'y@$C>
		<x*y@$C>
		<x#y@$C>
		<x\$y@$C>
		<x&y@$C>
		<x?y@$C>
		<{x}@$C>
		<x|y@$C>
		<x~y@$C>
		<x^y@$C>
		<\`x@$C>
		<postmaster@$C>
		<x@$C> NOTIFY=NEVER
		<x@$C> NOTIFY=FAILURE ORCPT=rfc822;x@$C
		<x@[192.0.2.9]>
		<x@sub.$C>
		<x@client.test>
		x@$C
		x
		<bob>
		<BOB@$O>
		<bob+tag@$O>
		<"bob"@$O>
		<bob@localhost>
		<\\bob@$O>
		<away@$O>
		<AWAY@$O>
		<"away"@$O>
		<away>
		<team@$O>
		<Team>
		<nobody-there@$O>
	END
}

# Each is somebody of the office, written so, or nobody.
spellings_of_a_sender() {
	cat <<-END
		<al@$O>
		<AL@$O>
		<al@OFFICE.example>
		<al>
		<"al"@$O>
		<al+tag@$O>
		<al@$O.>
		<@$O:al@$O>
		<prvs=0711abcdef=al@$O>
		<al%$O@localhost>
		<al@$O> BODY=8BITMIME
		<al@$O> SIZE=1000
		<al@$O> RET=HDRS ENVID=abc
		<al@$O> AUTH=<>
		<al@elsewhere.test>
		<"a b"@$O>
		<x@$C>
		al@$O
		<>
	END
}
