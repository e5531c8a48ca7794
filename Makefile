# postmeter: `make` builds, `sudo make demo` shows, `sudo make test` proves.
#
#   make              build/postmeter and build/postmeterctl
#   make check        every suite that needs no root
#   make demo         real mail, real servers, on this machine alone (root)
#   make test         packages, build, check, and the scenarios (root)
#   make help         all targets

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
CC = gcc
BUILD ?= build
PKG_CONFIG ?= pkg-config

STD = -std=c11 -D_GNU_SOURCE
WARN = -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes \
    -Wmissing-prototypes -Wmissing-declarations -Wold-style-definition \
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef \
    -Wimplicit-fallthrough -Wswitch-enum -Wnull-dereference \
    -Wdouble-promotion -Wconversion -Wsign-conversion
HARDEN = -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
    -fstack-clash-protection -fcf-protection -fPIE
HARDEN_LD = -pie -Wl,-z,relro,-z,now,-z,noexecstack
# The suites build with WERROR=-Werror; a release build on an unknown
# compiler does not.
WERROR ?=
CFLAGS ?= -g
SAN ?=
LIBS_PC = libconfuse jansson sqlite3 hiredis libssl libcrypto libidn2
SYSTEMD ?= $(shell $(PKG_CONFIG) --exists libsystemd 2>/dev/null && echo yes || echo no)
ifeq ($(SYSTEMD),yes)
LIBS_PC += libsystemd
DEFS += -DWITH_SYSTEMD=1
else
DEFS += -DWITH_SYSTEMD=0
endif
DEFS += -DSYSCONFDIR='"$(SYSCONFDIR)"' -DDATADIR='"$(PREFIX)/share/postmeter"'
LIBS = $(shell $(PKG_CONFIG) --libs $(LIBS_PC)) -lunistring -lpthread
# hiredis asks for large files; test_crash tells the journal's pwrite from
# SQLite's pwrite64, and no file of ours grows that large.
PC_CFLAGS = $(filter-out -D_FILE_OFFSET_BITS=64,\
    $(shell $(PKG_CONFIG) --cflags $(LIBS_PC)))
ALL_CFLAGS = $(STD) $(HARDEN) $(WARN) $(WERROR) $(DEFS) $(INC) \
    $(PC_CFLAGS) -MMD -MP $(SAN) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LD) $(SAN) $(LDFLAGS)

# Where libsasl looks for plugins: with its own modules.
SASLDIR ?= $(shell $(PKG_CONFIG) --variable=libdir libsasl2 2>/dev/null)/sasl2
DEFS += -DSASLDIR='"$(SASLDIR)"'

# A floor is a folder, and sees the contracts of lower floors only: an include
# that climbs does not compile.
I_ground = -Iinclude/ground
I_noun = $(I_ground) -Iinclude/noun
I_policy = $(I_ground) -Iinclude/policy
I_config = $(I_policy) -Iinclude/noun -Iinclude/config
I_secret = $(I_config) -Iinclude/secret
I_store = $(I_secret) -Iinclude/store
I_desk = $(I_store) -Iinclude/desk
I_door = $(I_desk) -Iinclude/door
I_provider = $(I_desk) -Iinclude/provider
I_tool = $(I_door) -Iinclude/provider
I_web = $(I_door) -Iinclude/provider
# The mains and the tests look everywhere.
INC = $(I_tool) -Imilter

FLOORS = ground noun policy config secret store desk door provider tool web
$(foreach f,$(FLOORS),$(eval $(BUILD)/milter/$(f)/%.o: INC = $$(I_$(f))))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
floor = $(foreach f,$(1),$(wildcard milter/$(f)/*.c milter/$(f)/*/*.c))

