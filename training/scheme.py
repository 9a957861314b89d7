"""A team's labels: the taxonomy they judge by, and where the shipped leaves went.

`--taxonomy ours.yaml` has the form of `data/taxonomy.yaml`. `--map mapping.yaml` says what became of leaves and which other names the label
files use, `old: new` a line; a category may be renamed as a whole, or become one leaf; `old:` with nothing behind it drops the leaf and its rows:

    response.dialect: response.language      # renamed; the new leaf starts from the old one's weights
    inquiry.hold_return: inquiry.hold        # merged
    appreciation: thanks                     # every leaf of the category, to the leaf of its name in thanks
    closing: neutral.business                # every leaf of the category, to this one
    投诉升级: complaint.escalate               # a name in the label files
    situation.harassment:                    # dropped

A shipped leaf that the taxonomy does not have needs such a line: nothing is dropped unsaid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from jinyu.taxonomy import Taxonomy
from jinyu.types import Kind, ModelError
from training.data import DATA, DataError

ALIKE = 0.85  # of a name that a mapping begins with and a shipped code: a slip of the pen, and no name of the team's own


@dataclass(frozen=True)
class Scheme:
    """`raw` is the taxonomy as a file holds it; `mapping` old leaf or name -> leaf, None where it was dropped."""

    taxonomy: Taxonomy
    raw: Mapping[str, Any]
    mapping: Mapping[str, str | None]

    def leaf(self, code: str) -> str | None:
        """What a leaf of before is called now; None if it is gone."""
        if code in self.taxonomy.codes:
            return code
        return self.mapping.get(code)

    def named(self, label: str) -> tuple[str | None, str]:
        """(leaf, "") of a name in a label file: a code, a name of the mapping, or the leaf's own zh or en; else (None, what to do)."""
        if label in self.mapping:
            leaf = self.mapping[label]
            return (leaf, "") if leaf else (None, "")
        if label in self.taxonomy.codes:
            return label, ""
        same = self.taxonomy.called(label)
        if len(same) == 1:
            return same[0], ""
        if same:
            return None, f"label {label!r} names {len(same)} leaves ({', '.join(same)}); write the code"
        if label in self.taxonomy.categories:
            codes = [leaf.code for leaf in self.taxonomy.leaves if leaf.category == label]
            return None, f"label {label!r} is a category; name one of its leaves: {', '.join(codes)}"
        near = get_close_matches(label, self.taxonomy.codes, 1)
        hint = f"; did you mean {near[0]!r}" if near else ""
        return None, f"unknown leaf {label!r}{hint}; correct it, give it a line in --map, or add it to --taxonomy"


def load(taxonomy: Path | None = None, mapping: Path | None = None, folder: Path = DATA) -> Scheme:
    """Read and check both files. Raises `DataError` with every fault of the mapping, and every leaf that it leaves out, a line each."""
    path = taxonomy or folder / "taxonomy.yaml"
    raw = _yaml(path)
    try:
        ours = Taxonomy.parse(raw, str(path))
    except ModelError as error:
        raise DataError(str(error)) from error
    for kind in (Kind.TABOO, Kind.NEUTRAL):
        if not ours.indices(kind=kind):
            raise DataError(f"{path}: no category of kind {kind}; scoring needs one: copy it from data/taxonomy.yaml")
    shipped = Taxonomy.parse(_yaml(folder / "taxonomy.yaml"), str(folder / "taxonomy.yaml"))
    raw = json.loads(json.dumps(raw, default=str))  # keys that YAML takes for numbers become strings here too
    became, faults = _mapping(mapping, shipped, ours) if mapping else ({}, [])
    faults += _unsaid(path, mapping, shipped, {*ours.codes, *became})
    if faults:
        raise DataError("\n".join(dict.fromkeys(faults)))
    return Scheme(ours, raw, became)


def _mapping(path: Path, shipped: Taxonomy, ours: Taxonomy) -> tuple[dict[str, str | None], list[str]]:
    """The lines of the file, those of categories a leaf each; and what is wrong with them."""
    raw = _yaml(path)
    if not isinstance(raw, dict):
        raise DataError(f"{path}: expected lines of the form old: new, got {type(raw).__name__}")
    out: dict[str, str | None] = {}
    faults = []
    known = [*shipped.codes, *shipped.categories]
    for key, value in raw.items():
        old, new = str(key), None if value is None else str(value)
        leaves = [leaf for leaf in shipped.leaves if leaf.category == old and leaf.scenario and leaf.code not in raw]
        renamed = new in ours.categories and new not in ours.codes  # else all of them become the one leaf, or are dropped
        pairs = {leaf.code: f"{new}.{leaf.scenario}" if renamed else new for leaf in leaves}
        if not leaves or not (renamed or old in ours.codes):
            pairs[old] = new  # as a name in label files
        near = [] if old in known else get_close_matches(old, known, 1, ALIKE)
        if near and near[0] != new and near[0] not in raw:
            faults.append(f"{path}: {old!r} is no shipped leaf or category; did you mean {near[0]!r}?")
        for one, other in pairs.items():
            if one in ours.codes:
                faults.append(f"{path}: {one!r} is still a leaf of the taxonomy; take it out of one of the two")
            elif other is not None and other not in ours.codes:
                faults.append(f"{path}: {old!r} becomes {other!r}, which the taxonomy does not have; add it, or correct the line")
            out[one] = other
    return out, faults


def _unsaid(taxonomy: Path, mapping: Path | None, shipped: Taxonomy, known: set[str]) -> list[str]:
    """A fault for each shipped leaf, or whole category, that nothing is said of."""
    gone = [leaf for leaf in shipped.leaves if leaf.code not in known]
    rest = {leaf.category for leaf in shipped.leaves if leaf.code in known}
    names = dict.fromkeys(leaf.code if leaf.category in rest else leaf.category for leaf in gone)
    where = f"no line of {mapping} says" if mapping else "there is no --map to say"
    return [
        f"{taxonomy}: the shipped {name!r} is not in it, and {where} what became of it; write '{name}: NEW' there, or '{name}:' to drop its rows"
        for name in names
    ]


def _yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); name a file in the form of data/taxonomy.yaml") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path}: not YAML in UTF-8: {' '.join(str(error).split())}") from error
