"""Who is the agent: roles that are given stand; else what the user says (`--agent-channel`, `--agent-speaker`); else what the speech says.

Inferring: the parties of a call are its channels, or its speakers where there is but one channel. The model scores every turn, and each
turn speaks for or against its party being the agent: how many times likelier an agent is to say it than a customer, in logarithms. One
party at least is on the agent's side and one is not; of all ways to divide them so, the evidence makes some likelier, and a party's
probability is the share of the ways in which it is the agent's. With two parties this is the softmax over their sums.

With three or more parties, one that opens with a telephone menu is a bot; a further agent (a transfer) must show it by what it says, for
`EXTRA_AGENT` counts against it. A party whose side stays open keeps the role unknown, and its turns are not judged.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from jinyu.types import Kind, Recording, Role, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from jinyu.taxonomy import Leaf, Taxonomy

CONFIDENT = 0.8  # below this nobody is called the agent, and no turn is judged
MOST = 2.0  # the evidence of one turn lies between -MOST and MOST: no single turn decides a call
FEW = 4  # damping: evidence of n turns counts n / (n + FEW), so that one exchange of two turns never decides
EXTRA_AGENT = 1.5  # what a second agent in one call costs, as log-odds
MOST_PARTIES = 8  # that compete: those with the most turns; a diarisation that finds more is noise

# How many times likelier an agent says it than a customer; rounded from what drafts of the model give on the sample calls.
PRESCRIBED, EITHER, PLAIN, BACKCHANNEL = 5.0, 1.2, 0.6, 0.4
# prescribed phrases that customers say too: 听不清, 再见, 谢谢, 请您再说一遍 ... and whatever states a fact or asks for one
SAID_BY_BOTH = frozenset(
    (
        *("response.ask_repeat", "response.inaudible", "response.dialect", "response.slow_down"),
        *("inquiry.ask_information", "inquiry.ask_note", "inquiry.report_result"),
        *("explanation.clarify", "explanation.check_understanding", "appreciation.accept_thanks"),
        *("situation.misspoke", "situation.silent_call", "closing.farewell", "closing.hang_up_notice"),
    )
)
# the address 您 is the agent's more often than not; 你们 for the company, and asking for oneself, the customer's
CUES = (
    (re.compile("您"), 1.5),
    (re.compile("你们|你們|[帮幫]我|我(?:想|要)(?:[问問查办辦退换換]|咨询|投诉|取消)"), 0.4),
)
MENU = re.compile(r"请按\s*[\d一二三四五六七八九零井星#*]|我是(?:您的)?智能|智能(?:语音)?(?:客服|助手|助理).{0,6}为您服务")


class Reader(Protocol):
    """What finding the agent needs of a scorer."""

    taxonomy: Taxonomy

    def predict_proba(self, utterances: Iterable[str]) -> NDArray[np.float32]:
        """Probabilities (n, leaves)."""


@dataclass(frozen=True)
class RoleFinding:
    """How the agent was found.

    `agent` is the channel or speaker (`by` says which) that is the agent's, several joined by commas; if `confidence` is below
    `CONFIDENT` it is the likeliest, and no turn carries the role.
    """

    method: Literal["given", "option", "inferred", "none"]
    confidence: float
    agent: str | None
    by: Literal["channel", "speaker"] | None = None


def assign_roles(
    recording: Recording, scorer: Reader, agent_channel: str | None = None, agent_speaker: str | None = None
) -> tuple[Recording, RoleFinding]:
    """The recording with the roles of its turns filled in as far as they are sure, and how they were found.

    An option that names no turn of the call is passed over, so that one command can score calls of several forms.
    """
    unknown = [t for t in recording.turns if t.role is Role.UNKNOWN]
    if not unknown:
        return recording, RoleFinding("given", 1.0, None)
    options: tuple[tuple[Literal["channel", "speaker"], str | None], ...] = (("channel", agent_channel), ("speaker", agent_speaker))
    for by, wanted in options:
        names = {name for t in unknown if (name := getattr(t, by)) is not None}
        if wanted in names:
            roles = {name: Role.AGENT if name == wanted else Role.CUSTOMER for name in names}
            return _with_roles(recording, by, roles), RoleFinding("option", 1.0, wanted, by)
    if given := {t.role for t in recording.turns} & {Role.AGENT, Role.CUSTOMER}:
        return _other_side(recording, unknown, given), RoleFinding("given", 1.0, None)
    return _infer(recording, unknown, scorer)


def _other_side(recording: Recording, unknown: list[Turn], given: set[Role]) -> Recording:
    """Where one side alone is named, the one other party that speaks is the other side. What else the file leaves open stays so."""
    by = _parties(unknown)
    names = {getattr(t, by) for t in unknown} if by else set()
    if by is None or len(given) > 1 or len(names) != 1 or None in names or MENU.search(unknown[0].text):
        return recording
    return _with_roles(recording, by, {names.pop(): Role.CUSTOMER if Role.AGENT in given else Role.AGENT})


def review_reason(recording: Recording, finding: RoleFinding, zh: bool = False) -> str:
    """Why turns were not judged and what to do about it, in English or Chinese; empty if every turn has a role."""
    left = [t for t in recording.turns if t.role is Role.UNKNOWN]
    if not left:
        return ""
    n, party, confidence = len(left), f"{finding.by} {finding.agent}", f"{finding.confidence:.2f}"
    option = f"--agent-{finding.by} {finding.agent}"
    if finding.method == "none" and finding.agent is not None:
        said = (
            f"one {finding.by} holds all turns, and none was judged; if the agent alone speaks there: {option}",
            f"所有话轮都在 {party} 上，均未判断；若其中只有坐席说话，请加 {option}",
        )
    elif finding.method == "inferred" and finding.confidence < CONFIDENT:
        said = (
            f"it is not sure who the agent is ({party} with {confidence}), and no turn was judged; "
            f"if that is right: {option}, else name the other",
            f"不能确定谁是坐席（{party} 的把握为 {confidence}），均未判断；若推断无误，请加 {option}，否则指明另一方",
        )
    elif any(t.channel is not None or t.speaker is not None for t in left):
        said = (
            f"{n} turns may be the agent's or the customer's and were not judged; give their roles in the transcript",
            f"{n} 个话轮分不清是坐席还是客户，未作判断；请在转写中标明角色",
        )
    else:
        said = (
            f"{n} turns name no speaker and were not judged; give roles, or have the audio recognised with speakers apart",
            f"{n} 个话轮没有说话人，未作判断；请标明角色，或用能区分说话人的方式重新识别",
        )
    return said[zh]


def _infer(recording: Recording, turns: list[Turn], scorer: Reader) -> tuple[Recording, RoleFinding]:
    by = _parties(turns)
    if by is None:
        return recording, RoleFinding("none", 0.0, None)
    counts = Counter(name for t in turns if (name := getattr(t, by)) is not None)
    competing = [name for name, _ in counts.most_common(MOST_PARTIES)]
    roles: dict[str, Role] = {}
    if len(competing) > 2:
        first = {name: next(t.text for t in turns if getattr(t, by) == name) for name in competing}
        bots = [name for name in competing if MENU.search(first[name])]
        if len(bots) <= len(competing) - 2:
            roles = dict.fromkeys(bots, Role.BOT)
            competing = [name for name in competing if name not in roles]
    if len(competing) < 2:
        return recording, RoleFinding("none", 0.0, competing[0], by)
    sides = probabilities(_evidence([t for t in turns if getattr(t, by) in competing], by, scorer))
    best = max(sides, key=sides.__getitem__)
    if sides[best] < CONFIDENT:
        return recording, RoleFinding("inferred", sides[best], best, by)
    for name, p in sides.items():
        if p >= CONFIDENT:
            roles[name] = Role.AGENT
        elif p <= 1 - CONFIDENT:
            roles[name] = Role.CUSTOMER
    agents = ",".join(name for name in counts if roles.get(name) is Role.AGENT)
    return _with_roles(recording, by, roles), RoleFinding("inferred", sides[best], agents, by)


def _parties(turns: list[Turn]) -> Literal["channel", "speaker"] | None:
    """What tells the parties apart: the first of channel and speaker that has two names, else the first that has one."""
    channels = {t.channel for t in turns} - {None}
    speakers = {t.speaker for t in turns} - {None}
    if len(channels) > 1 or (channels and len(speakers) < 2):
        return "channel"
    return "speaker" if speakers else None


def _with_roles(recording: Recording, by: str, roles: dict[str, Role]) -> Recording:
    return replace(
        recording,
        turns=tuple(
            replace(t, role=roles.get(getattr(t, by), Role.UNKNOWN)) if t.role is Role.UNKNOWN else t for t in recording.turns
        ),
    )


def _evidence(turns: list[Turn], by: str, scorer: Reader) -> dict[str, float]:
    """Log-odds of being the agent, of each party: the sum over its turns, damped when the call has few."""
    ratios = np.array([_ratio(leaf) for leaf in scorer.taxonomy.leaves])
    sums: dict[str, float] = defaultdict(float)
    spoken = 0
    for turn, said in zip(turns, scorer.predict_proba([t.text for t in turns]), strict=True):
        odds = float(said @ ratios)
        if odds > 0:  # zero: no words
            spoken += 1
            for cue, ratio in CUES:
                odds *= ratio if cue.search(turn.text) else 1.0
            sums[getattr(turn, by)] += max(-MOST, min(MOST, math.log(odds)))
        else:
            sums[getattr(turn, by)] += 0.0
    return {name: value * spoken / (spoken + FEW) for name, value in sums.items()}


def _ratio(leaf: Leaf) -> float:
    if leaf.kind is Kind.COMPLIANT:
        return EITHER if leaf.code in SAID_BY_BOTH else PRESCRIBED
    # taboo counts as plain speech: an agent who insults must not be taken for the customer
    return BACKCHANNEL if leaf.code == "neutral.backchannel" else PLAIN


def probabilities(evidence: dict[str, float]) -> dict[str, float]:
    """Of each of two or more parties, the probability to be on the agent's side; see the top of the file."""
    ways = [
        (sum(evidence[name] for name in agents) - EXTRA_AGENT * (size - 1), agents)
        for size in range(1, len(evidence))
        for agents in combinations(evidence, size)
    ]
    highest = max(weight for weight, _ in ways)
    total = sum(math.exp(weight - highest) for weight, _ in ways)
    return {name: sum(math.exp(w - highest) for w, agents in ways if name in agents) / total for name in evidence}