# What two programs share is an archive; what one program is made of is a list.
# The milter's callbacks need libmilter, and accept_reserve.c replaces
# accept(2): they belong to the daemon alone.
PROGRAMS = postmeter postmeterctl postmeter-agent postmeter-web
DAEMON_SRC = milter/postmeter.c $(wildcard milter/door/milter/*.c)
TOOL_SRC = milter/postmeterctl.c $(call floor,tool)
SRC_postmeter = $(DAEMON_SRC)
SRC_postmeterctl = $(TOOL_SRC)
SRC_postmeter-agent = milter/postmeter-agent.c
SRC_postmeter-web = milter/postmeter-web.c $(call floor,web)
LIB_SRC = $(filter-out $(DAEMON_SRC),$(call floor,$(filter-out tool web,$(FLOORS))))
LIB = $(BUILD)/libpostmeter.a

TEST_SRC = $(wildcard tests/*/test_*.c)
TESTS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
test = $(filter $(addprefix %/test_,$(1)),$(TESTS))

ifeq ($(V),1)
Q =
else
Q = @
endif
say = @printf '  %-4s %s\n'

# --- build -------------------------------------------------------------------

all: $(PROGRAMS:%=$(BUILD)/%) $(BUILD)/libpostmeter-oauth.so

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),$(say) CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# What `postmeterctl setup sendmail` writes, and the script of the shared
# store, as C strings.
AS_STRING = sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $< >$@
$(BUILD)/%.inc: %.m4
	@mkdir -p $(@D)
	@$(AS_STRING)
$(BUILD)/%.inc: %.lua
	@mkdir -p $(@D)
	@$(AS_STRING)
$(BUILD)/%.inc: %.css
	@mkdir -p $(@D)
	@$(AS_STRING)
$(BUILD)/%.inc: %.js
	@mkdir -p $(@D)
	@$(AS_STRING)
$(BUILD)/%.inc: %.svg
	@mkdir -p $(@D)
	@$(AS_STRING)
$(BUILD)/%.inc: %.conf
	@mkdir -p $(@D)
	@$(AS_STRING)
$(BUILD)/milter/config/refusal_file.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/config/refusal_file.o: $(BUILD)/conf/refusals.inc
$(BUILD)/milter/tool/sendmail_mc.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/tool/sendmail_mc.o: $(BUILD)/contrib/sendmail/postmeter-a.inc \
    $(BUILD)/contrib/sendmail/postmeter-b.inc
$(BUILD)/milter/tool/mail_words.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/tool/mail_words.o: $(BUILD)/conf/mail-en.inc
$(BUILD)/milter/store/redis/script.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/store/redis/script.o: $(BUILD)/milter/store/redis/script.inc
WEB_FILES = $(BUILD)/milter/web/style.inc $(BUILD)/milter/web/page.inc \
    $(BUILD)/milter/web/icon.inc
$(BUILD)/milter/web/site.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/web/site.o: $(WEB_FILES)

# Never updated in place: an archive would keep members of files that are gone.
$(LIB): $(call obj,$(LIB_SRC))
	@rm -f $@
	$(if $(Q),$(say) AR $@)
	$(Q)$(AR) rcs $@ $^

$(BUILD)/postmeter: $(call obj,$(DAEMON_SRC)) $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmilter $(LIBS)

$(BUILD)/postmeterctl: $(call obj,$(TOOL_SRC)) $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcurl -lyaml -lz $(LIBS)

$(BUILD)/postmeter-agent: $(call obj,$(SRC_postmeter-agent)) $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcurl $(LIBS)

$(BUILD)/postmeter-web: $(call obj,$(SRC_postmeter-web)) $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmicrohttpd $(LIBS)

# Loaded by whatever logs in through Cyrus SASL; its functions come as pointers.
SASL_SRC = milter/sasl/plugin.c
$(BUILD)/libpostmeter-oauth.so: $(SASL_SRC)
	@mkdir -p $(@D)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(filter-out -fPIE,$(STD) $(HARDEN)) -fPIC -fvisibility=hidden \
	    $(WARN) $(WERROR) $(SAN) $(CFLAGS) -shared -Wl,-z,relro,-z,now,-z,noexecstack \
	    $(LDFLAGS) -o $@ $(SASL_SRC)

# --- tests -------------------------------------------------------------------

$(BUILD)/tests/%.o: INC += -Itests -Itests/support
$(BUILD)/tests/%.o: WARN += -Wno-unused-parameter

