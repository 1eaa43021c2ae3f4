# Builds, tests and releases both programs. `make help` lists what there is.

GO          ?= go
comma       := ,
# Tags of an ordinary build. BUILDTAGS=debug reads pages, scripts and error pages from
# assets/ whenever they are asked for, so that they can be edited while ngrok runs.
BUILDTAGS   ?=
# How long each fuzz target runs in `make fuzz`, and in `make test`.
FUZZTIME    ?= 30s
TESTFUZZ    ?= 2s
# How many sequences `make frames` reads.
FRAMES      ?= 100000000
# Which benchmarks `make bench` runs and how often; options of `make bench-tunnel`.
BENCH       ?= .
BENCHCOUNT  ?= 1
BENCHFLAGS  ?=
# The least share of statements that `make cover` accepts, per room, in percent.
COVER_MIN   ?= 80
COVER_ROOMS := server client conn msg
PLATFORMS   := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# Go's own installer leaves it to the user to find it.
export PATH := $(PATH):/usr/local/go/bin

# GOOS= and GOARCH= build for another machine, into bin/GOOS_GOARCH.
PLATFORM := $(shell PATH='$(PATH)' $(GO) env GOHOSTOS GOHOSTARCH GOOS GOARCH)
HOST     := $(word 1,$(PLATFORM))_$(word 2,$(PLATFORM))
TARGET   := $(or $(GOOS),$(word 3,$(PLATFORM)))_$(or $(GOARCH),$(word 4,$(PLATFORM)))
BIN      := bin$(if $(filter-out $(HOST),$(TARGET)),/$(TARGET))
EXE      := $(if $(filter windows_%,$(TARGET)),.exe)
# What is run on this machine in the course of a build has to be for this machine.
NATIVE   := env -u GOOS -u GOARCH
BUILD     = CGO_ENABLED=0 $(GO) build -trimpath
STRIP    := -ldflags '-s -w'

.PHONY: all server client sample release release-server release-client release-all certs snakeoil \
	assets vendor-web debug-assets run test test-long prepare race fuzz corpus frames chaos soak replace storm lint \
	cover bench bench-tunnel cross clean help

all: server client ## build bin/ngrokd and bin/ngrok

server: debug-assets
	$(BUILD) -tags '$(BUILDTAGS)' -o $(BIN)/ngrokd$(EXE) ./cmd/ngrokd

client: debug-assets
	$(BUILD) -tags '$(BUILDTAGS)' -o $(BIN)/ngrok$(EXE) ./cmd/ngrok

sample: ## build bin/sample, a small service to try tunnels with
	$(BUILD) -o $(BIN)/sample$(EXE) ./cmd/sample

debug-assets:
ifneq ($(filter debug,$(subst $(comma), ,$(BUILDTAGS))),)
	$(NATIVE) assets/embed.sh server debug
	$(NATIVE) assets/embed.sh client debug
endif

release: release-server release-client ## build both with what is in assets/ now baked in, also your `make certs`

release-server:
	$(NATIVE) assets/embed.sh server baked
	$(BUILD) $(STRIP) -tags release -o $(BIN)/ngrokd$(EXE) ./cmd/ngrokd

release-client:
	$(NATIVE) assets/embed.sh client baked
	$(BUILD) $(STRIP) -tags release -o $(BIN)/ngrok$(EXE) ./cmd/ngrok

release-all: ## the same for linux, darwin and windows, amd64 and arm64, into bin/GOOS_GOARCH
	@set -e; for p in $(PLATFORMS); do \
		$(MAKE) --no-print-directory release GOOS=$${p%/*} GOARCH=$${p#*/}; \
	done

certs: ## DOMAIN=D: make a CA and a certificate for D and put them in assets/ for `make release`
	@test -n '$(DOMAIN)' || { echo "make certs: say for which domain: make certs DOMAIN=tunnel.example.com" >&2; exit 2; }
	$(NATIVE) $(GO) run ./cmd/ngrokd certs -domain '$(DOMAIN)' -out 'certs/$(DOMAIN)'
	install -m 0644 'certs/$(DOMAIN)/server.crt' assets/server/tls/ngrokd.crt
	install -m 0600 'certs/$(DOMAIN)/server.key' assets/server/tls/ngrokd.key
	install -m 0644 'certs/$(DOMAIN)/ca.crt' assets/client/tls/ngrokroot.crt
	@echo "In assets/ now, and baked in by: make release-server release-client"

