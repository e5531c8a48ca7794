#!/bin/bash
# words.sh - that one word is one thing, as a suite in TAP.
#
# The field's words are used, and each for itself; a message can be found, for
# its string is not cut; a function of one file has a name that no other file's
# has; a field says which lock guards it.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/support/claim.sh
. tests/support/claim.sh
needs_git

# find_words ERE WHERE... - fails, and shows them, if there are any
find_words() {
	local said

	said=$(git grep -nP -e "$1" -- "${@:2}")
	[[ -z $said ]] || { echo "$said"; return 1; }
}

# What a flush, a server that is down, a time and a list entry are not called.
# A header field is folded (RFC 5322), and so is the case of letters.
own_words() {
	find_words '(?<![a-z])(un)?fold(s|ed|ing)?(?![a-z])(?! case)' milter include \
	    ':!milter/door/milter/from_header.[ch]' &&
	    find_words '(?<![A-Za-z])(ailing|ails|patients?|mend(s|ed|ing)?)(?![a-z])' \
		milter include &&
	    find_words '(?<!a )(?<!the )\bmoments?\b' milter include &&
	    find_words '\bacts\b(?=[.(\[_])|\bacts_' milter include
}

# A key is a counter's or looked up, or signs; what opens a smarthost is a
# password, a token, or either: a credential.
a_key_is_no_password() {
	find_words "\\bkeys? (of|to|for) (the |a )?smarthosts?\\b" \
	    milter include README.md conf contrib &&
	    find_words '(?<!lookup )(?<!JSON )(?<!API )(?<!private )(?<!the )\bkeys?\b(?!_|-file|\)|,| = |;|\[)' \
		milter/secret include/secret milter/provider/smtp_* \
		milter/tool/cmd_secret.c milter/tool/cmd_try.c
}

# Between two literals a line may end only behind a newline of the message, a
# clause of SQL, or a run of an alphabet.
no_string_is_cut() {
	local cut

	# shellcheck disable=SC2016 # the text is awk's
	cut=$(git ls-files 'milter/*.[ch]' 'include/*.h' | xargs awk '
		FNR == 1 { open = "" }
		open != "" && /^[ \t]+"/ && !/^[ \t]+" ?\(?(SELECT|VALUES|ON CONFLICT|WHERE|AND|ORDER|CREATE|PRAGMA)/ &&
		    !/^[ \t]+"abcdefghij/ { print FILENAME ":" FNR - 1 ":" open }
		{ open = "" }
		/"$/ && !/\\n"$/ && !/^[ \t]*(\*|#)/ { open = $0 }')
	[[ -z $cut ]] || { echo "$cut"; return 1; }
}

# lock_files - where locks are declared
lock_files() {
	git grep -lE 'pthread_(mutex|rwlock)_t [a-z_]+( =|;)' -- milter include
}

# Behind a lock each field of its struct says what guards it; each lock guards
# something.
locks_say_what_they_guard() {
	local bad=0 file lock

	for file in $(lock_files); do
		while read -r lock; do
			grep -qE "[Gg]uarded by $lock\\b" "$file" && continue
			echo "$file: what does $lock guard?"
			bad=1
		done < <(sed -nE 's/.*pthread_(mutex|rwlock)_t ([a-z_]+)( =|;).*/\2/p' "$file")
		awk -v file="$file" '
			/^\tpthread_(mutex|rwlock)_t / { inside = 1; next }
			/^\}/ { inside = 0 }
			inside && /^\t[a-z].*;/ && !/^\tpthread_/ && !/\/\*/ {
				print file ":" FNR ":" $0; bad = 1
			}
			END { exit bad }' "$file" || bad=1
	done
	return $bad
}

locks_stand_on_the_page() {
	local bad=0 file

	for file in $(lock_files); do
		grep -qF "${file#milter/}\`" milter/README.md && continue
		echo "milter/README.md has not ${file#milter/}"
		bad=1
	done
	return $bad
}

# A function of one file has a name of its own, as far as the house goes: in a
# backtrace it says where one is.
no_static_twice() {
	local twice

	# shellcheck disable=SC2016 # the text is awk's
	twice=$(git ls-files 'milter/*.c' | xargs awk '
		/^static .*[^;{]$/ && !/\(/ { waits = 1; next }
		waits && match($0, /^\**[a-z_0-9]+\(/) ||
		    /^static [^=;]*\(/ && match($0, /[a-z_0-9]+\(/) {
			name = substr($0, RSTART, RLENGTH - 1)
			gsub(/\*/, "", name)
			if (!((name, FILENAME) in seen)) {
				seen[name, FILENAME] = 1
				where[name] = where[name] " " FILENAME
				n[name]++
			}
		}
		{ waits = 0 }
		END { for (k in n) if (n[k] > 1 && k != "main") print k ":" where[k] }')
	[[ -z $twice ]] || { echo "$twice"; return 1; }
}

claim "what a thing is called in the field it is called here" own_words
claim "a key is no password" a_key_is_no_password
claim "no string is cut in the middle of a message" no_string_is_cut
claim "a function of one file has no namesake" no_static_twice
claim "what a lock guards says so" locks_say_what_they_guard
claim "each lock stands on the page of threads and locks" locks_stand_on_the_page
echo "1..$n"