# What tests share: taken from an archive, so that a test is made of what it
# asks for.
SUPPORT = $(BUILD)/libsupport.a
HOUSE_CLOCK = $(BUILD)/tests/support/house_clock.o
$(SUPPORT): $(filter-out $(HOUSE_CLOCK) %/server_clock.o,\
    $(call obj,$(wildcard tests/support/*.c)))
	@rm -f $@
	$(if $(Q),$(say) AR $@)
	$(Q)$(AR) rcs $@ $^

$(TESTS): %: %.o $(SUPPORT) $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(SUPPORT) $(LIB) -lcmocka $(LIBS)

# A clock that stands still until it is moved, in place of clock.c.
$(call test,match store_fail control sendmail_maps socketmap power prober crash \
    redis store client_policies milter routing release): $(HOUSE_CLOCK)

# The milter door is tested against a file that plays the mail server.
$(call test,milter client_policies routing): \
    $(call obj,$(addprefix milter/door/milter/,callbacks.c negotiate.c \
    changes.c early_route.c from_header.c))
$(call test,from_header): $(BUILD)/milter/door/milter/from_header.o

# What is left of a store by a disk that lost its power.
$(call test,power): $(BUILD)/tests/powerfail/disk.o

# The tool without its main, as its tests need it.
TOOL = $(call obj,$(call floor,tool))
TOOL_TESTS = $(filter $(BUILD)/tests/tool/%,$(TESTS))
$(TOOL_TESTS): $(TOOL)
$(TOOL_TESTS): LIBS += -lcurl -lyaml -lz

# The page without its socket; a test plays the daemon in place of daemon.c.
WEB = $(filter-out %/http.o,$(call obj,$(call floor,web)))
$(call test,html): $(call obj,milter/web/form.c)
$(call test,site): $(WEB)

# A smarthost is probed with libcurl, against a server that the test makes up.
$(call test,smtp_probe): LIBS += -lcurl -lssl

# The plugin is loaded by the real library, beside those of the system.
$(call test,sasl_plugin): $(BUILD)/libpostmeter-oauth.so
$(call test,sasl_plugin): LIBS += -lsasl2
$(call test,sasl_plugin): DEFS += -DPLUGINS='"$(abspath $(BUILD))"'
$(BUILD)/tests/fuzz/sasl/fuzz_sasl_plugin $(BUILD)/libfuzzer_sasl_plugin: \
    $(BUILD)/milter/sasl/plugin.o

# Load for a milter, and a milter that says yes to everything.
TOOLS = $(BUILD)/tests/load/milterload $(BUILD)/tests/load/nullmilter \
    $(BUILD)/tests/load/proxy $(BUILD)/tests/load/tokend \
    $(BUILD)/tests/load/refuserd $(BUILD)/tests/load/provider

LOAD = $(call obj,tests/load/load.c tests/load/milterclient.c)
$(BUILD)/tests/load/milterload: $(call obj,tests/load/milterload.c) $(LOAD)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/tests/load/nullmilter: $(call obj,tests/load/nullmilter.c)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmilter -lpthread

# A token server, for what fetches tokens.
$(BUILD)/tests/load/tokend: $(call obj,tests/load/tokend.c)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto

# A provider that refuses logins.
$(BUILD)/tests/load/refuserd: $(call obj,tests/load/refuserd.c)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto

# A provider that has accidents.
$(BUILD)/tests/load/provider: $(call obj,tests/load/provider.c)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lssl -lcrypto -lpthread

$(BUILD)/tests/load/proxy: $(call obj,tests/load/proxy.c)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lpthread

# What milters do in time, and a store of many senders.
BENCH = $(BUILD)/tests/bench/milterbench $(BUILD)/tests/bench/fillstore \
    $(BUILD)/tests/bench/storebench

$(BUILD)/tests/bench/milterbench: $(call obj,tests/bench/milterbench.c) $(LOAD)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/tests/bench/fillstore $(BUILD)/tests/bench/storebench: %: %.o $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Every parser eats its seeds in the suite, and more under libFuzzer.
FUZZ_SRC = $(wildcard tests/fuzz/*/fuzz_*.c)
REPLAYS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(FUZZ_SRC))

$(filter %/fuzz_from_header,$(REPLAYS)): $(BUILD)/milter/door/milter/from_header.o
$(filter %/fuzz_mail_log,$(REPLAYS)): $(BUILD)/milter/tool/mail_log.o

$(filter %/fuzz_control,$(REPLAYS)): $(HOUSE_CLOCK)
$(filter %/fuzz_site,$(REPLAYS)): $(WEB)

$(REPLAYS): %: %.o $(BUILD)/tests/fuzz/replay.o $(SUPPORT) $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(SUPPORT) $(LIB) $(LIBS)

SUITE = $(TESTS) $(REPLAYS)

tests: $(SUITE) $(TOOLS)

check: $(SUITE) all
	@BUILD=$(BUILD) tests/check.sh $(SUITE) tests/floors.sh tests/words.sh \
	    tests/hardening.sh tests/usage.sh tests/metrics.sh

# What tests/floors.sh holds against the sources and objects.
print-floors:
	@echo $(FLOORS)
print-inc:
	@echo $(I_$(FLOOR))
print-programs:
	@echo $(PROGRAMS)
print-objects:
	@echo $(call obj,$(SRC_$(PROGRAM)))

check-asan:
	@UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) --no-print-directory check \
	    BUILD=$(BUILD)-asan WERROR=-Werror \
	    SAN="$(ASAN)"

