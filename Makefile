# Thin: every target is one or two commands. `make help` lists them.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
# QUICK=1 makes `make bench` end within minutes; its figures are for the eye.
QUICK   ?=
# HTTP=0 builds the libraries without native dependencies (no HTTP jobs).
HTTP    ?= 1

TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SONAME  := libbifrost.so.$(firstword $(subst ., ,$(VERSION)))
CAPI    := $(if $(filter 0,$(HTTP)),--no-default-features)
LIBS    := $(TARGET)/lib
# What the archive needs of the system, told by rustc when it makes it.
NEEDED  := $(TARGET)/dist/needed-by-http-$(HTTP)
DEST    := $(DESTDIR)$(PREFIX)

# The models need loom's cfg on the whole graph, so they are built beside everything else.
LOOM    := RUSTFLAGS="$(RUSTFLAGS) --cfg loom" CARGO_TARGET_DIR="$(TARGET)/loom" \
           CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true $(CARGO)
# Atomics that can be disturbed: also of the whole graph, also beside everything else.
CHAOS   := RUSTFLAGS="$(RUSTFLAGS) --cfg bifrost_chaos" CARGO_TARGET_DIR="$(TARGET)/chaos" \
           CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true $(CARGO)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint loom mutants stress theory bench lib install uninstall clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

setup: ## install what a build needs (a C and a C++ compiler, git)
	@sh scripts/setup.sh

demo: setup ## three providers, one of them broken midway, and what the others notice
	@$(CARGO) run --release --locked -p bifrost-cli -- demo

test: setup ## everything: Rust, doc, C, house, header drift, short theory, quick loom, short stress
	$(CARGO) test --workspace --all-features --locked
	$(CHAOS) test -p stress-tests --locked
	@$(MAKE) --no-print-directory loom

lint: setup ## format, clippy and rustdoc, warnings as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features --locked -- -D warnings
	$(LOOM) clippy -p loom-tests --all-targets --locked -- -D warnings
	$(CHAOS) clippy -p stress-tests --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --all-features --no-deps --locked

loom: setup ## the models of every synchronisation edge
	$(LOOM) test -p loom-tests --release --locked

mutants: setup ## weaken each memory ordering, one at a time (ONLY=src/ring for a part)
	$(CARGO) run -p loom-tests --bin mutants --locked -- $(ONLY)

stress: setup ## histories, 10^8 operations, threads frozen at every atomic site: the long run
	$(CARGO) test -p stress-tests --release --locked -- --include-ignored --nocapture
	$(CHAOS) test -p stress-tests --release --locked -- --include-ignored --nocapture

theory: setup ## queueing theory against the real pool on the test clock, the long run
	$(CARGO) test --release --locked --test theory -- --ignored --nocapture

bench: setup ## queue, jobs, stall and overload beside all peers, into docs/bench (QUICK=1: for the eye)
	$(CARGO) run --profile dist --locked -p benches -- all --out docs/bench $(if $(filter-out 0,$(QUICK)),--quick)

lib: setup ## libbifrost.so and libbifrost.a (HTTP=0: without native dependencies)
	$(CARGO) rustc -p bifrost-capi --lib --profile dist --locked $(CAPI) --crate-type staticlib \
	    -- --print "native-static-libs=$(NEEDED)"
	sh capi/link.sh "$(TARGET)/dist/libbifrost.a" "$(LIBS)" $(SONAME) $(VERSION) \
	    "$$(cat "$(NEEDED)")"
	@ls -l "$(LIBS)"

install: lib ## header, libraries and pkg-config file below $(DESTDIR)$(PREFIX)
	install -d "$(DEST)/include" "$(DEST)/lib/pkgconfig"
	install -m 644 include/bifrost.h "$(DEST)/include/"
	install -m 644 "$(LIBS)/libbifrost.a" "$(DEST)/lib/"
	install -m 755 "$(LIBS)/libbifrost.so.$(VERSION)" "$(DEST)/lib/"
	ln -sf libbifrost.so.$(VERSION) "$(DEST)/lib/$(SONAME)"
	ln -sf $(SONAME) "$(DEST)/lib/libbifrost.so"
	sed -e 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' \
	    -e "s|^Libs.private:.*|Libs.private: $$(cat "$(NEEDED)")|" scripts/bifrost.pc.in \
	    > "$(DEST)/lib/pkgconfig/bifrost.pc"

uninstall: ## remove what install wrote
	rm -f "$(DEST)/include/bifrost.h" "$(DEST)/lib/libbifrost.a" "$(DEST)/lib/libbifrost.so" \
	    "$(DEST)/lib/$(SONAME)" "$(DEST)/lib/libbifrost.so.$(VERSION)" "$(DEST)/lib/pkgconfig/bifrost.pc"

clean: ## remove everything that was built
	$(CARGO) clean
