"""A team's labels and the shipped data become one data folder, in the team's taxonomy: what a retraining run learns from and is measured by.

The folder has the layout of `data/`, and one split more: `held.jsonl`, a share of the team's own rows that training never reads. Rows with
a low hash are held out, copies together; so a row that was held out last month is held out again this month, and no other.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import yaml

from jinyu import Kind, Scorer, tables
from jinyu.text import normalise
from training import data
from training.data import Row
from training.labels import Label
from training.scheme import Scheme

HAND = "team"
FEW = 64  # a leaf that the shipped data lack is read at least this often an epoch,
MOST_REPEATS = 8  # a row of it at most this often


@dataclass(frozen=True)
class Mix:
    """How much of each source is read."""

    replay: float = 1.0  # share of the shipped training rows
    cap: int = 6000  # rows of one leaf from either source, drawn by the seed
    held: float = 0.2  # share of the team's rows that measure, and are not learned from
    seed: int = 17


def merge(
    labels: list[Label], rejected: list[Label], scheme: Scheme, mix: Mix, shipped: Path, out: Path, current: Scorer
) -> dict[str, Any]:
    """Write the merged folder to `out`; returns what was counted."""
    train, held = hold_out(labels, mix)
    team = [_row(i, label, label.leaf) for i, label in enumerate(train)]
    resolved = resolve(rejected, scheme, current)
    team += [_row(len(train) + i, label, leaf) for i, (label, leaf) in enumerate(resolved)]
    held_rows = [replace(_row(i, label, label.leaf), id=f"held-{i:06}") for i, label in enumerate(held)]

    before = data.load("train", shipped)
    replayed, counts = mapped(before, scheme)
    random = Random(mix.seed)
    replayed = [r for r in replayed if random.random() < mix.replay]
    ours = {r.model_text for r in team}
    overruled = sum(r.model_text in ours for r in replayed)  # the team's word on the same sentence goes before ours
    replayed = [r for r in replayed if r.model_text not in ours]
    said = {r.model_text: r.leaf for r in [*held_rows, *team]}
    documents = [p | {"leaf": leaf} for p in data.load_phrases(shipped) if (leaf := scheme.leaf(p["leaf"]))]
    phrases = [p for p in documents if said.get(normalise(p["text"]), p["leaf"]) == p["leaf"]]
    overruled += len(documents) - len(phrases)
    copies = (
        {i for i, _, _ in data.near_pairs([r.model_text for r in replayed], [r.model_text for r in held_rows])}
        if held_rows
        else set()
    )
    replayed = [r for i, r in enumerate(replayed) if i not in copies]
    capped = [*cap(team, mix), *cap(replayed, mix)]
    rows = repeat_rare(capped, {r.leaf for r in replayed})

    utterances = out / "utterances"
    utterances.mkdir(parents=True, exist_ok=True)
    _write_rows(utterances / "train.jsonl", rows)
    _write_rows(utterances / "held.jsonl", held_rows)
    for split in ("validation", "test"):
        _write_rows(utterances / f"{split}.jsonl", mapped(data.load(split, shipped), scheme)[0])
    _write_lines(out / "phrases.jsonl", phrases)
    (out / "taxonomy.yaml").write_text(yaml.safe_dump(dict(scheme.raw), allow_unicode=True, sort_keys=False), encoding="utf-8")
    (out / "mapping.json").write_text(json.dumps(dict(scheme.mapping), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (out / "behaviour").mkdir(exist_ok=True)
    for path in sorted((shipped / "behaviour").glob("*.jsonl")):
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        _write_lines(out / "behaviour" / path.name, [r | {"leaf": leaf} for r in records if (leaf := scheme.leaf(r["leaf"]))])
    if (shipped / "missed.jsonl").exists():
        (out / "missed.jsonl").write_bytes((shipped / "missed.jsonl").read_bytes())
    fresh = sorted({r.leaf for r in team} - {r.leaf for r in replayed})
    return {
        "team_rows": len(team), "team_rejections": len(resolved), "held_rows": len(held_rows), "shipped_rows": len(replayed),
        "train_rows": len(rows), "overruled": overruled, "copies_of_held": len(copies), "capped": len(team) + len(replayed) - len(capped),
        "shipped_dropped": counts["dropped"], "shipped_renamed": counts["renamed"], "phrases": len(phrases),
        "few": {leaf: sum(r.leaf == leaf for r in team) for leaf in fresh},
        "data": data.digest(out, ("train", "validation", "test", "held")),
    }  # fmt: skip


def hold_out(labels: list[Label], mix: Mix) -> tuple[list[Label], list[Label]]:
    """(to learn from, held out): by hash, near copies the same way; of a leaf with enough rows at least the lowest."""
    groups = _groups([label.model_text for label in labels])
    by_leaf: dict[str, list[list[int]]] = defaultdict(list)
    for group in groups:
        by_leaf[labels[group[0]].leaf].append(group)
    held: set[int] = set()
    for leaf_groups in by_leaf.values():
        ranked = sorted((min(_hash(labels[i].model_text) for i in group), group) for group in leaf_groups)
        low = [group for value, group in ranked if value < mix.held]
        if not low and mix.held * len(ranked) >= 1:
            low = [ranked[0][1]]
        held.update(i for group in low for i in group)
    return [x for i, x in enumerate(labels) if i not in held], [x for i, x in enumerate(labels) if i in held]


def resolve(rejected: list[Label], scheme: Scheme, current: Scorer) -> list[tuple[Label, str]]:
    """A rejected alarm is decent speech: the current model's most probable leaf that is not taboo stands in for what it is."""
    if not rejected:
        return []
    decent = [
        i for i, leaf in enumerate(current.taxonomy.leaves)
        if leaf.kind is not Kind.TABOO and (new := scheme.leaf(leaf.code)) and scheme.taxonomy.kind_of(new.split(".")[0]) is not Kind.TABOO
    ]  # fmt: skip
    if not decent:
        return []
    best = current.predict_proba([label.text for label in rejected])[:, decent].argmax(1)
    return [(label, scheme.leaf(current.leaves[decent[k]]) or "") for label, k in zip(rejected, best.tolist(), strict=True)]


