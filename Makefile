# Every command works on a fresh clone: it first installs what it needs, and says so.
# ARGS goes to the command: make demo ARGS="--candidates 300", make test ARGS="tests/core -k ledger".
.PHONY: demo test check bench accuracy bench-peers fuzz chaos hall install clean
.DEFAULT_GOAL := help
ARGS ?=

# The first Python that is new enough; tools/install.py explains when there is none.
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
INSTALL = @"$(or $(PYTHON),python3)" -m tools.install

.PHONY: help
help:
	@echo "make demo        a small exam from blank sheets to verified score reports, on this machine"
	@echo "make test        every test, against a real PostgreSQL, Valkey and Chromium"
	@echo "make check       the laws, types, style"
	@echo "make bench       the hot paths against floors measured in the same run"
	@echo "make accuracy    silent mistakes on ten million simulated bubbles a level; stops and goes on"
	@echo "make bench-peers another engine beside this one, on the same pages"
	@echo "make fuzz        broken and hostile files; stops and goes on"
	@echo "make chaos       kill -9 of anything at any moment, in intake and in marking, 200 times each; stops and goes on"
	@echo "make hall        a scan hall of ten stations, kills, clerks, and who sat where; its paper is made once"
	@echo "make install     everything the above need"
	@echo "make clean       remove .venv and what was built"

demo:
	$(INSTALL) runtime
	@.venv/bin/markhall demo $(ARGS)

test:
	$(INSTALL) tests machine
	@.venv/bin/pytest -n 2 --dist loadfile $(ARGS)

check:
	$(INSTALL) tests
	@.venv/bin/python -m tools.check $(ARGS)

bench:
	$(INSTALL) tests
	@.venv/bin/python -m benchmarks $(ARGS)

accuracy:
	$(INSTALL) tests
	@.venv/bin/python -m benchmarks.accuracy $(ARGS)

bench-peers:
	$(INSTALL) tests
	@.venv/bin/python -m benchmarks.peers $(ARGS)

fuzz:
	$(INSTALL) tests
	@.venv/bin/python -m benchmarks.fuzz $(ARGS)

chaos:
	$(INSTALL) tests machine
	@.venv/bin/python -m benchmarks.chaos_whole $(ARGS)

hall:
	$(INSTALL) tests machine
	@.venv/bin/python -m benchmarks.hall $(ARGS)

install:
	$(INSTALL) tests machine

clean:
	rm -rf .venv .make web/static web/client/node_modules
