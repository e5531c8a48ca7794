# postmeter: `make` builds, `sudo make demo` shows, `sudo make test` proves.
#
#   make              build/postmeter and build/postmeterctl
#   make check        every suite that needs no root
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
LIBS_PC = libconfuse jansson sqlite3 libcrypto libidn2
SYSTEMD ?= $(shell $(PKG_CONFIG) --exists libsystemd && echo yes || echo no)
ifeq ($(SYSTEMD),yes)
LIBS_PC += libsystemd
DEFS += -DWITH_SYSTEMD=1
else
DEFS += -DWITH_SYSTEMD=0
endif
DEFS += -DSYSCONFDIR='"$(SYSCONFDIR)"' -DDATADIR='"$(PREFIX)/share/postmeter"'
LIBS = $(shell $(PKG_CONFIG) --libs $(LIBS_PC)) -lunistring -lpthread
ALL_CFLAGS = $(STD) $(HARDEN) $(WARN) $(WERROR) $(DEFS) -Iinclude \
    $(shell $(PKG_CONFIG) --cflags $(LIBS_PC)) -MMD -MP $(SAN) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LD) $(SAN) $(LDFLAGS)

# Two mains and the two milter files stand alone; the rest is one archive,
# from which daemon, tool and tests take what they use.
TOOL_SRC = milter/postmeterctl.c $(wildcard milter/ctl_*.c)
DAEMON_SRC = milter/postmeter.c milter/mlfi.c
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

all: $(BUILD)/postmeter $(BUILD)/postmeterctl

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(Q),$(say) CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# What `postmeterctl setup sendmail` writes, as C strings.
$(BUILD)/%.inc: %.m4
	@mkdir -p $(@D)
	@sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $< >$@
$(BUILD)/milter/ctl_mc.o: ALL_CFLAGS += -I$(BUILD)
$(BUILD)/milter/ctl_mc.o: $(BUILD)/contrib/sendmail/postmeter-a.inc \
    $(BUILD)/contrib/sendmail/postmeter-b.inc

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

$(BUILD)/tests/%.o: WARN += -Wno-unused-parameter -Wno-missing-prototypes \
    -Wno-missing-declarations

$(BUILD)/tests/test_%: $(BUILD)/tests/test_%.o $(LIB)
	$(if $(Q),$(say) LD $@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB) -lcmocka $(LIBS)

# The milter door is tested against a file that plays the mail server.
$(BUILD)/tests/test_mlfi: $(BUILD)/tests/fake_smfi.o $(BUILD)/milter/mlfi.o

# The tool without its main, as its tests need it.
CTL = $(call obj,$(wildcard milter/ctl_*.c))
$(BUILD)/tests/test_ctl_text $(BUILD)/tests/test_setup \
    $(BUILD)/tests/test_setup_sendmail: $(CTL)

tests: $(TESTS)

clean:
	rm -rf build

.PHONY: all tests clean
.SECONDARY:
-include $(wildcard $(BUILD)/milter/*.d $(BUILD)/tests/*.d $(BUILD)/tests/*/*.d)
