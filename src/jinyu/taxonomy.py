"""The labels: 3 kinds, 14 categories, 41 leaves, as the model directory carries them (`taxonomy.json`).

People edit `data/taxonomy.yaml`; `training/export.py` writes it into the model. Nothing here knows a label by name,
so that a model retrained on other scenarios works unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinyu.types import Kind, ModelError


@dataclass(frozen=True)
class Leaf:
    """One label. `code` is `category.scenario`, or the category alone where it has no scenarios."""

    code: str
    kind: Kind
    category: str
    scenario: str
    zh: str
    en: str
    definition: str

    @property
    def label_zh(self) -> str:
        """The name for people."""
        return self.zh


@dataclass(frozen=True)
class Taxonomy:
    """All leaves in the order of the model's outputs."""

    version: int
    leaves: tuple[Leaf, ...]
    category_zh: Mapping[str, str]

    @classmethod
    def parse(cls, raw: Mapping[str, Any], origin: str) -> Taxonomy:
        """From the nested form of `taxonomy.yaml`; `origin` names the file in errors (`ModelError`)."""
        try:
            leaves: list[Leaf] = []
            for key, entry in raw["categories"].items():
                kind, category = Kind(entry["kind"]), str(key)
                if "scenarios" in entry:
                    for scenario, s in entry["scenarios"].items():
                        leaves.append(Leaf(f"{category}.{scenario}", kind, category, str(scenario), *_names(s)))
                else:
                    leaves.append(Leaf(category, kind, category, "", *_names(entry)))
            zh = {str(category): str(entry["zh"]) for category, entry in raw["categories"].items()}
            return cls(int(raw["version"]), tuple(leaves), zh)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{origin}: not a taxonomy ({error!r}); compare it with data/taxonomy.yaml") from error

    @property
    def codes(self) -> list[str]:
        """Leaf codes in the order of the model's outputs."""
        return [leaf.code for leaf in self.leaves]

    @property
    def categories(self) -> list[str]:
        """Category codes in order."""
        return list(self.category_zh)

    def kind_of(self, category: str) -> Kind:
        """The kind a category belongs to."""
        return next(leaf.kind for leaf in self.leaves if leaf.category == category)

    def called(self, name: str) -> list[str]:
        """Codes of the leaves with this name for people, Chinese or English."""
        return [leaf.code for leaf in self.leaves if name.casefold() in (leaf.zh.casefold(), leaf.en.casefold())]

    def indices(self, *, category: str | None = None, kind: Kind | None = None) -> list[int]:
        """Places of the leaves of one category or kind."""
        return [
            i
            for i, leaf in enumerate(self.leaves)
            if (category is None or leaf.category == category) and (kind is None or leaf.kind is kind)
        ]


def _names(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    """zh, en and definition as strings: YAML takes an unquoted 12315 for a number."""
    zh, en, definition = (entry[key] for key in ("zh", "en", "definition"))
    if None in (zh, en, definition):
        raise ValueError("zh, en or definition is empty")
    return str(zh), str(en), str(definition)
