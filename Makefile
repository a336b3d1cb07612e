# radnode: two commands matter, `make run` and `make test`; `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export GOFLAGS := -trimpath
export CGO_CXXFLAGS ?= -O2 -g0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/radnode/radnode/node.Version=$(VERSION)
UI_SOURCES := $(shell find web/ui -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
GO_SOURCES := $(shell find . -name '*.go' -not -path './build/*' -not -path '*/node_modules/*') go.mod go.sum
CGO_PACKAGES := ./preprocess/... ./inference/... ./worker/pixel/... ./cmd/radnode-pixel/... ./dicom/pixel/...

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

run: build film ## build, start the node on loopback, send it the demonstration film
	@bin/radnode serve --demo "$$(go list -m -f '{{.Dir}}' github.com/suyashkumar/dicom)/testdata/4.dcm"

build: bin/radnode bin/radnode-pixel ## build both programs and the viewer

test: build film test-packages web/e2e/node_modules/.installed ## install what is missing, run all tests
	go test -count=1 -timeout 20m -tags matprofile $$(go list ./... | grep -v internal/acceptance) # matprofile: a Mat that is not closed fails preprocess
	go test -count=1 -timeout 20m ./internal/acceptance
	cd web/ui && npm test --silent
	cd web/e2e && npm test --silent

lint: ## formatting, vet, layers and package docs
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$unformatted" ] || { echo "not gofmt-ed: $$unformatted"; exit 1; }
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go test -count=1 ./internal/archtest
	CGO_ENABLED=0 go build -o /dev/null ./cmd/radnode

bench: build ## benchmarks of the hot paths, beside the peers where they are installed
	go test -run '^$$' -bench . -benchmem ./...

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME (30s)
	@set -e; for package in $$(go list ./...); do \
	  list=$$(go test -list '^Fuzz' $$package); \
	  for target in $$(grep ^Fuzz <<<"$$list" || true); do \
	    echo "$$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s $$package; \
	  done; done

train: ## retrain the bundled models from ../shared (hours on a CPU)
	scripts/packages train
	models/training/train ../shared

ui: web/ui/dist/index.html ## build the viewer

# The programs need nothing of this module; its testdata hold the demonstration film.
film:
	@go mod download github.com/suyashkumar/dicom

build-packages:
	@scripts/packages build

test-packages:
	@scripts/packages test

bin/radnode: $(GO_SOURCES) web/ui/dist/index.html
	CGO_ENABLED=0 go build -ldflags '$(LDFLAGS)' -o $@ ./cmd/radnode

bin/radnode-pixel: $(GO_SOURCES) | build-packages build/onnxruntime/libonnxruntime.so.1
	go build -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/radnode-pixel

build/onnxruntime/libonnxruntime.so.1:
	@scripts/onnxruntime build/onnxruntime

web/ui/node_modules/.installed: web/ui/package-lock.json
	cd web/ui && npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules/.installed

web/ui/dist/index.html: $(UI_SOURCES) web/ui/node_modules/.installed
	cd web/ui && npm run --silent build

web/e2e/node_modules/.installed: web/e2e/package-lock.json
	cd web/e2e && npm ci --ignore-scripts --no-audit --no-fund --silent && touch node_modules/.installed

OHIF_VERSION := 3.13.2
ohif: build/ohif/package/dist/index.html ## fetch the viewer OHIF (50 MB), with which web/e2e then tests DICOMweb

build/ohif/package/dist/index.html:
	mkdir -p build/ohif && cd build/ohif && npm pack --silent @ohif/app@$(OHIF_VERSION) && tar xzf ohif-app-$(OHIF_VERSION).tgz && rm ohif-app-$(OHIF_VERSION).tgz

clean: ## remove what was built; data, if any, stays
	rm -rf bin build web/ui/node_modules web/e2e/node_modules

.PHONY: help film run build test lint bench fuzz train ui ohif build-packages test-packages clean
