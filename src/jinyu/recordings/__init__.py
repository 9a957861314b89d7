"""Transcript files to `Recording`s. One small module a format; the form is found by the content, not by a flag.

To add a format: write a module with `NAME`, `SUMMARY`, `matches(document)` and `parse(document)`, and put it into `ADAPTERS`, the narrower
before the wider. `aliyun.py` is an example for a vendor's JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from jinyu.recordings import (
    aliyun,
    aliyun_sca,
    aws,
    canonical,
    funasr,
    google,
    huawei,
    iflytek,
    lines,
    subtitles,
    table,
    tencent,
    whisper,
)
from jinyu.recordings.document import Document
from jinyu.types import InputError, Recording

ADAPTERS: tuple[ModuleType, ...] = (
    canonical,
    aliyun_sca,
    tencent,
    iflytek,
    aws,
    google,
    huawei,  # before whisper: both have segments
    funasr,
    whisper,
    aliyun,
    table,  # takes any JSON with a text
    subtitles,
    lines,  # takes any text file
)
SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt", ".srt", ".vtt")


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say about the input. `text_column`: the column of a table that holds the utterance."""

    text_column: str = "text"


def find_files(paths: list[Path]) -> Iterator[Path]:
    """The transcript files of files and folders (searched whole, in order of name). Raises `InputError` for a path that is not there."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in SUFFIXES)
        elif path.exists():
            yield path
        else:
            raise InputError(f"{path}: no such file or folder")


def read(path: Path, options: ReadOptions | None = None) -> list[Recording]:
    """The recordings of one file. Raises `InputError` with the file, the place in it and the remedy."""
    options = options or ReadOptions()
    document = Document.open(path, options.text_column)
    try:
        for adapter in ADAPTERS:
            if adapter.matches(document):
                recordings: list[Recording] = adapter.parse(document)
                return recordings
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply to be a transcript") from error
    names = ", ".join(name for name, _ in formats())
    raise InputError(f"{path}: not a transcript that jinyu knows ({names}). Convert it to the simplest form, {canonical.SUMMARY}")


def formats() -> list[tuple[str, str]]:
    """(name, what it looks like) of every format, in the order in which they are tried."""
    return [(adapter.NAME, adapter.SUMMARY) for adapter in ADAPTERS]


def read_lines(text: str, call_id: str = "stdin") -> Recording:
    """Plain lines, each one agent utterance: what `jinyu score -` reads."""
    return lines.agent_only(text, call_id)


def canonical_json(recording: Recording) -> str:
    """One recording as a line of canonical JSONL."""
    return json.dumps(canonical.to_dict(recording), ensure_ascii=False)


__all__: list[Any] = ["ADAPTERS", "SUFFIXES", "ReadOptions", "canonical_json", "find_files", "formats", "read", "read_lines"]
