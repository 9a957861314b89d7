"""The words that the rest of the package speaks in: kinds, roles, recordings and judgements.

Read `decision.py` beside this file: it says how a `Judgement` comes about.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

SCHEMA = 1  # of the judged-utterance and call records; raised when a name or a meaning changes


class JinyuError(Exception):
    """Base of every error that jinyu raises on purpose; its text is meant for the user."""


class ModelError(JinyuError):
    """The model directory is missing, damaged, or of another format."""


class InputError(JinyuError):
    """A transcript, table or text cannot be read; the message names the file, the place and the remedy."""


class ScorecardError(JinyuError):
    """A scorecard cannot be used; each line of the message is `FILE:line:column: what is wrong; what was expected`."""


class Kind(StrEnum):
    """The three kinds of agent utterance."""

    COMPLIANT = "compliant"
    TABOO = "taboo"
    NEUTRAL = "neutral"


class Role(StrEnum):
    """Who speaks a turn."""

    AGENT = "agent"
    CUSTOMER = "customer"
    BOT = "bot"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why the answer is not simply the most probable category, or why there is nothing to judge."""

    BEST = ""  # the most probable category is the answer
    BELOW_THRESHOLD = "below_threshold"  # most probably taboo, yet not sure enough to raise an alarm
    OVER_THRESHOLD = "over_threshold"  # a decent category is more probable, yet taboo passes its threshold
    NO_WORDS = "no_words"  # empty, or punctuation only: nothing was said


@dataclass(frozen=True)
class Turn:
    """One turn of a call. Times are milliseconds from the start of the call."""

    text: str
    role: Role = Role.UNKNOWN
    turn_id: str = ""
    channel: str | None = None
    speaker: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    asr_confidence: float | None = None


@dataclass(frozen=True)
class Recording:
    """One call: its turns in the order of time."""

    call_id: str
    turns: tuple[Turn, ...]
    agent_id: str | None = None
    started_at: str | None = None
    audio: str | None = None


@dataclass(frozen=True)
class Evidence:
    """The clause that decided, as a span of the text as given: `text == utterance[start:end]`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Rule:
    """A documented phrase, with the file and section it stands in."""

    phrase_id: str
    phrase: str
    source: str
    section: str


@dataclass(frozen=True)
class ModelInfo:
    """Which model judged: `sha256` is that of its manifest."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Judgement:
    """What one utterance is.

    `probability` is that of `category`; `taboo_probability` the sum over the taboo types, in the worst
    clause; both in [0, 1]. `flagged` is the alarm. `rule` is the nearest documented phrase of the category and `suggestion`
    what to say instead (taboo only). `truncated` tells that the end of an over-long text was not read.
    """

    text: str
    kind: Kind
    category: str
    scenario: str
    label_zh: str
    probability: float
    taboo_probability: float
    flagged: bool
    reason: Reason
    evidence: Evidence | None
    rule: Rule | None
    suggestion: str | None
    truncated: bool
    model: ModelInfo
    schema: int = field(default=SCHEMA)

    @property
    def leaf(self) -> str:
        """`category.scenario`, or the category alone for taboo types."""
        return f"{self.category}.{self.scenario}" if self.scenario else self.category

    def to_dict(self) -> dict[str, Any]:
        """The judged-utterance record: the same names as in JSONL, Parquet and CSV output."""
        record = asdict(self)
        record["probability"] = round(self.probability, 4)
        record["taboo_probability"] = round(self.taboo_probability, 4)
        record["kind"], record["reason"] = str(self.kind), str(self.reason)
        return record
