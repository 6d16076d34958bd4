# Run make without a target to see them all.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# No flags that change what is compiled: these tests and a `go test` by hand
# share the build cache.
GO_TEST = go test -timeout 6m
# Tests that mostly wait, for Chromium and for time to pass, leave the cores to others.
E2E_TEST = $(GO_TEST) -parallel 4
FUZZ_TIME ?= 10s
LINT = go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint
# The packages whose tests start no server of another make.
UNIT = $$(go list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | grep -v internal/beds | cut -d' ' -f1)

.PHONY: help build deps test e2e quick race lint vuln fuzz golden demo bench check clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/daypass
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/daypass ./cmd/daypass

deps: ## install the servers that the tests start (Debian, Ubuntu)
	@scripts/deps.sh

test: deps ## vet and test everything, on real servers too
	go vet ./...
	$(GO_TEST) ./...
	cd contracts && go vet ./... && $(GO_TEST) ./...
	cd e2e && go vet ./... && $(E2E_TEST) ./...

e2e: deps ## test the pages in Chromium; the screenshots stay in bin/shots
	@rm -rf bin/shots && mkdir -p bin/shots
	trap 'find $(CURDIR)/bin/shots -mindepth 2 -name "*.png" -exec mv -t $(CURDIR)/bin/shots {} +' EXIT; \
	  cd e2e && go vet ./... && $(E2E_TEST) -count=1 -artifacts -outputdir ../bin/shots ./...

quick: ## test what needs no server of another make
	$(GO_TEST) $(UNIT)

race: deps ## test everything under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -timeout 20m ./...

lint: ## run the linters; the first run builds them, which takes minutes
	$(LINT) run ./...
	cd contracts && $(LINT) run ./...
	cd e2e && $(LINT) run ./...
	for m in . contracts e2e; do (cd $$m && go mod tidy -diff) || exit; done

vuln: ## look for known vulnerabilities (needs the network)
	go tool -modfile=tools/go.mod govulncheck ./...

fuzz: ## run each fuzz target for FUZZ_TIME (10s)
	@scripts/fuzz.sh $(FUZZ_TIME)

golden: ## rewrite the expected outputs; read the diff before you commit it
	@scripts/golden.sh
	@git --no-pager diff --stat

demo: build ## show the main job, against a directory that it starts
	@scripts/demo.sh

bench: build ## measure
	@scripts/bench.sh

check: test ## what CI runs

clean: ## remove what was built
	rm -rf bin coverage.out
