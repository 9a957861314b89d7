"""Transcript files to `Recording`s. One small module a format; the form is found by the content, not by a flag.

To add a format: write a module with `NAME`, `SUMMARY`, `matches(document)` and `parse(document)`, and put it into `ADAPTERS`, the narrower
before the wider. `canonical.py` is the shortest example.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from jinyu.recordings import canonical, lines, table
from jinyu.recordings.document import Document
from jinyu.types import InputError, Recording

ADAPTERS: tuple[ModuleType, ...] = (canonical, table, lines)
SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt")


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
    for adapter in ADAPTERS:
        if adapter.matches(document):
            recordings: list[Recording] = adapter.parse(document)
            return recordings
    raise InputError(f"{path}: not a transcript that jinyu knows (" + "; ".join(f"{a.NAME}: {a.SUMMARY}" for a in ADAPTERS) + ")")


def read_lines(text: str, call_id: str = "stdin") -> Recording:
    """Plain lines, each one agent utterance: what `jinyu score -` reads."""
    return lines.agent_only(text, call_id)


def canonical_json(recording: Recording) -> str:
    """One recording as a line of canonical JSONL."""
    return json.dumps(canonical.to_dict(recording), ensure_ascii=False)


__all__: list[Any] = ["ADAPTERS", "SUFFIXES", "ReadOptions", "canonical_json", "find_files", "read", "read_lines"]
