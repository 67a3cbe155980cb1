# SPDX-License-Identifier: AGPL-3.0-or-later
# Makefile - short words for the presets of CMakePresets.json.
PREFIX ?= /usr/local
SECONDS_EACH ?= 60
SOURCES = $(shell git ls-files '*.c' '*.h' '*.cpp')

.PHONY: all check python ci check-slow asan tsan msan fuzz-smoke fuzz cover mutants emulate valgrind tidy format \
        bench install amalgamation dist help clean
.SILENT: help

all: ## build the library, the tool and the tests
	scripts/build.sh default

check: all ## build, then run every test once
	tools/run_tests.py build

python: all ## build the Python package, install it into .venv, run its tests
	scripts/python.sh
	tools/run_tests.py --tools build python_

ci: ## everything that CI runs: see scripts/test.sh
	scripts/test.sh

check-slow: all ## every test in its long form: 100,000 power cuts, each fault, hundreds of kills
	CUTS=100000 REBOOTS=4 STRIDE=1 KILLS=400 STRESS_SECONDS=180 tools/run_tests.py --timeout 7200 build

asan tsan msan: ## run every test under one sanitizer
	scripts/build.sh $@
	tools/run_tests.py build-$@

fuzz-smoke: ## run each fuzz target on new inputs for SECONDS_EACH (60)
	scripts/build.sh fuzz
	FUZZ_SECONDS=$(SECONDS_EACH) tools/run_tests.py --timeout $$(($(SECONDS_EACH) + 300)) build-fuzz _smoke

fuzz: ## look for new findings: fuzz-smoke with 1800 seconds each
	$(MAKE) fuzz-smoke SECONDS_EACH=1800

cover: ## list the lines and branches of src/ that no test runs
	scripts/build.sh cover
	find build-cover -name '*.gcda' -delete
	tools/run_tests.py build-cover
	tools/cover.py build-cover

mutants: ## put in the faults of tests/mutants.txt: each is killed by a test
	tools/mutants.py

valgrind: ## run unit and api tests under memcheck
	scripts/valgrind.sh

emulate: ## build and test for arm64, armhf and s390x under qemu
	scripts/emulate.sh

tidy: ## check layers, names, budgets, text, documents
	tools/tidy.py --tools

format: ## format every C file in place
	.venv/bin/clang-format -i $(SOURCES)

bench: all ## measure against the peers that are installed
	build/bin/nanots-bench

install: all ## install under PREFIX (/usr/local)
	cmake --install build --prefix $(PREFIX)

amalgamation: ## write the kernel as two files, build/amalgamation/nanots.{c,h}
	tools/amalgamate.py build/amalgamation

dist: ## write the last commit as build/nanots-VERSION.tar.gz
	scripts/dist.sh build

help: ## this list
	grep -E '^[a-z -]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

clean: ## remove every build
	rm -rf build build-*
