"""`import jinyu` is quick, light and without side effects; proved in a new interpreter."""

import json
import subprocess
import sys

PROBE = """
import json, sys, time, threading, os, warnings, logging
before = dict(os.environ), list(warnings.filters), logging.getLogger().level, threading.active_count()
start = time.perf_counter()
import jinyu
seconds = time.perf_counter() - start
after = dict(os.environ), list(warnings.filters), logging.getLogger().level, threading.active_count()
heavy = [m for m in ("torch", "transformers", "numpy", "onnxruntime") if m in sys.modules]
from jinyu import Scorer
scoring = [m for m in ("torch", "transformers", "sklearn", "pyarrow") if m in sys.modules]
print(json.dumps([seconds, before == after, heavy, scoring]))
"""


def test_import_is_quick_and_changes_nothing():
    runs = [subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout for _ in range(3)]
    seconds, unchanged, heavy, scoring = min(json.loads(out) for out in runs)  # the least disturbed of three
    assert seconds < 0.5
    assert unchanged
    assert heavy == []
    assert scoring == []