def mapped(rows: Iterable[Row], scheme: Scheme) -> tuple[list[Row], dict[str, int]]:
    """Rows under the team's leaves; those of leaves that are gone are dropped. `implicit` and `hard` hold only while the kind does."""
    out, counts = [], {"dropped": 0, "renamed": 0}
    for row in rows:
        leaf = scheme.leaf(row.leaf)
        if leaf is None:
            counts["dropped"] += 1
            continue
        counts["renamed"] += leaf != row.leaf
        taboo = scheme.taxonomy.kind_of(leaf.split(".")[0]) is Kind.TABOO
        out.append(replace(row, leaf=leaf, implicit=row.implicit and taboo, hard=row.hard and not taboo))
    return out, counts


def cap(rows: list[Row], mix: Mix) -> list[Row]:
    """At most `mix.cap` rows of a leaf, drawn by the seed, in the order given."""
    by_leaf: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        by_leaf[row.leaf].append(i)
    random = Random(mix.seed)
    kept = {i for places in by_leaf.values() for i in (places if len(places) <= mix.cap else random.sample(places, mix.cap))}
    return [row for i, row in enumerate(rows) if i in kept]


def repeat_rare(rows: list[Row], known: set[str]) -> list[Row]:
    """Rows of leaves that the shipped data lack are read several times an epoch; augmentation changes them each time."""
    by_leaf: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.leaf not in known:
            by_leaf[row.leaf].append(row)
    out = list(rows)
    for few in by_leaf.values():
        times = min(MOST_REPEATS, -(-FEW // len(few)))
        out += [replace(row, id=f"{row.id}-{again}") for again in range(1, times) for row in few]
    return out


def _groups(texts: list[str]) -> list[list[int]]:
    """Places of texts that are near copies of one another, together."""
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j, _ in data.near_pairs(texts, texts) if texts else []:
        parent[root(i)] = root(j)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(texts)):
        groups[root(i)].append(i)
    return list(groups.values())


def _hash(model_text: str) -> float:
    """Between 0 and 1, the same every month."""
    return int.from_bytes(hashlib.sha256(model_text.encode()).digest()[:8]) / 2**64


def _row(number: int, label: Label, leaf: str) -> Row:
    return Row(f"team-{number:06}", label.text, leaf, "", HAND)


def _write_rows(path: Path, rows: list[Row]) -> None:
    _write_lines(path, [{k: v for k, v in asdict(r).items() if v is not False} for r in rows])


def _write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    partial = path.with_name(path.name + ".part")
    partial.write_text("".join(map(tables.json_line, records)), encoding="utf-8")
    partial.replace(path)
