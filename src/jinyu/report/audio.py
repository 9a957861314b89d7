"""Where the page finds the audio of a call: a path relative to the report, so that the folder can be moved as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

SUFFIXES = (".wav", ".mp3", ".m4a", ".aac", ".ogg", ".oga", ".opus", ".flac", ".webm")


def address(call: dict[str, Any], out: Path) -> str | None:
    """The relative address of a call's audio file as seen from `out`; None without one, or if it is not there.

    `audio` is looked for beside the transcript, from here, and in `out`. A transcript is not trusted: only local files with the name of an
    audio file are linked, and nothing is fetched from another machine to find out.
    """
    named = None if call.get("redacted") else call.get("audio") or call["source"]  # what is masked could be heard there
    if not isinstance(named, str) or Path(named).suffix.lower() not in SUFFIXES or named.startswith(("//", "\\\\")):
        return None
    for folder in (Path(str(call["source"])).parent, Path(), out):
        try:
            if (folder / named).is_file():
                return quote(Path(os.path.relpath(folder / named, out)).as_posix())
        except (OSError, ValueError):  # no name for a file here, or on another drive
            continue
    return None
