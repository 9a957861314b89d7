"""jinyu (禁语): judges what call-centre agents say in Chinese.

Start with `Scorer.load()` and `Scorer.score(text)`; see `types.py` for what a `Judgement` holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jinyu.types import (
    Evidence,
    InputError,
    JinyuError,
    Judgement,
    Kind,
    ModelError,
    Reason,
    Recording,
    Role,
    Rule,
    Turn,
)

if TYPE_CHECKING:
    from jinyu.scorer import Scorer

    __version__: str

__all__ = [
    "Evidence",
    "InputError",
    "JinyuError",
    "Judgement",
    "Kind",
    "ModelError",
    "Reason",
    "Recording",
    "Role",
    "Rule",
    "Scorer",
    "Turn",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """`Scorer` (numpy) and `__version__` (package metadata) come on first use, so that `import jinyu` stays quick."""
    if name == "Scorer":
        from jinyu.scorer import Scorer

        return Scorer
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("jinyu")
        except PackageNotFoundError:  # run from a source tree that was never installed
            return "0+unknown"
    raise AttributeError(f"module 'jinyu' has no attribute {name!r}")
