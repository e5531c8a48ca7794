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
ALL_CFLAGS = $(STD) $(HARDEN) $(WARN) $(WERROR) $(DEFS) -Iinclude \
    $(PC_CFLAGS) -MMD -MP $(SAN) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LD) $(SAN) $(LDFLAGS)

# Two mains and the two milter files stand alone; the rest is one archive,
# from which daemon, tool and tests take what they use.
TOOL_SRC = milter/postmeterctl.c $(wildcard milter/ctl_*.c)
DAEMON_SRC = milter/postmeter.c milter/mlfi.c milter/reserve.c
LIB_SRC = $(filter-out $(TOOL_SRC) $(DAEMON_SRC),$(wildcard milter/*.c))
obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB = $(BUILD)/libpostmeter.a

TEST_SRC = $(wildcard tests/test_*.c)
TESTS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))

ifeq ($(V),1)
Q =
else
Q = @
endif
say = @printf '  %-4s %s\n'

# --- build -------------------------------------------------------------------

all: $(BUILD)/postmeter $(BUILD)/postmeterctl

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
$(BUILD)/milter/ctl_mc.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/ctl_mc.o: $(BUILD)/contrib/sendmail/postmeter-a.inc \
    $(BUILD)/contrib/sendmail/postmeter-b.inc
$(BUILD)/milter/redis_script.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/redis_script.o: $(BUILD)/milter/store_redis.inc

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
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcurl $(LIBS)

# --- tests -------------------------------------------------------------------

$(BUILD)/tests/%.o: WARN += -Wno-unused-parameter -Wno-unused-function -Wno-missing-prototypes \
    -Wno-missing-declarations

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LIBS)

# The milter door is tested against a file that plays the mail server.
$(BUILD)/tests/test_mlfi $(BUILD)/tests/test_peers \
    $(BUILD)/tests/test_routing: $(BUILD)/tests/fake_smfi.o \
    $(BUILD)/milter/mlfi.o

# What every store must do is one suite, for each of them.
$(BUILD)/tests/test_store $(BUILD)/tests/test_redis $(BUILD)/tests/test_crash: \
    $(BUILD)/tests/store_contract.o

# ... and what is left of it by a disk that lost its power.
$(BUILD)/tests/test_power: $(BUILD)/tests/store_contract.o $(BUILD)/tests/disk.o

# The tool without its main, as its tests need it.
CTL = $(call obj,$(wildcard milter/ctl_*.c))
CTL_TESTS = $(BUILD)/tests/test_ctl_text $(BUILD)/tests/test_setup \
    $(BUILD)/tests/test_audit $(BUILD)/tests/test_ctl_secret $(BUILD)/tests/test_setup_sendmail
$(CTL_TESTS): $(CTL)
$(CTL_TESTS): LIBS += -lcurl

# A smarthost is probed with libcurl, against a server that the test makes up.
$(BUILD)/tests/test_probe: $(BUILD)/tests/smtpd.o
$(BUILD)/tests/test_probe: LIBS += -lcurl -lssl

# Load for a milter, and a milter that says yes to everything.
TOOLS = $(BUILD)/tests/tools/milterload $(BUILD)/tests/tools/nullmilter \
    $(BUILD)/tests/tools/proxy

LOAD = $(call obj,tests/tools/load.c tests/tools/milterclient.c)
$(BUILD)/tests/tools/milterload: $(call obj,tests/tools/milterload.c) $(LOAD)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/tests/tools/nullmilter: $(call obj,tests/tools/nullmilter.c)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lmilter -lpthread

$(BUILD)/tests/tools/proxy: $(call obj,tests/tools/proxy.c)
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
FUZZ_SRC = $(wildcard tests/fuzz/fuzz_*.c)
REPLAYS = $(patsubst tests/%.c,$(BUILD)/tests/%,$(FUZZ_SRC))

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o \
    $(BUILD)/tests/fuzz/replay.o $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) $(LIBS)

SUITE = $(TESTS) $(REPLAYS)

tests: $(SUITE) $(TOOLS)

check: $(SUITE) all
	@BUILD=$(BUILD) tests/check.sh $(SUITE) tests/hardening.sh tests/usage.sh

check-asan:
	@UBSAN_OPTIONS=print_stacktrace=1 $(MAKE) --no-print-directory check \
	    BUILD=$(BUILD)-asan WERROR=-Werror \
	    SAN="$(ASAN)"

# What threads share: the stores, the snapshot, and the doors.
TSAN_SUITE = store redis crash store_fail snapshot health probe socketmap \
    control peers mlfi routing creds logwriter
check-tsan:
	@$(MAKE) --no-print-directory check-threads BUILD=$(BUILD)-tsan \
	    WERROR=-Werror SAN="-fsanitize=thread -U_FORTIFY_SOURCE"

check-threads: $(TSAN_SUITE:%=$(BUILD)/tests/test_%)
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
$(BUILD)/libfuzzer_%: $(BUILD)/tests/fuzz/fuzz_%.o $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# --- with real parts, as root -------------------------------------------------

SCENARIOS = message_goes_all_the_way accounts own_address failover_under_load \
    no_credential_leaks lured parallel_limit \
    kill_nine restart_in_the_middle sendmail sendmail_secrets \
    shared_store shared_store_trouble

packages:
	@tests/scenario/packages.sh

# A make of its own each: only after the packages are there can this file be
# read to the end.
demo: packages
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) tests/scenario/demo.sh

test: packages
	@$(MAKE) --no-print-directory WERROR=-Werror all tests
	@$(MAKE) --no-print-directory WERROR=-Werror check
	@$(MAKE) --no-print-directory WERROR=-Werror scenarios

scenarios: all $(TOOLS)
	@for s in $(SCENARIOS); do \
		BUILD=$(BUILD) tests/scenario/$$s.sh; rc=$$?; \
		[ $$rc -eq 0 ] || [ $$rc -eq 77 ] || exit 1; \
	done

# A fault each, and one checker of ledger against store.  FAULTS=short: less of
# the same, about five minutes.  FAULT="disk storm": these alone.
FAULT_TOOLS = $(BUILD)/tests/faults/hold $(BUILD)/tests/faults/mutate \
    $(BUILD)/tests/faults/failmalloc.so $(BUILD)/tests/faults/slowsync.so
FAULT_SCRIPTS = $(if $(FAULT),$(FAULT:%=tests/faults/%.sh),\
    $(filter-out tests/faults/lib.sh tests/faults/run.sh,$(wildcard tests/faults/*.sh)))

$(BUILD)/tests/faults/hold $(BUILD)/tests/faults/mutate: %: %.o
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/tests/faults/%.so: tests/faults/%.c
	@mkdir -p $(@D)
	$(if $(Q),$(say) CC $<)
	$(Q)$(CC) $(STD) $(WARN) $(WERROR) -O2 -fPIC -shared -o $@ $<

fault-tools: $(FAULT_TOOLS) $(TOOLS) $(BUILD)/tests/test_power \
    $(BUILD)/tests/bench/milterbench

# Damaged stores are opened with the sanitizers looking on.
ASAN = -fsanitize=address,undefined -fno-sanitize-recover=all \
    -fno-omit-frame-pointer -U_FORTIFY_SOURCE

faults:
	@tests/scenario/packages.sh faults
	@$(MAKE) --no-print-directory all fault-tools
	@$(MAKE) --no-print-directory BUILD=$(BUILD)-asan SAN="$(ASAN)" \
	    $(BUILD)-asan/postmeter $(BUILD)-asan/tests/faults/reopen
	@BUILD=$(BUILD) tests/faults/run.sh $(FAULT_SCRIPTS)

$(BUILD)/tests/faults/reopen: $(BUILD)/tests/faults/reopen.o $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# What it costs, in ten minutes; BENCH_SECONDS=0.2 for a glance.
bench:
	@tests/scenario/packages.sh bench
	@$(MAKE) --no-print-directory all $(TOOLS) $(BENCH)
	@BUILD=$(BUILD) tests/bench/bench.sh $(PART)

bench-report:
	@tests/scenario/packages.sh bench
	@BUILD=$(BUILD) tests/bench/report.sh

# --- lint --------------------------------------------------------------------

LINT_C = $(wildcard milter/*.c tests/*.c tests/fuzz/*.c tests/tools/*.c \
    tests/bench/*.c tests/faults/*.c)
LINT_SH = .ci/run $(wildcard tests/*.sh tests/scenario/*.sh \
    tests/scenario/lib/*.sh tests/bench/*.sh tests/faults/*.sh)

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
    $(BUILD)/contrib/sendmail/postmeter-b.inc $(BUILD)/milter/store_redis.inc
	cppcheck --quiet --std=c11 --enable=warning,portability,performance \
	    --inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem \
	    -Iinclude -I$(BUILD) $(CPPCHECK_LOOPS) $(DEFS) milter tests/tools

lint-tidy:
	clang-tidy --quiet $(wildcard milter/*.c) -- $(STD) $(DEFS) -Iinclude \
	    -I$(BUILD) $(PC_CFLAGS)

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
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(DESTDIR)$(PREFIX)/lib/sysusers.d
COMPLETIONDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
CONFDIR = $(DESTDIR)$(SYSCONFDIR)/postmeter

install: all
	$(INSTALL) -d $(SBINDIR) $(MANDIR)/man5 $(MANDIR)/man8 $(SHARE) \
	    $(UNITDIR) $(SYSUSERSDIR) $(COMPLETIONDIR) $(CONFDIR)
	$(INSTALL) -m 755 $(BUILD)/postmeter $(BUILD)/postmeterctl $(SBINDIR)
	umask 022; for page in milter/*.[58]; do \
		$(AT_PREFIX) $$page >$(MANDIR)/man$${page##*.}/$${page##*/} || \
		    exit 1; \
	done
	cp -R conf/. contrib $(SHARE)
	chmod -R u+rwX,go+rX,go-w $(SHARE)
	umask 022; $(AT_PREFIX) contrib/systemd/postmeter.service \
	    >$(UNITDIR)/postmeter.service
	$(INSTALL) -m 644 contrib/systemd/postmeter.sysusers \
	    $(SYSUSERSDIR)/postmeter.conf
	$(INSTALL) -m 644 contrib/completion/postmeterctl.bash \
	    $(COMPLETIONDIR)/postmeterctl
	@# What the administrator wrote is never touched.
	[ -e $(CONFDIR)/postmeter.conf ] || \
	    $(INSTALL) -m 644 conf/postmeter.conf $(CONFDIR)

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
	@echo 'make clean           removes all build folders'
	@echo
	@echo 'As root, in namespaces of their own: the mail server of the machine is not touched.'
	@echo 'make packages        installs the Debian packages that are missing'
	@echo 'make demo            an office, a provider, and postmeter between them'
	@echo 'make test            packages, build, check, scenarios'
	@echo 'make scenarios       the scenarios alone'
	@echo 'make faults          kills, full disks, lying clocks ...; FAULTS=short for 5 minutes'
	@echo 'make bench           speed, latency, growth beside other milters (PART=speed)'
	@echo 'make bench-report    pictures of that in build/bench (gnuplot)'
	@echo
	@echo 'CC=clang, WERROR=-Werror, BUILD=folder, V=1 as you would expect'

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-gcc $(BUILD)-clang $(BUILD)-fuzz $(BUILD)-tsan

.PHONY: all tests check check-asan check-tsan check-threads check-valgrind fuzz packages \
    demo test scenarios faults fault-tools bench bench-report lint lint-compilers \
    lint-cppcheck lint-tidy lint-man lint-sh \
    lint-format install help clean
.SECONDARY:
-include $(wildcard $(BUILD)/milter/*.d $(BUILD)/tests/*.d $(BUILD)/tests/*/*.d)
