# make help lists the targets. Only Go is needed, and gcc for make race.

GO        ?= go
FUZZTIME  ?= 10s
BENCHTIME ?= 200ms
PORT      ?= 4222
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: build run test long race sim pipebell invariants lint staticcheck fuzz record microbench figures compare scale million report-test cross conformance differential chaos soak memory cover tidy help

build: ## build the programs into bin/
	CGO_ENABLED=0 $(GO) build -o bin/ ./cmd/...

run: build ## build and start the broker; PORT=4222 ARGS="-D"
	bin/gnatsd-ev -p $(PORT) $(ARGS)

test: lint ## lint, then all tests, with the invariants checked and without cgo
	CGO_ENABLED=0 $(GO) test -tags invariants ./...
	CGO_ENABLED=0 $(GO) test -run AllocateNothing ./internal/broker

race: ## all tests under the race detector (needs gcc)
	CGO_ENABLED=1 $(GO) test -race -tags invariants ./...

long: ## the broker's heavy tests at full length, half an hour; RUN=Acknowledged
	CGO_ENABLED=0 GNATSD_EV_LONG=1 $(GO) test -count=1 -timeout 2h -v -tags invariants -run '$(RUN)' ./internal/broker

sim: ## the loops as coroutines, by seed: N=100000 many, from FROM=1 on; SEED=7 prints all of one
	CGO_ENABLED=0 GNATSD_EV_SIM_SEED=$(SEED) GNATSD_EV_SIM_SEEDS=$(or $(N),10000) GNATSD_EV_SIM_FROM=$(FROM) \
		$(GO) test -count=1 -timeout 24h -v -tags invariants -run 'TestSimulation$$' ./internal/broker

pipebell: ## the loops with the doorbell of the BSDs, a pipe, on this system
	CGO_ENABLED=0 $(GO) test -tags 'invariants pipebell' ./loop ./internal/broker

invariants: ## all tests with the invariants checked, in random order, anew; COUNT=1
	CGO_ENABLED=0 $(GO) test -tags invariants -shuffle=on -count=$(or $(COUNT),1) ./...

lint: ## gofmt, go vet with and without tags, and the rules of internal/lint
	@bad=$$(gofmt -l .); test -z "$$bad" || { echo "run gofmt -w on: $$bad"; exit 1; }
	CGO_ENABLED=0 $(GO) vet ./...
	CGO_ENABLED=0 $(GO) vet -tags invariants ./...
	CGO_ENABLED=0 $(GO) test -count=1 ./internal/lint

staticcheck: ## staticcheck at a pinned version
	CGO_ENABLED=0 $(GO) run $(STATICCHECK) ./...
	CGO_ENABLED=0 $(GO) run $(STATICCHECK) -tags invariants ./...

fuzz: ## every fuzzer for FUZZTIME=10s
	GO=$(GO) scripts/fuzz $(FUZZTIME)

record: ## play the wire transcripts against a real nats-server and write its answers down
	cd conformance && $(GO) run ./cmd/record

microbench: ## all benchmarks; BASE=main compares with that commit; BENCHTIME=200ms
	GO=$(GO) scripts/microbench "$(BASE)" $(BENCHTIME)

figures: build ## measure the broker with the load tool, into figures/
	scripts/figures

compare: build ## the broker beside nats-server, Redis, mosquitto and the floor; ROUNDS=7 FULL=1
	ROUNDS=$(ROUNDS) FULL=$(FULL) scripts/compare

scale: ## a million sessions over sockets in memory, and two loops against one; N=1000000
	CGO_ENABLED=0 GNATSD_EV_SCALE=$(or $(N),1000000) $(GO) test -count=1 -v -run 'ByTheMillion|TwoLoops' ./internal/broker

million: build ## a million real connections in an emulated machine of 16 GB, twenty minutes; N=1000000 MEMORY=16G
	scripts/million $(or $(N),1000000) $(or $(MEMORY),16G)

report-test: ## open HTML reports in headless Chromium, with pictures of them in figures/report/
	CGO_ENABLED=0 GNATSD_EV_REPORT=$(CURDIR)/figures/report $(GO) test -count=1 -v -tags invariants -run InABrowser ./cmd/gnatsd-ev-bench

cross: ## vet and build for every system we support; TARGETS="openbsd/amd64"
	GO=$(GO) scripts/cross $(TARGETS)

# Never from the test cache, which does not know the broker the tests build.
conformance: ## real clients and a real nats-server against the broker (a module of its own)
	cd conformance && $(GO) test -count=1 ./...

differential: ## generated scripts beside nats-server, a hundred a second: N=20000 SEED=1; SEED=1 alone replays one
	cd conformance && GNATSD_EV_DIFFERENTIAL=$(N) GNATSD_EV_SEED=$(SEED) $(GO) test -count=1 -timeout 2h -v -run '^TestDifferential$$' ./differential

chaos: ## stopped, slow and dying clients by the thousand, beside nats-server, 20 minutes; RUN=Stopped
	cd conformance && GNATSD_EV_CHAOS=long $(GO) test -count=1 -timeout 2h -v -run '$(RUN)' ./chaos

soak: ## 2,000 subscribers that come and go: memory and descriptors must not grow; MINUTES=10
	cd conformance && GNATSD_EV_CHAOS=long GNATSD_EV_SOAK=$(or $(MINUTES),10)m $(GO) test -count=1 -timeout 26h -v -run Soak ./chaos

memory: ## what stopped readers and unfinished input cost, at full size; PEER=/usr/bin/nats-server
	cd conformance && GNATSD_EV_MEMORY=1 GNATSD_EV_PEER=$(abspath $(PEER)) $(GO) test -count=1 -v -run Memory .

cover: ## test coverage by function, and cover.out for go tool cover
	CGO_ENABLED=0 $(GO) test -tags invariants -coverprofile=cover.out ./... && $(GO) tool cover -func=cover.out | tail -n 40

tidy: ## gofmt and go mod tidy, here and in conformance/
	gofmt -w . && $(GO) mod tidy && if [ -d conformance ]; then cd conformance && $(GO) mod tidy; fi

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1	/' | awk -F'\t' '{ printf "  make %-12s %s\n", $$1, $$2 }'
