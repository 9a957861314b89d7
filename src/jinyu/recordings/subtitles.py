"""Subtitles, SRT and WebVTT: cues of `00:00:01,000 --> 00:00:03,500` and the lines below it.

Who speaks stands before the line, `坐席：您好` or `[SPEAKER_00]: 您好`, or in WebVTT's `<v 坐席>您好`. A line without a speaker goes on from the
line above it in the cue; a cue may hold several speakers. A label that says no role is a speaker of its own as in TXT: `lines.py`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Set

from jinyu.recordings.document import Document, role_of
from jinyu.recordings.lines import NUMBERED, SPEAKER, named
from jinyu.recordings.vendor import joined, recording
from jinyu.types import InputError, Recording, Role, Turn

NAME = "subtitles"
SUMMARY = "SRT or WebVTT subtitles, with 坐席：… or <v 坐席> before what is said"

_CLOCK = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?$")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")
_PREFIX = re.compile(rf"^[-–—]?\s*[\[【(（]?(?P<label>{SPEAKER})[\]】)）]?\s*[:：]\s*(?P<said>.*)$")


def matches(document: Document) -> bool:
    """By the suffix, or a text file with a line of two clock times."""
    if document.suffix in (".srt", ".vtt"):
        return True
    return document.suffix == ".txt" and any(_TIMING.match(line) for line in document.text.splitlines())


def parse(document: Document) -> list[Recording]:
    """The one call of the file."""
    cues = _cues(document)
    speakers = named(p["label"] for _, _, lines in cues for line in lines if (p := _PREFIX.match(_plain(line))))
    turns = [turn for start, end, lines in cues for turn in _turns(start, end, lines, speakers)]
    return [recording(str(document.path), document.path.stem, turns)]


def _cues(document: Document) -> list[tuple[int, int, list[str]]]:
    webvtt = document.text.lstrip().startswith("WEBVTT")
    cues: list[tuple[int, int, list[str]]] = []
    aside = webvtt  # within a header, note or style block
    before = ""
    for number, line in enumerate(document.text.splitlines(), 1):
        timing = _TIMING.match(line)
        if timing:
            if cues and cues[-1][2] and (before.strip().isdecimal() or (webvtt and cues[-1][2][-2:-1] == [""])):
                cues[-1][2].pop()  # the line above a timing is the cue's number or name
            cues.append((_milliseconds(*timing.groups()[:4]), _milliseconds(*timing.groups()[4:]), []))
            aside = False
        elif "-->" in line and not aside:
            raise InputError(
                f"{document.path}:{number}: expected 00:00:01,000 --> 00:00:03,500, got {line.strip()[:60]!r}. Correct it there"
            )
        elif not line.strip():
            aside = False
            if cues:
                cues[-1][2].append("")
        else:
            aside = aside or (webvtt and not before.strip() and line.split()[0] in ("NOTE", "STYLE", "REGION"))
            if cues and not aside:
                cues[-1][2].append(line)
            elif not aside and not webvtt and not line.strip().isdecimal():
                raise InputError(
                    f"{document.path}:{number}: expected a line like 00:00:01,000 --> 00:00:03,500 before {line.strip()[:30]!r}"
                )
        before = line
    return cues


def _milliseconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> int:
    return ((int(hours or 0) * 60 + int(minutes)) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))


def _turns(start: int, end: int, lines: list[str], speakers: Set[str]) -> list[Turn]:
    turns: list[Turn] = []
    for role, speaker, text in _said(lines, speakers):
        if turns and speaker is None:
            last = turns.pop()
            role, speaker, text = last.role, last.speaker, joined(last.text, text)
        turns.append(Turn(text=text, role=role, speaker=speaker, start_ms=start, end_ms=end))
    return turns


def _said(lines: list[str], speakers: Set[str]) -> Iterator[tuple[Role, str | None, str]]:
    """(role, speaker or None, text) of each line, and of each voice in it."""
    for line in lines:
        opening, *voices = _VOICE.split(line)
        text = _plain(opening)
        prefix = _PREFIX.match(text)
        role = role_of(prefix["name"]) if prefix else Role.UNKNOWN
        if prefix and (role is not Role.UNKNOWN or prefix["label"] in speakers or NUMBERED.match(prefix["label"])):
            yield role, prefix["label"], prefix["said"].strip()
        elif text:
            yield Role.UNKNOWN, None, text
        for name, spoken in zip(voices[::2], voices[1::2], strict=True):
            yield role_of(name), name.strip(), _plain(spoken)


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()
