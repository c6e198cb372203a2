# An index of what can be done here; the work is in the scripts below tests/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help all build package dist install test bench fuzz fuzz-optimizely numbers freeze lint fmt demo demo-stop psql clean

# The PostgreSQL of `build` and `install`.
PG_CONFIG ?= pg_config

# `make test LAYERS="lint core"` runs these layers only.
LAYERS ?=

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

build: ## build a release package for the PostgreSQL of PG_CONFIG
	@tests/lib/pgrx package --pg-config "$(PG_CONFIG)"

# PGXN's client makes this before it installs.
all: build

install: ## build a release and install it into the PostgreSQL of PG_CONFIG
	@tests/lib/pgrx install --release --pg-config "$(PG_CONFIG)"

test: ## install what is needed and run all tests, on PostgreSQL 15, 16 and 18
	@LOTTY_APT=yes tests/run $(LAYERS)

# The PostgreSQL versions of `make package`; none: all that can be had.
VERSIONS ?=

package: ## build Debian packages, one for each PostgreSQL: VERSIONS="15 16 18"
	@LOTTY_APT=yes packaging/run $(VERSIONS)

dist: ## make the archive for PGXN out of the last commit
	@packaging/dist

bench: ## measure Lotty side by side with its floors, and write bench/RESULTS.md
	@LOTTY_APT=yes bench/run

# How long `make fuzz` takes for each target.
SECONDS_EACH ?= 600

fuzz: ## fuzz the engine, for ten minutes with each kind of input
	@tests/fuzz/run $(SECONDS_EACH)

numbers: ## compare reports with all recorded numbers, two million, on PostgreSQL 15
	@LOTTY_APT=yes LOTTY_NUMBERS=all tests/run --pg 15 numbers

# The scenarios of `make fuzz-optimizely`: 400 take about a minute.
SEEDS ?= 1..5000

fuzz-optimizely: ## compare random projects with the Optimizely SDK, on PostgreSQL 15
	@LOTTY_APT=yes LOTTY_OPTIMIZELY_SEEDS=$(SEEDS) tests/run --pg 15 optimizely

# The version that is begun after the one that is released; by default the next minor one.
NEXT ?=

freeze: ## release the current version: freeze its scripts, commit, tag, begin the next (docs/releasing.md)
	@PG_CONFIG="$(PG_CONFIG)" sql/released/freeze $(if $(NEXT),--next $(NEXT))

lint: ## check the format and run clippy
	@tests/run lint

fmt: ## format the Rust code
	@cargo fmt --all

demo: ## start a private server with a shop, decide for its users, show the results
	@tests/demo/run

demo-stop: ## stop the server of the demo and remove its data
	@tests/demo/stop

psql: ## open psql on the server of the demo
	@tests/demo/psql

clean: demo-stop ## remove everything that was built, fetched or installed here
	@tests/lib/clean
