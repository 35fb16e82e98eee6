# Everything here is a shell line that can be run by hand, too: the work is done by
# go and by scripts/.

.PHONY: help test soak lint generate fuzz e2e lab bench demo build clean
.DEFAULT_GOAL := help

help: ## List what can be made
	@grep -hE '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

test: ## Everything that a change must pass; installs the Debian packages that it needs
	@scripts/test

soak: ## What takes too long for every change: an honest pair beside each attack on the host platform
	@scripts/test soak

lint: ## Formatting, modules, vet, staticcheck and the project's own rules
	@scripts/test format tidy vet staticcheck lint

generate: ## Make the generated code again
	@scripts/generate

fuzz: ## Run every fuzz target, FUZZTIME=1m for longer than 3 seconds each; then random protocols, RANDOMTIME=1m for less than an hour
	@RANDOMTIME=$${RANDOMTIME:-1h} scripts/fuzz

e2e: ## End to end: disks used by NBD clients, file systems and the C store tools
	@scripts/test packages e2e

lab: ## Real Xen in an emulator, as docs/lab.md tells; SCENARIO=name for one scenario
	@scripts/test packages lab

bench: ## Measure, beside a raw socket and gRPC; BENCHFLAGS="--json --runs 9" and the like
	@cd bench && go run . $(BENCHFLAGS)

demo: ## Serve a disk, use it, kill its back end in the middle, compare every block
	@go run ./cmd/idc demo

build: ## Build bin/idc and bin/idcgen
	go build -o bin/ ./cmd/...

clean: ## Remove bin/
	rm -rf bin
