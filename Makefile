# `make demo` and `make test` set everything up themselves. `make help` lists the rest.
.DEFAULT_GOAL := help
bin := .venv/bin
# Where it is set, each runtime and sandbox that a test starts would compile all of its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-docker test-gvisor test-faults test-training test-compose lint proto-lint format images bench lock clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: ## install what this machine lacks, and the virtual environment
	@deploy/setup

.PHONY: test-setup
test-setup:
	@deploy/setup tests

demo: setup ## learn a function set, release it, call it, verify the log
	@$(bin)/python -m jigsmith_demo

test: test-setup ## run the test suite
	@tests/run

test-training: test-setup ## train by the optimizer's commands, kill, resume, replay; AG2 beside it (some 4 minutes)
	@$(bin)/pytest -m "training and not gvisor"

test-compose: test-setup ## bring the deployment up, train, release and call in it (needs Docker, docker-compose, `make images`)
	@$(bin)/pytest -m compose tests/compose

test-faults: test-setup ## edit logs 10,000 times and kill runtimes 300 times (some 15 minutes)
	@$(bin)/pytest -m faults tests/faults

test-docker: setup ## run the suites of sandboxes and runtimes under Docker with runc (needs Docker, `make images`)
	@$(bin)/pytest -m "docker and not gvisor"

test-gvisor: setup ## run the sandbox suites under gVisor (needs Docker with the runtime runsc)
	@$(bin)/pytest -m gvisor

lint: setup proto-lint ## style, types, import rules, dependencies
	$(bin)/ruff format --check
	$(bin)/ruff check
	$(bin)/mypy
	$(bin)/lint-imports --no-cache
	$(bin)/deptry client sandbox runtime optimizer witness demo

proto-lint: setup ## generated code is fresh, the contract is well-formed and breaks nobody
	@proto/generate --check
	$(bin)/buf lint build/proto.binpb --exclude-path google
	@proto/breaking

format: setup ## format the code
	$(bin)/ruff format
	$(bin)/ruff check --fix

images: setup ## build all images (needs root and a Docker engine, no registry)
	@deploy/images/build sandbox runtime optimizer egress

bench: setup ## measure, some 40 minutes; prints a table and writes build/bench/summary.json
	@$(bin)/python -m benchmarks

lock: setup ## write requirements.lock anew from pyproject.toml
	$(bin)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet -o requirements.lock

clean: ## remove what was built
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache
