"""Transcript files to `Recording`s. One small module a format; the form is found by the content, not by a flag.

To add a format: write a module with `NAME`, `SUMMARY`, `matches(document)` and `parse(document)`, and put it into `ADAPTERS`, the narrower
before the wider. `aliyun.py` is an example for a vendor's JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from jinyu import audio
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

if TYPE_CHECKING:
    from jinyu.audio.recording import Heard

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
LITTER = ("._", "~$")  # what macOS and Excel leave beside files
SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".xlsx", ".srt", ".vtt", ".txt")  # the fullest first


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say about the input: `text_column`, the column of a table that holds the utterance; `audio`, how sound is recognised;
    `form`, the name of the transcripts' format, where it must not be found by the content."""

    text_column: str = "text"
    audio: audio.AudioOptions = field(default_factory=audio.AudioOptions)
    form: str | None = None


def find_files(paths: list[Path], with_audio: bool = False) -> Iterator[Path]:
    """The transcript files of files and folders (searched whole, in order of name). Raises `InputError` for a path that is not there.

    `with_audio`: folders give audio files too. A file that is named is taken whatever it is.
    """
    suffixes = SUFFIXES + audio.SUFFIXES if with_audio else SUFFIXES
    for path in paths:
        if path.is_dir():
            found = [p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in suffixes and not p.name.startswith(LITTER)]
            yield from sorted(found)
        elif path.exists():
            yield path
        else:
            raise InputError(f"{path}: no such file or folder")


def one_form(files: list[Path], named: list[Path]) -> tuple[list[Path], list[Path]]:
    """(`files`, the others) where one call lies in a folder in several forms, as Whisper writes them and beside its audio: of each name the fullest form
    is kept, in the order of `SUFFIXES`, audio last. Those of `named` are kept whatever they are.
    """
    fullest: dict[Path, Path] = {}
    order = (*SUFFIXES, *audio.SUFFIXES).index
    for file in sorted(set(files) - set(named), key=lambda p: (order(p.suffix.lower()), p)):
        fullest.setdefault(file.with_suffix(""), file)
    kept = {*fullest.values(), *named}
    return [f for f in files if f in kept], [f for f in files if f not in kept]


def is_audio(path: Path) -> bool:
    """A file of sound, by its name."""
    return path.suffix.lower() in audio.SUFFIXES


def read(path: Path, options: ReadOptions | None = None, tell: Callable[[Heard], None] | None = None) -> list[Recording]:
    """The recordings of one file. Raises `InputError` with the file, the place in it and the remedy.

    Sound is recognised first, which takes its time: `tell` hears how far it is.
    """
    options = options or ReadOptions()
    if is_audio(path):
        if lack := audio.missing(options.audio):
            raise InputError(f"{path}: {lack}")
        from jinyu.audio import recording

        return [recording.read(path, options.audio, tell)]
    document = Document.open(path, options.text_column)
    try:
        for adapter in ADAPTERS:
            if options.form == adapter.NAME or (options.form is None and adapter.matches(document)):
                recordings: list[Recording] = adapter.parse(document)
                return recordings
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply to be a transcript") from error
    names = ", ".join(name for name, _ in formats())
    raise InputError(f"{path}: not a transcript that jinyu knows ({names}). Convert it to the simplest form, {canonical.SUMMARY}")


def formats() -> list[tuple[str, str]]:
    """(name, what it looks like) of every format, in the order in which they are tried."""
    return [(adapter.NAME, adapter.SUMMARY) for adapter in ADAPTERS]


def read_lines(data: bytes, call_id: str = "stdin") -> Recording:
    """Plain lines, each one agent utterance: what `jinyu score -` reads. Of what encoding a line is, is found line by line."""
    return lines.agent_only(data, call_id)


def canonical_json(recording: Recording) -> str:
    """One recording as a line of canonical JSONL."""
    return json.dumps(canonical.to_dict(recording), ensure_ascii=False)


__all__: list[Any] = [
    "ADAPTERS",
    "SUFFIXES",
    "ReadOptions",
    "canonical_json",
    "find_files",
    "formats",
    "is_audio",
    "one_form",
    "read",
    "read_lines",
]
