"""What a model directory holds, where it is found, and how it is checked.

A model is a directory that needs nothing else; `training/export.py` is its only writer. To change what it holds:
raise `FORMAT`, write the new form in `training/export.py`, read it here, and say in `model/CHANGELOG.md` what to do with older
models. Loading refuses every other format and every other text version, with the remedy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinyu import text
from jinyu.taxonomy import Taxonomy
from jinyu.types import ModelError, ModelInfo

FORMAT = 1
MANIFEST = "manifest.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
TAXONOMY = "taxonomy.json"
SCORING = "scoring.json"
PHRASES = "phrases.json"
EMBEDDINGS = "phrases.npy"
SCORING_FILES = (GRAPH, TOKENIZER, TAXONOMY, SCORING, PHRASES, EMBEDDINGS)


@dataclass(frozen=True)
class Scoring:
    """`scoring.json`: how the network's numbers become answers.

    `thresholds` holds one taboo probability for each taboo category, at or above which an utterance is flagged.
    """

    max_tokens: int
    temperature: float
    thresholds: Mapping[str, float]
    promise: Mapping[str, Any]  # what the thresholds were chosen for


@dataclass(frozen=True)
class Artifact:
    """A checked model directory."""

    path: Path
    info: ModelInfo
    taxonomy: Taxonomy
    scoring: Scoring
    phrases: tuple[Mapping[str, Any], ...]
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, path: Path) -> Artifact:
        """Read and check what scoring needs. Raises `ModelError` with the file and the remedy."""
        manifest = _read_json(path / MANIFEST)
        _check_versions(manifest, path)
        verify(path, manifest, SCORING_FILES)
        scoring = _read_json(path / SCORING)
        try:
            settings = Scoring(
                int(scoring["max_tokens"]),
                float(scoring["temperature"]),
                {k: float(v) for k, v in scoring["thresholds"].items()},
                scoring["promise"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path / SCORING}: {error!r} is missing or not a number; export the model again") from error
        digest = hashlib.sha256((path / MANIFEST).read_bytes()).hexdigest()
        return cls(
            path,
            ModelInfo(str(manifest["name"]), str(manifest["version"]), digest),
            Taxonomy.parse(_read_json(path / TAXONOMY), str(path / TAXONOMY)),
            settings,
            tuple(_read_json(path / PHRASES)),
            manifest,
        )


def find(model: str | Path | None = None) -> Path:
    """The directory of a model: the shipped one (None), a directory, or the name of a hub repository.

    The shipped model lies in the package (wheel) or in `model/` of the checkout (editable install). Raises `ModelError`.
    """
    if model is None:
        here = Path(__file__).resolve().parent
        for candidate in (here / "model", here.parent.parent / "model"):
            if (candidate / MANIFEST).is_file():
                return candidate
        raise ModelError(
            f"no model was shipped with this copy of jinyu (looked in {here / 'model'}). Install the wheel, or name a model "
            "directory: --model DIR, Scorer.load(DIR)"
        )
    path = Path(model)
    if path.is_dir():
        for candidate in (path, path / "model"):  # a training run keeps its export in model/
            if (candidate / MANIFEST).is_file():
                return candidate
        raise ModelError(
            f"{path} holds no {MANIFEST}, so it is not a jinyu model. A training run becomes one with: "
            f"python -m training.export {path}"
        )
    if isinstance(model, str) and model.count("/") == 1 and not path.is_absolute() and not model.startswith("."):
        return _from_hub(model)
    raise ModelError(f"no such model directory: {path}. Name a directory that holds {MANIFEST}, or a hub name owner/model")


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelError(
            f"{name} is not a directory here, and loading from a hub needs the hub extra: pip install 'jinyu[hub]'"
        ) from error
    try:
        return Path(snapshot_download(name, allow_patterns=[MANIFEST, *SCORING_FILES]))
    except Exception as error:  # the hub client raises many unrelated classes
        raise ModelError(f"{name} is not a directory here, and the hub did not give it: {error}") from error


def verify(path: Path, manifest: Mapping[str, Any], names: tuple[str, ...] | None = None) -> None:
    """Compare the sha256 of the files (all of the manifest's by default); raises `ModelError` at the first difference."""
    digests: Mapping[str, str] = manifest["files"]
    for name in names or tuple(digests):
        try:
            digest = hashlib.sha256((path / name).read_bytes()).hexdigest()
        except OSError as error:
            raise ModelError(f"{path / name} cannot be read ({error.strerror}); install jinyu or fetch the model again") from error
        if digest != digests.get(name):
            raise ModelError(
                f"{path / name} is damaged or was edited: its sha256 is {digest[:12]}.., {MANIFEST} says "
                f"{str(digests.get(name))[:12]}... Install jinyu or fetch the model again; after a change on purpose, export it again"
            )


def _check_versions(manifest: Mapping[str, Any], path: Path) -> None:
    if manifest.get("format") != FORMAT:
        raise ModelError(
            f"{path} is a model of format {manifest.get('format')}, this jinyu reads format {FORMAT}. Install the jinyu that made it "
            f"({manifest.get('jinyu', 'unknown')}), or export it again: python -m training.export RUN"
        )
    if manifest.get("text_version") != text.VERSION:
        raise ModelError(
            f"{path} was trained on text rules version {manifest.get('text_version')}, this jinyu has {text.VERSION}. "
            "Retrain it: python -m training.train"
        )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{path} is missing; the model directory is not complete. Install jinyu or fetch the model again"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); install jinyu or fetch the model again") from error