# What threads share: the stores, the snapshot, and the doors.
TSAN_SUITE = store redis crash store_fail snapshot prober smtp_probe socketmap \
    control client_policies milter routing credentials log_writer site
check-tsan:
	@$(MAKE) --no-print-directory check-threads BUILD=$(BUILD)-tsan \
	    WERROR=-Werror SAN="-fsanitize=thread -U_FORTIFY_SOURCE"

check-threads: $(call test,$(TSAN_SUITE))
	@TSAN_OPTIONS=halt_on_error=1 tests/check.sh $^

# Under valgrind every round costs twenty: the properties get fewer of them.
check-valgrind: $(SUITE)
	@PM_TEST_ROUNDS=$${PM_TEST_ROUNDS:-20} RUN="valgrind --quiet \
	    --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite" \
	    tests/check.sh $(SUITE)

FUZZ_SECONDS ?= 60

fuzz:
	@tests/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_SRC)

# One target of tests/fuzz.sh: the library and one fuzz_*.c under libFuzzer.
$(BUILD)/libfuzzer_from_header: $(BUILD)/milter/door/milter/from_header.o
$(BUILD)/libfuzzer_control: $(HOUSE_CLOCK)
$(BUILD)/libfuzzer_site: $(WEB)
$(BUILD)/libfuzzer_mail_log: $(BUILD)/milter/tool/mail_log.o
$(foreach f,$(FUZZ_SRC),$(eval \
    $(BUILD)/libfuzzer_$(patsubst fuzz_%,%,$(basename $(notdir $f))): $(call obj,$f)))
$(BUILD)/libfuzzer_%: $(SUPPORT) $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) \
	    $(SUPPORT) $(LIB) $(LIBS)

# --- with real parts, as root -------------------------------------------------

# The long ones early: they run beside the others.
SCENARIOS = message_goes_all_the_way oauth sendmail_secrets sendmail_gate sendmail \
    sendmail_refused sendmail_check accounts exit spellings own_address failover_under_load \
    no_credential_leaks lured parallel_limit \
    kill_nine backup restart_in_the_middle \
    day_two page broken hold shared_store shared_store_trouble refusals

packages:
	@tests/scenario/packages.sh build

test-packages:
	@tests/scenario/packages.sh build lab page

# What cannot run is said before anything is installed for it.
# A make of its own each: only after the packages are there can this file be
# read to the end.
demo:
	@tests/scenario/possible.sh
	@tests/scenario/packages.sh build lab
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) NARRATOR=yes tests/scenario/message_goes_all_the_way.sh

