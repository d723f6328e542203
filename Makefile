# make run: measure the embedded deployment. make test: run every test. Both install first.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-test
RUN_STAMP := $(VENV)/.installed
PYTHON ?= python3
ARGS ?=
# The whole road on real deployments, half an hour; STORY=quick takes a few minutes.
STORY_STEPS = story-faults story-patches story-capacity story-gate story-report

# Tables and endurance of the embedded deployment (docs/embedded.md).
EMBEDDED = knob-table fault-table soak

.PHONY: run test scenarios lint check clean bench story $(STORY_STEPS) $(EMBEDDED)

run: $(RUN_STAMP)
	$(BIN)/kato-bench run $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest $(ARGS)

scenarios: $(STAMP)
	@$(BIN)/python -m tests.scenarios.every_scenario

story: $(STAMP)
	@for step in $(STORY_STEPS); do $(MAKE) --no-print-directory $$step || exit 1; done

$(STORY_STEPS): story-%: $(STAMP)
	@$(BIN)/python -m tests.story.$*

knob-table: $(STAMP)
	@$(BIN)/python -m tests.tables.knobs $(ARGS)

fault-table: $(STAMP)
	@$(BIN)/python -m tests.embedded.faults.table $(ARGS)

soak: $(STAMP)
	@$(BIN)/python -m tests.tables.soak $(ARGS)

# Comparisons with other load generators (docs/benchmarks.md): below 6 minutes, ARGS=--quick below one.
bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# uv where it is at hand, else what every Python brings.
$(BIN)/python:
	@if command -v uv >/dev/null 2>&1; then uv venv --python "$$(command -v $(PYTHON))" $(VENV); \
	else $(PYTHON) -m venv $(VENV); fi

define install
	@echo "installing $(1) (the first time takes a minute)" >&2
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python -e '.[$(1)]'; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(1)]'; fi
endef

$(RUN_STAMP): pyproject.toml | $(BIN)/python
	$(call install,embedded)
	@touch $@

$(STAMP): pyproject.toml | $(BIN)/python
	$(call install,embedded$(,)test)
	@touch $@ $(RUN_STAMP)

, := ,
