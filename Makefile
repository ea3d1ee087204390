# "make" lists what there is. The work is done by the scripts in tools/ and tools/dev/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
# The parts use both processors, and some what others have made.
.NOTPARALLEL:

.PHONY: help demo demo-reset build test test-go test-frontend frontend bench soak lint generate verify clean images e2e e2e-cluster e2e-dev e2e-upgrade

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What the demo runs.
demo-binaries = ./tools/devstack $(patsubst %/main.go,./%,$(wildcard services/*/main.go))

demo: ## run everything on this machine, with simulated sensors, until Ctrl-C
	tools/install-deps.sh demo
	tools/dev/build.sh $(demo-binaries)
	tools/dev/frontend.sh build || echo 'demo: going on without the web pages' >&2
	exec bin/devstack demo

demo-reset: ## drop the demo's data
	tools/dev/build.sh ./tools/devstack
	bin/devstack demo --reset

build: ## build all binaries into bin/
	tools/dev/build.sh

test: lint verify test-go test-frontend ## install what is missing; lint, verify, and all tests on real servers

test-go: ## the Go tests, with the race detector, on real servers
	tools/install-deps.sh test
	tools/dev/test.sh

test-frontend: ## check the web frontend: types, components, pages in a real browser
	tools/install-deps.sh browser
	tools/dev/frontend.sh test

frontend: ## build the web frontend into services/static-frontend/dist
	tools/dev/frontend.sh build

bench: ## measure; each figure stands beside its floor
	tools/install-deps.sh test
	tools/dev/bench.sh

soak: ## kill the ingestair and PostgreSQL under load for long; ROUNDS=1000
	tools/install-deps.sh test
	tools/dev/soak.sh $(ROUNDS)

lint: ## check code, protocol and scripts
	tools/install-deps.sh lint
	tools/dev/lint.sh

generate: ## write the generated code
	tools/dev/generate.sh

verify: ## check that generated code, go.mod and go.sum are current
	tools/dev/verify.sh

e2e: ## play the life of a deployed stack on a Docker Swarm of its own (needs root)
	tools/dev/e2e.sh

e2e-cluster: ## the same on a swarm of three nodes, of which some are lost (needs root)
	tools/dev/e2e.sh cluster

e2e-dev: ## work with the development stack: simulator, mail viewer, reload on change (needs root)
	tools/dev/e2e.sh dev

e2e-upgrade: ## update a stack of the last release (or FROM=commit) to this tree under load (needs root)
	tools/dev/e2e.sh upgrade $(FROM)

images: ## build the images of all services for amd64 and arm64 into artefacts/images
	tools/build-images.sh

clean: ## remove what was built
	rm -rf bin artefacts services/static-frontend/dist
