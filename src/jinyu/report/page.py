"""The HTML file: `page.html` with the style, the scripts and the JSON block put in.

The block is safe inside a script element: no `<`, `>` or `&` is left in it. The policy names the hashes of our own style and script, so that
the browser runs and loads nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from jinyu.report import data, tables
from jinyu.scorecard import Scorecard
from jinyu.taxonomy import Taxonomy
from jinyu.types import InputError, Recording

NAME = "report.html"
HERE = Path(__file__).parent
SCRIPTS = (
    "dom.js",
    "reviews.js",
    "time.js",
    "overview.js",
    "calls.js",
    "call.js",
    "drift.js",
    "main.js",
)  # one scope, in this order
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")  # a lone surrogate cannot be written as UTF-8


def write(
    out: Path,
    lang: str = "zh",
    *,
    scorecard: Scorecard,
    taxonomy: Taxonomy | None = None,
    recordings: Mapping[str, Sequence[Recording]] | None = None,
    redact: bool = False,
    drift: Mapping[str, Any] | None = None,
) -> Path:
    """Write the report of the tables in `out` into it. Raises `InputError` if they are not there, or not as `jinyu score` writes them.

    `scorecard` names the items and `taxonomy` the labels (without it, those in the tables). `recordings`, by call_id, give the
    customers' turns where the tables do not. `drift` is what `jinyu drift` found beside an earlier batch.
    """
    cases = tables.read(out, recordings or {}, redact)
    payload = data.payload(cases, lang, scorecard, taxonomy, unread=tables.count_errors(out), out=out, drift=drift)
    path = out / NAME
    partial = path.with_name(NAME + ".part")
    try:
        partial.write_text(render(payload, lang), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def render(payload: dict[str, Any], lang: str) -> str:
    """The whole file as text."""
    style = _read("vendor/uPlot.min.css") + "\n" + _read("report.css")
    script = _library() + '"use strict";\n(() => {\n' + "\n".join(map(_read, SCRIPTS)) + "})();\n"
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    if any("audio" in call for call in payload["calls"]):
        policy += "; media-src 'self' file:"  # files beside the report
    return Template(_read("page.html")).substitute(
        lang="zh-CN" if lang == "zh" else "en",
        title=escape(payload["strings"]["title"]),
        noscript=escape(payload["strings"]["noscript"]),
        policy=policy,
        style=style,
        script=script,
        data=embed(payload),
    )


def embed(value: Any) -> str:
    """JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _library() -> str:
    """uPlot with its licence, which every copy must carry."""
    return f"/*!\n{_read('vendor/uPlot.LICENSE')}\n*/\n{_read('vendor/uPlot.iife.min.js')}\n"


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
