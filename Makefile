# Countersign.  `make help` lists what there is; README.md says why.
#
# Variants build side by side: plain (what runs), asan (address and undefined
# sanitizers, for the unit tests), fault (kill points, for the crash tests).
# Each program is one file of cgi-bin/ over build/VARIANT/libcountersign.a, from
# which the linker takes only the members that the program names.

# make's own default is cc, which ?= would leave.
ifeq ($(origin CC),default)
CC := gcc
endif
VARIANT ?= plain
B       := build/$(VARIANT)

PACKAGES := libcurl openssl sqlite3 jansson cjose expat zlib
CPPFLAGS += -Ilib -I$(B)/gen -D_GNU_SOURCE
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fPIE
LINK     := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--gc-sections -Wl,--as-needed
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=c17 $(WARN) $(HARDEN) -ffunction-sections -fdata-sections -pthread -MMD -MP $(CFLAGS)

ifeq ($(VARIANT),asan)
CFLAGS   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else
CPPFLAGS += -D_FORTIFY_SOURCE=2
endif
ifeq ($(VARIANT),fault)
CPPFLAGS += -DCOUNTERSIGN_FAULTS
endif

# Asked of pkg-config only where something is compiled, so that `make help` and
# the set-up work before the packages are there.
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS   = $(shell pkg-config --libs $(PACKAGES)) -lfcgi -lm

LIB_SRC   := $(sort $(wildcard lib/*/*.c))
PROG_SRC  := $(sort $(wildcard cgi-bin/*.c))
CMD_SRC   := $(sort $(wildcard bin/*.c))
UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELP := $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))
SQL_SRC   := $(sort $(wildcard sql/*.sql))

LIB_OBJ   := $(LIB_SRC:%.c=$(B)/%.o)
PROGRAMS  := $(PROG_SRC:%.c=$(B)/%)
COMMAND   := $(if $(CMD_SRC),$(B)/bin/countersign)
UNITS     := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
ARCHIVE   := $(B)/libcountersign.a

PROBE     := $(B)/servers/probe

.PHONY: all build units probe help run start stop test clean format tidy flags setup

help:
	@echo 'make run      installs what is missing, builds, starts all on http://localhost:8080; Ctrl-C ends it'
	@echo 'make start    the same in the background;  make stop  ends it'
	@echo 'make test     the same set-up, then every test; last line: N passed, N failed, N skipped'
	@echo 'make build    the programs only, under build/$(VARIANT) (VARIANT=plain, asan, fault)'
	@echo 'make format   lays the sources out;  make tidy  checks layout and runs clang-tidy'
	@echo 'make clean    removes build/ (var/, the development state, stays)'

.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

all: build

build: $(PROGRAMS) $(COMMAND)
units: $(UNITS)
probe: $(PROBE)

$(B)/libfcgi-checked: deploy/dev/libfcgi.sh $(wildcard /var/lib/dpkg/info/libfcgi-dev.list)
	@mkdir -p $(@D)
	@deploy/dev/libfcgi.sh
	@touch $@

$(ARCHIVE): $(LIB_OBJ) | $(B)/libfcgi-checked
	@rm -f $@
	@ar qcs $@ $^

# The statements of sql/ become one C file, so that the programs carry them and
# nothing is composed at run time.
$(B)/gen/sql.inc: $(SQL_SRC) bin/sql-to-c.sh
	@mkdir -p $(@D)
	@sh bin/sql-to-c.sh $(SQL_SRC) > $@

$(filter $(B)/lib/store/%.o,$(LIB_OBJ)): $(B)/gen/sql.inc

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(CPPFLAGS) $(PKG_CFLAGS) -c $< -o $@

$(B)/cgi-bin/%: $(B)/cgi-bin/%.o $(ARCHIVE)
	$(CC) $(ALL_CFLAGS) $(LINK) $< $(ARCHIVE) $(PKG_LIBS) -o $@

$(B)/bin/countersign: $(CMD_SRC:%.c=$(B)/%.o) $(ARCHIVE)
	$(CC) $(ALL_CFLAGS) $(LINK) $(filter %.o,$^) $(ARCHIVE) $(PKG_LIBS) -o $@

$(B)/unit/%: $(B)/tests/unit/%.o $(UNIT_HELP:%.c=$(B)/%.o) $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK) $(filter %.o,$^) $(ARCHIVE) $(PKG_LIBS) -lcmocka -o $@

# A program with one route of each kind, for the tests of the loop under real servers.
$(PROBE): $(B)/tests/servers/probe.o $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LINK) $(filter %.o,$^) $(ARCHIVE) $(PKG_LIBS) -o $@

-include $(LIB_OBJ:.o=.d) $(PROG_SRC:%.c=$(B)/%.d) $(CMD_SRC:%.c=$(B)/%.d)
-include $(UNIT_SRC:%.c=$(B)/%.d) $(UNIT_HELP:%.c=$(B)/%.d) $(B)/tests/servers/probe.d
.SECONDARY:

# Compiling and the set-up must not both be make's: what compiles asks pkg-config,
# which the set-up installs.  So each command is one call of make after the set-up.
OWNER := deploy/dev/as-owner.sh
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

setup:
	@deploy/dev/setup.sh run

run start:
	@deploy/dev/setup.sh run
	@$(OWNER) $(MAKE) --no-print-directory -s -j$(JOBS) VARIANT=plain build
	@exec $(OWNER) deploy/dev/dev.sh $@

stop:
	@$(OWNER) deploy/dev/dev.sh stop

test:
	@deploy/dev/setup.sh test
	@$(OWNER) $(MAKE) --no-print-directory -s -j$(JOBS) VARIANT=plain build units probe
	@$(OWNER) $(MAKE) --no-print-directory -s -j$(JOBS) VARIANT=asan units
	@$(OWNER) $(MAKE) --no-print-directory -s -j$(JOBS) VARIANT=fault build
	@exec $(OWNER) deploy/dev/node.sh tests/run.mjs

C_FILES = $(wildcard lib/*/*.[ch] cgi-bin/*.[ch] bin/*.[ch] tests/unit/*.[ch] tests/servers/*.c)

format:
	@deploy/dev/setup.sh lint
	@clang-format -i $(C_FILES)

LINT_FLAGS = -std=c17 $(WARN) $(CPPFLAGS) $(PKG_CFLAGS)

# A process for each file: clang-tidy's check of va_list carries names from file to file.
tidy: $(B)/gen/sql.inc
	@deploy/dev/setup.sh lint
	@clang-format --dry-run -Werror $(C_FILES)
	@printf '%s\n' $(LIB_SRC) $(PROG_SRC) $(CMD_SRC) | \
		xargs -P$(JOBS) -I{} clang-tidy --quiet {} -- $(LINT_FLAGS)

# For the test that checks the same.
flags: $(B)/gen/sql.inc
	@echo '$(LINT_FLAGS)'

clean:
	rm -rf build