snakeoil: ## make the development certificate anew (then: make assets, and commit)
	$(NATIVE) $(GO) run ./cmd/internal/snakeoil

assets: ## generate client/assets and server/assets from assets/, to be committed
	$(NATIVE) assets/embed.sh server plain
	$(NATIVE) assets/embed.sh client plain

vendor-web: ## fetch the libraries of the inspector's page anew, as assets/client/package.json pins them
	assets/client/vendor.sh

run: all ## start ngrokd on loopback and ngrok in front of a sample, or of your service with PORT=N
	@$(GO) build -o bin/demo$(EXE) ./cmd/internal/demo
	@exec bin/demo$(EXE) -port '$(PORT)'

test: prepare race cross ## run all tests, each fuzz target for a moment, and build for all platforms
	.ci/fuzz $(TESTFUZZ)

prepare:
	.ci/prepare

# The race detector needs a C compiler.
RACE := $(if $(shell command -v gcc || command -v clang),-race)
race:
	@test -n '$(RACE)' || echo "make test: no C compiler, so the race detector is off"
	$(GO) test $(RACE) -shuffle=on ./...

test-long: prepare ## run the tests of the built programs at full size: about ten minutes and 2 GiB bodies
	$(GO) test -timeout 60m -v ./cmd/internal/e2e/programs -args -long

fuzz: ## run every fuzz target for FUZZTIME (30s)
	.ci/fuzz $(FUZZTIME)

corpus: ## keep some of the inputs that `make fuzz` has found here, for `go test` to read
	.ci/corpus

frames: ## read FRAMES (100000000) random sequences of frames
	GOGC=1000 $(GO) test ./conn -run StreamAtRandom -count 1 -v -timeout 0 -args -executions=$(FRAMES)

# What the fault laboratory is told, such as CHAOS='-seed 7 -short' or CHAOS=figures.
CHAOS       ?=
SOAK        ?= 30m
chaos: all ## break both programs under verified load for half an hour; CHAOS='-short' or CHAOS=figures
	@$(GO) build -o bin/chaos ./cmd/internal/chaos
	@exec bin/chaos $(CHAOS)

soak: all ## mixed load without faults for SOAK (30m): memory and goroutines must stay flat
	@$(GO) build -o bin/chaos ./cmd/internal/chaos
	@exec bin/chaos -time $(SOAK) soak

replace: ## replace the server 100 times under load, by SIGUSR2
	$(GO) test ./cmd/ngrokd -run ReplaceUnderLoad -count 1 -v -args -replacements=100 | grep -v level=

storm: ## restart a server that has 1,000 clients
	$(GO) test ./cmd/internal/e2e -run ReconnectStorm -count 1 -v -args -storm=1000 | grep -v level=

lint: ## gofmt, vet, staticcheck, and whether the generated assets are up to date
	.ci/lint

cover: ## fail if a room's tests cover less than COVER_MIN percent of it
	$(GO) test -coverprofile=coverage.out -coverpkg=./... ./...
	.ci/cover coverage.out $(COVER_MIN) $(COVER_ROOMS)

# For two versions to be compared: make bench BENCHCOUNT=8 >old.txt, the same >new.txt,
# then benchstat old.txt new.txt.
bench: ## run the Go benchmarks (BENCH=regexp, BENCHCOUNT=8 for benchstat)
	@$(GO) test -run '^$$' -bench '$(BENCH)' -count $(BENCHCOUNT) -timeout 1h \
		$(shell $(GO) list -f '{{.Dir}} {{.TestGoFiles}} {{.XTestGoFiles}}' ./... | awk '/bench_test[.]go/ { print $$1 }')

bench-tunnel: all ## compare no tunnel, the tunnel's modes and haproxy (BENCHFLAGS=-h says more)
	@$(GO) build -o bin/benchtunnel$(EXE) ./cmd/internal/benchtunnel
	@bin/benchtunnel$(EXE) $(BENCHFLAGS)

cross: ## see that both programs build for linux, darwin and windows, amd64 and arm64
	@set -e; for p in $(PLATFORMS); do \
		echo "build for $$p"; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null ./cmd/ngrokd; \
		CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null ./cmd/ngrok; \
	done

clean: ## remove what was built; certs/ and what `make certs` put in assets/ stay
	rm -rf bin coverage.out
	rm -f client/assets/assets_debug.go client/assets/assets_baked.go server/assets/assets_debug.go server/assets/assets_baked.go

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
