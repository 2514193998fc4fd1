# Simulcast. Needed beforehand: Python 3.11 or newer with venv, and make; nothing else.
# Another Python than python3: PYTHON=python3.12 make publish. Options for the command: make publish ARGS=--dry-run

SHELL := /bin/sh
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The Python of .venv, while it works, also does the installing: python3 may have changed since.
PYTHON ?= $(shell .venv/bin/python -c '' 2>/dev/null && echo .venv/bin/python || echo python3)
INSTALL = $(PYTHON) .ci/install.py
HERE = .venv/bin
ARGS =
UV = 0.13.9

.PHONY: help publish preview test bench install voice align piper clean lock

help:
	@echo 'make publish   install what is missing, build everything, deliver it'
	@echo 'make preview   look at the publication in a browser'
	@echo 'make test      lint, types and all tests'
	@echo 'make bench     ours against others, measured in one run'
	@echo 'make clean     remove what can be made again'
	@echo 'make voice     try once more to install the best voice'
	@echo 'make align     install what times a recording by its text (600 MB)'
	@echo 'make piper     install another voice, Piper, which is under the GPL'
	@echo 'make lock      fix the newest versions of what pyproject.toml asks for'

publish preview: install
	@$(HERE)/simulcast $@ $(ARGS)

install:
	@$(INSTALL) core voice

voice:
	@$(INSTALL) --again core voice

align piper: install
	@$(INSTALL) $@

test:
	@$(INSTALL) core voice test
	$(HERE)/ruff format --check .
	$(HERE)/ruff check .
	$(HERE)/mypy
	$(HERE)/pytest -n 2 $(ARGS)

bench:
	@$(INSTALL) core voice test
	@$(HERE)/python tests/bench/run.py $(ARGS)

# Mail that was delivered (build/outbox) and the ledger cannot be made again, so they stay.
clean:
	@test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name outbox -exec rm -rf {} +
	@rm -rf .simulcast/store .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find pipeline tests .ci -name __pycache__ -type d -prune -exec rm -rf {} +

# Versions stay where they still fit; make lock ARGS=--upgrade takes the newest of everything.
COMPILE = build/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --custom-compile-command 'make lock' $(ARGS)
without = $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' $(1) | sort -u)

lock:
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet uv==$(UV)
	@$(COMPILE) --group pyproject.toml:build -o requirements-build.txt
	@$(COMPILE) pyproject.toml -c requirements-build.txt -o requirements.txt
	@$(COMPILE) pyproject.toml --extra voice -c requirements-build.txt -c requirements.txt \
		$(call without,requirements-build.txt requirements.txt) -o requirements-voice.txt
	@$(COMPILE) pyproject.toml --extra test -c requirements-build.txt -c requirements.txt \
		-c requirements-voice.txt $(call without,requirements-build.txt requirements.txt) \
		-o requirements-test.txt
	@for extra in align piper; do $(COMPILE) pyproject.toml --extra $$extra -c requirements-build.txt \
		-c requirements.txt -c requirements-voice.txt -c requirements-test.txt \
		$(call without,requirements-build.txt requirements.txt) -o requirements-$$extra.txt || exit 1; done
