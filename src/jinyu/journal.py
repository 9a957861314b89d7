"""What a batch has finished, so that a killed one goes on where it stopped.

`OUT/journal.jsonl` holds a head (the settings and the files), a line for each judged call with all its rows, and a line for each
finished file. A line is written at once and in order; a kill can only leave the last one cut off, and it is then dropped. The tables are
made from the journal at the end, and the journal goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from jinyu.tables import json_line
from jinyu.types import InputError

NAME = "journal.jsonl"
Line = dict[str, Any]


class Journal:
    """Append-only; opened with the `head` of this batch. `done` calls of `file` need not be judged again; files before it are finished.

    Raises `InputError` if another process writes it, or if it was begun with another head and `restart` is not asked for.
    """

    def __init__(self, out: Path, head: Line, restart: bool = False) -> None:
        self.path = out / NAME
        self.file, self.done = 0, 0
        try:
            self._handle = self.path.open("a+b")
        except OSError as error:
            raise InputError(f"{out}: cannot write there ({error.strerror}); name another folder with -o") from error
        self._lock(out)
        try:
            self._open(head, restart)
        except BaseException:
            self._handle.close()
            raise

    def _open(self, head: Line, restart: bool) -> None:
        if restart:
            self._handle.truncate(0)
        size = 0  # of the whole lines
        self._handle.seek(0)
        for number, raw in enumerate(self._handle):
            line = _parse(raw)
            if line is None:
                break
            if number == 0 and line != head:
                raise InputError(f"{self.path.parent} holds an unfinished run of other settings or files ({_difference(line, head)}); "
                                 "finish it with the command that began it, or give it up with --restart")  # fmt: skip
            size += len(raw)
            if "call" in line:
                self.done += 1
            elif "finished" in line:
                self.file, self.done = self.file + 1, 0
        self.resumed = size > 0
        self._handle.truncate(size)  # a line that a kill cut off
        self._handle.seek(0, 2)
        if not self.resumed:
            self.write(head)

    def write(self, line: Line) -> None:
        """One line, handed to the system before this returns. Raises `InputError` if the disk is full; what is written stays."""
        try:
            self._handle.write(json_line(line).encode())
            self._handle.flush()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error.strerror}); free the disk, the same command goes on from here"
            ) from error

    def lines(self) -> Iterator[Line]:
        """All lines but the head."""
        with self.path.open("rb") as file:
            next(file)
            for raw in file:
                yield json.loads(raw)

    def rows(self, name: str) -> Iterator[Line]:
        """The rows of one table, in order; `calls` gives one a call."""
        for line in self.lines():
            if "call" in line:
                yield from [line["call"]] if name == "calls" else line.get(name, [])

    def errors(self) -> Iterator[Line]:
        """A record for each file that could not be read (to its end)."""
        for line in self.lines():
            if line.get("error"):
                yield {"source": line["finished"], "error": line["error"]}

    def close(self, finished: bool) -> None:
        """Let go of the journal; a finished one is deleted."""
        if finished:
            self.path.unlink(missing_ok=True)
        with suppress(OSError):  # what a full disk did not take was told when it was written
            self._handle.close()

    def _lock(self, out: Path) -> None:
        try:
            import fcntl
        except ImportError:  # Windows: nobody is warned
            return
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._handle.close()
            raise InputError(f"{out}: another jinyu is writing there; wait for it, or name another folder with -o") from error


def _parse(raw: bytes) -> Line | None:
    """None for a line that was cut off."""
    if not raw.endswith(b"\n"):
        return None
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def _difference(old: Line, new: Line) -> str:
    return ", ".join(k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k)) or "not a journal"