test:
	@tests/scenario/possible.sh
	@tests/scenario/packages.sh build lab page
	@$(MAKE) --no-print-directory WERROR=-Werror all tests
	@$(MAKE) --no-print-directory WERROR=-Werror check
	@$(MAKE) --no-print-directory WERROR=-Werror scenarios

# The two commands of the README, from a fresh clone in a fresh Debian.
RELEASE ?= trixie
test-release:
	@tests/scenario/packages.sh lab
	@tests/release.sh $(RELEASE) $(RELEASE_RUNS)

scenarios: all $(TOOLS)
	@BUILD=$(BUILD) tests/scenario/run.sh $(SCENARIOS)

# By hand: everything that can happen between the door and the exit, in minutes.
soak: all $(TOOLS)
	@tests/scenario/possible.sh
	@BUILD=$(BUILD) MESSAGES=3000 LID=1800 tests/scenario/exit_soak.sh
	@BUILD=$(BUILD) MESSAGES=2000 LID=3600 tests/scenario/sendmail_soak.sh

# A fault each, and one checker of ledger against store.  FAULTS=short: less of
# the same, about five minutes.  FAULT="disk storm": these alone.
FAULT_TOOLS = $(BUILD)/tests/faults/hold $(BUILD)/tests/faults/mutate \
    $(BUILD)/tests/faults/failmalloc.so $(BUILD)/tests/faults/slowsync.so
