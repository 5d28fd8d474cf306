# What one types in a checkout.  The work itself is in packaging/setup and pyproject.toml.

BIN := .venv/bin

# The lab's tests may be skipped where nobody can run them, never where somebody can.
REQUIRE_LAB := $(if $(filter 0,$(shell id -u)),1,0)

.PHONY: setup demo lint unit test bench screenshots clean

setup:
	@packaging/setup

demo: setup
	@$(BIN)/python -m sriovctl.demo

lint:
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

unit:
	$(BIN)/pytest -m 'not lab and not qemu and not browser' $(PYTEST_ARGS)

test: setup lint
	SRIOVCTL_REQUIRE_LAB=$(REQUIRE_LAB) $(BIN)/pytest $(PYTEST_ARGS)

# Some half an hour under emulation; BENCH_ARGS='--only lspci --runs 5' for less.  On real hardware,
# with --here, nothing is installed but .venv/.
bench:
	@packaging/setup $(if $(findstring --here,$(BENCH_ARGS)),--without-lab)
	$(BIN)/python -m compileall -q benchmarks
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

screenshots: setup
	@packaging/screenshots

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