FAULT_SCRIPTS = $(if $(FAULT),$(FAULT:%=tests/faults/%.sh),\
    $(filter-out tests/faults/lib.sh tests/faults/run.sh,$(wildcard tests/faults/*.sh)))

$(BUILD)/tests/faults/hold $(BUILD)/tests/faults/mutate: %: %.o
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

# A server of the shared store's tests has a clock that they own.
$(call test,redis): | $(BUILD)/tests/support/server_clock.so

$(BUILD)/tests/%.so: tests/%.c
	@mkdir -p $(@D)
	$(if $(Q),$(say) CC $<)
	$(Q)$(CC) $(STD) $(WARN) $(WERROR) -O2 -fPIC -shared -o $@ $<

fault-tools: $(FAULT_TOOLS) $(TOOLS) $(BUILD)/tests/powerfail/test_power \
    $(BUILD)/tests/bench/milterbench

# Damaged stores are opened with the sanitizers looking on.
ASAN = -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -U_FORTIFY_SOURCE

faults:
	@tests/scenario/packages.sh build lab faults
	@$(MAKE) --no-print-directory all fault-tools
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-asan SAN="$(ASAN)" \
	    $(BUILD)-asan/postmeter $(BUILD)-asan/tests/faults/reopen
	@BUILD=$(BUILD) tests/faults/run.sh $(FAULT_SCRIPTS)

$(BUILD)/tests/faults/reopen: $(BUILD)/tests/faults/reopen.o $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# What it costs, in half an hour; BENCH_SECONDS=0.2 for a glance.
bench:
	@tests/scenario/packages.sh build lab bench
	@$(MAKE) --no-print-directory all $(TOOLS) $(BENCH)
	@BUILD=$(BUILD) tests/bench/bench.sh $(PART)

bench-report:
	@tests/scenario/packages.sh build lab bench
	@BUILD=$(BUILD) tests/bench/report.sh

# What was measured last, into tests/bench/README.md.
bench-figures:
	@BUILD=$(BUILD) tests/bench/figures.sh

# --- lint --------------------------------------------------------------------

MILTER_C = $(wildcard milter/*.c milter/*/*.c milter/*/*/*.c)
LINT_C = $(MILTER_C) $(wildcard tests/*/*.c tests/*/*/*.c)
LINT_SH = .ci/run $(wildcard tests/*.sh tests/scenario/*.sh \
    tests/support/*.sh tests/scenario/lib/*.sh tests/bench/*.sh tests/faults/*.sh)

lint: lint-compilers lint-cppcheck lint-tidy lint-man lint-sh lint-format

lint-compilers:
	@for cc in gcc clang; do \
		$(MAKE) --no-print-directory CC=$$cc BUILD=$(BUILD)-$$cc \
		    WERROR=-Werror all tests || exit 1; \
	done

# It does not read system headers: their loops are told to it.
CPPCHECK_LOOPS = '-Djson_object_foreach(o, k, v)=for (;;)' \
    '-Djson_array_foreach(a, i, v)=for (;;)' \
    '-DTAILQ_FOREACH(v, h, f)=for (;;)' '-DTAILQ_FOREACH_REVERSE(v, h, n, f)=for (;;)'

lint-cppcheck: $(BUILD)/contrib/sendmail/postmeter-a.inc \
    $(BUILD)/contrib/sendmail/postmeter-b.inc $(BUILD)/milter/store/redis/script.inc \
    $(BUILD)/conf/refusals.inc $(BUILD)/conf/mail-en.inc $(WEB_FILES)
	cppcheck --quiet --std=c11 --enable=warning,portability,performance \
	    --inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
	    $(INC) -I$(BUILD) $(CPPCHECK_LOOPS) $(DEFS) milter tests/load tests/support

lint-tidy:
	printf '%s\n' $(MILTER_C) | xargs -P "$$(nproc)" -I{} clang-tidy --quiet {} \
	    -- $(STD) $(DEFS) $(INC) -I$(BUILD) $(PC_CFLAGS)

lint-man:
	mandoc -T lint -W warning $(wildcard milter/*.[158])

lint-sh:
	shellcheck $(LINT_SH)

lint-format:
	clang-format --dry-run -Werror $(LINT_C)

# --- install -----------------------------------------------------------------

INSTALL = install
AT_PREFIX = sed 's,/usr/local,$(PREFIX),g'
SBINDIR = $(DESTDIR)$(PREFIX)/sbin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
SHARE = $(DESTDIR)$(PREFIX)/share/postmeter
DOC = $(DESTDIR)$(PREFIX)/share/doc/postmeter
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
UNITS = postmeter.service postmeter-agent.service \
    postmeter-release.service postmeter-release.timer \
    postmeter-metrics.service postmeter-metrics.timer \
    postmeter-web.service postmeter-web.socket \
    postmeter-mail.service postmeter-mail.timer
SYSUSERSDIR = $(DESTDIR)$(PREFIX)/lib/sysusers.d
COMPLETIONDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
# Debian's zsh looks here for what packages bring.
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
CONFDIR = $(DESTDIR)$(SYSCONFDIR)/postmeter

install: all
	$(INSTALL) -d $(SBINDIR) $(MANDIR)/man5 $(MANDIR)/man8 $(SHARE) $(DOC) \
	    $(UNITDIR) $(SYSUSERSDIR) $(COMPLETIONDIR) $(CONFDIR)
	$(INSTALL) -m 755 $(PROGRAMS:%=$(BUILD)/%) $(SBINDIR)
	$(INSTALL) -d $(DESTDIR)$(SASLDIR)
	$(INSTALL) -m 644 $(BUILD)/libpostmeter-oauth.so $(DESTDIR)$(SASLDIR)
	umask 022; for page in milter/*.[58]; do \
		$(AT_PREFIX) $$page >$(MANDIR)/man$${page##*.}/$${page##*/} || \
		    exit 1; \
	done
	cp -R conf/. $(SHARE)
	cp -R contrib $(DOC)
	chmod -R u+rwX,go+rX,go-w $(SHARE) $(DOC)
	umask 022; for unit in $(UNITS); do \
		$(AT_PREFIX) contrib/systemd/$$unit >$(UNITDIR)/$$unit || \
		    exit 1; \
	done
	$(INSTALL) -m 644 contrib/systemd/postmeter.sysusers \
	    $(SYSUSERSDIR)/postmeter.conf
	$(INSTALL) -m 644 contrib/completion/postmeterctl.bash \
	    $(COMPLETIONDIR)/postmeterctl
	$(INSTALL) -d $(ZSHDIR)
	$(INSTALL) -m 644 contrib/completion/_postmeterctl $(ZSHDIR)
	@# What the administrator wrote is never touched.
	[ -e $(CONFDIR)/postmeter.conf ] || \
	    $(INSTALL) -m 644 conf/postmeter.conf $(CONFDIR)

# What was counted, the configuration and the keys stay.  Postfix and Sendmail
# must not ask for what is no longer there.
uninstall:
	@[ ! -e $(DESTDIR)$(SYSCONFDIR)/postfix/postmeter-setup.json ] || { \
	    echo 'first: postmeterctl setup postfix --undo && postfix reload'; exit 1; }
	@[ ! -e $(DESTDIR)$(SYSCONFDIR)/mail/postmeter-a.m4 ] || { \
	    echo 'first: postmeterctl setup sendmail --undo'; exit 1; }
	rm -f $(addprefix $(SBINDIR)/,$(notdir $(PROGRAMS))) \
	    $(DESTDIR)$(SASLDIR)/libpostmeter-oauth.so \
	    $(foreach p,$(notdir $(wildcard milter/*.[58])),$(MANDIR)/man$(subst .,,$(suffix $(p)))/$(p)) \
	    $(addprefix $(UNITDIR)/,$(UNITS)) $(SYSUSERSDIR)/postmeter.conf \
	    $(COMPLETIONDIR)/postmeterctl $(ZSHDIR)/_postmeterctl
	rm -rf $(SHARE) $(DOC)
	@echo 'left: $(SYSCONFDIR)/postmeter, /var/lib/postmeter, the user postmeter'

# --- the Debian package ------------------------------------------------------

deb:
	@tests/scenario/packages.sh build deb
	@contrib/debian/build.sh $(abspath $(BUILD)/deb)

# Its life in a Debian of that release.
test-deb:
	@tests/scenario/packages.sh lab
	@tests/package.sh $(RELEASE)

# --- the rest ----------------------------------------------------------------

help:
	@echo 'make                 build/postmeter and build/postmeterctl'
	@echo 'make check           every suite that needs no root'
	@echo 'make check-asan      the same under address and undefined behaviour sanitizers'
	@echo 'make check-tsan      what threads share, under the thread sanitizer'
	@echo 'make check-valgrind  the same under valgrind'
	@echo 'make fuzz            every parser for FUZZ_SECONDS=60 (clang)'
	@echo 'make lint            both compilers, cppcheck, clang-tidy, mandoc, shellcheck, clang-format'
	@echo 'make install         to PREFIX=/usr/local, SYSCONFDIR=/etc, below DESTDIR='
	@echo 'make deb             the Debian package, in build/deb'
	@echo 'make clean           removes all build folders'
	@echo
	@echo 'As root, in namespaces of their own: the mail server of the machine is not touched.'
	@echo 'make packages        installs the Debian packages that make needs'
	@echo 'make test-packages   and those of demo, suites and scenarios'
	@echo 'make demo            an office, a provider, and postmeter between them'
	@echo 'make test            packages, build, check, scenarios'
	@echo 'make test-release    demo and test in a fresh RELEASE=trixie or bookworm'
	@echo 'make test-deb        the life of the Debian package in a RELEASE'
	@echo 'make scenarios       the scenarios alone'
	@echo 'make soak            the exit in every weather, for minutes'
	@echo 'make faults          kills, full disks, lying clocks ...; FAULTS=short for 5 minutes'
	@echo 'make bench           speed, latency, growth beside other milters (PART=speed)'
	@echo 'make bench-report    pictures of that in build/bench (gnuplot)'
	@echo 'make bench-figures   its tables and goals into tests/bench/README.md'
	@echo
	@echo 'CC=clang, WERROR=-Werror, BUILD=folder, V=1 as you would expect'

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-gcc $(BUILD)-clang $(BUILD)-fuzz $(BUILD)-tsan

.PHONY: all tests check check-asan check-tsan check-threads check-valgrind fuzz deb test-deb packages test-packages test-release \
    print-floors print-inc print-programs print-objects demo test scenarios soak faults fault-tools bench bench-report bench-figures lint lint-compilers \
    lint-cppcheck lint-tidy lint-man lint-sh \
    lint-format install uninstall help clean
.SECONDARY:
-include $(wildcard $(foreach d,milter tests,$(addprefix $(BUILD)/$(d),/*.d /*/*.d /*/*/*.d)))
