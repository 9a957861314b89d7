"""The utterances under data/: reading them, and the checks that keep them honest.

    python -m training.data check      # schema, labels, duplicates, near copies across splits, skeletons, counts
    python -m training.data suspects   # rows whose label is probably wrong: suspects.py

One utterance a line: `{"id", "text", "leaf", "industry", "hand", "implicit"?, "hard"?}`. `hand` names the author in
`data/hands.jsonl`, who writes for one split only. `implicit` marks taboo speech without the documents' cue words, `hard`
decent speech that a keyword list would flag. The labels are those of `data/taxonomy.yaml`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from jinyu import text as textmod
from jinyu.taxonomy import Taxonomy
from jinyu.types import JinyuError, Kind

DATA = Path(__file__).resolve().parent.parent / "data"
SPLITS = ("train", "validation", "test")
NEAR = 0.6  # character 3-gram Jaccard above which two sentences are near copies
FIELDS = {"id": str, "text": str, "leaf": str, "industry": str, "hand": str, "implicit": bool, "hard": bool}
REQUIRED = ("id", "text", "leaf", "industry", "hand")


class DataError(RuntimeError):
    """A data file is wrong; the message names file, row and remedy."""


@dataclass(frozen=True)
class Row:
    """One labelled utterance; `model_text` is what the network reads."""

    id: str
    text: str
    leaf: str
    industry: str
    hand: str
    implicit: bool = False
    hard: bool = False

    @property
    def model_text(self) -> str:
        """The text after the package's own normalisation."""
        return textmod.normalise(self.text)


def load_taxonomy(data: Path = DATA) -> Taxonomy:
    """The labels of `data/taxonomy.yaml`."""
    path = data / "taxonomy.yaml"
    return Taxonomy.parse(yaml.safe_load(path.read_text(encoding="utf-8")), str(path))


def load_mapping(data: Path = DATA) -> dict[str, str | None]:
    """Leaf of before -> leaf, or None where it was dropped; a retraining run writes it, the shipped data have none."""
    path = data / "mapping.json"
    mapping: dict[str, str | None] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return mapping


def load(split: str, data: Path = DATA) -> list[Row]:
    """The rows of one split, checked for schema and labels. Raises `DataError` at the first bad row."""
    path = data / "utterances" / f"{split}.jsonl"
    known = set(load_taxonomy(data).codes)
    return [_row(record, where, known) for where, record in _records(path)]


def load_phrases(data: Path = DATA) -> list[dict[str, Any]]:
    """The documents' phrases of `data/phrases.jsonl`, checked for labels."""
    known = set(load_taxonomy(data).codes)
    phrases = []
    for where, record in _records(data / "phrases.jsonl"):
        if record.get("leaf") not in known:
            raise DataError(f"{where}: unknown leaf {record.get('leaf')!r}; {data / 'taxonomy.yaml'} has the {len(known)} codes")
        phrases.append(record)
    return phrases


def phrase_rows(data: Path = DATA) -> list[Row]:
    """The documents' phrases as training rows, each text once."""
    rows: dict[str, Row] = {}
    for p in load_phrases(data):
        rows.setdefault(textmod.normalise(p["text"]), Row(p["id"], p["text"], p["leaf"], "服务规范", "documents"))
    return list(rows.values())


def digest(data: Path = DATA, splits: tuple[str, ...] = SPLITS) -> str:
    """sha256 over the files that make a model, in a fixed order."""
    h = hashlib.sha256()
    for path in [data / "taxonomy.yaml", data / "phrases.jsonl", *(data / "utterances" / f"{s}.jsonl" for s in splits)]:
        h.update(path.name.encode() + path.read_bytes())
    return h.hexdigest()


def file_digest(split: str, data: Path = DATA) -> str:
    """sha256 of one split's file."""
    return hashlib.sha256((data / "utterances" / f"{split}.jsonl").read_bytes()).hexdigest()


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, record) of a JSONL file."""
    try:
        *lines, last = path.read_text(encoding="utf-8").split("\n")  # not splitlines: U+2028 may stand in a text
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); run from a checkout, or name --data") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
    for number, line in enumerate([*lines, last] if last else lines, 1):
        where = f"{path}:{number}"
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{where}: not JSON ({error}); one object a line") from error
        if not isinstance(record, dict):
            raise DataError(f"{where}: expected an object, got {type(record).__name__}")
        yield where, record


def _row(record: dict[str, Any], where: str, known: set[str]) -> Row:
    for name in REQUIRED:
        if name not in record:
            raise DataError(f"{where}: no {name!r}; a row needs {', '.join(REQUIRED)}")
    for name, value in record.items():
        if name not in FIELDS:
            raise DataError(f"{where}: unknown field {name!r}; known are {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[name]):
            raise DataError(f"{where}: {name!r} is {value!r}, expected {FIELDS[name].__name__}")
    if record["leaf"] not in known:
        raise DataError(f"{where}: unknown leaf {record['leaf']!r}; data/taxonomy.yaml has the {len(known)} codes")
    row = Row(**record)
    if not row.model_text:
        raise DataError(f"{where}: the text {row.text!r} has no words; drop the row")
    return row


def near_pairs(left: list[str], right: list[str], limit: float = NEAR) -> list[tuple[int, int, float]]:
    """Pairs (i, j, Jaccard) of model texts whose character 3-grams overlap more than `limit`; equal texts count as 1."""
    from sklearn.feature_extraction.text import CountVectorizer

    def grams(t: str) -> list[str]:
        bare = "".join(c for c in t if c.isalnum())
        return sorted({bare[i : i + 3] for i in range(len(bare) - 2)}) or [bare]

    vectorizer = CountVectorizer(analyzer=grams, binary=True, dtype=np.int32).fit(left + right)
    a, b = vectorizer.transform(left), vectorizer.transform(right)
    size_a, size_b = np.asarray(a.sum(axis=1)).ravel(), np.asarray(b.sum(axis=1)).ravel()
    pairs = []
    for start in range(0, len(left), 2000):
        shared = (a[start : start + 2000] @ b.T).tocoo()
        i = shared.row + start
        jaccard = shared.data / (size_a[i] + size_b[shared.col] - shared.data)
        hits = np.flatnonzero(jaccard > limit)
        pairs += [(int(i[k]), int(shared.col[k]), float(jaccard[k])) for k in hits]
    return pairs


# what is left of a sentence when its content words go: how it is built
_FUNCTION = set(
    "我你您他她它们这那哪个的了着过吗呢吧啊呀嘛哦哈不没有是在就都也还再又才只很太把被给让叫请对向从到和跟与或但而所以如果因为先后要会能可得行好么什怎谁几多少一下上来去说看想知道"
)


def skeleton(model_text: str) -> str:
    """Function words kept, every run of other words one blank: `您先点_，再_就行`."""
    out = []
    for c in model_text:
        if c in _FUNCTION:
            out.append(c)
        elif c.isalnum() and (not out or out[-1] != "_"):
            out.append("_")
    return "".join(out)


def shared_skeletons(rows: list[Row]) -> float:
    """The share of sentences of 10 or more characters whose skeleton (6 or more signs) another sentence also has."""
    skeletons = [s for r in rows if len(r.model_text) >= 10 and len(s := skeleton(r.model_text)) >= 6]
    counts = Counter(skeletons)
    return sum(n for n in counts.values() if n > 1) / max(1, len(skeletons))


def agreement(data: Path = DATA) -> dict[str, float]:
    """How far a second, blind reader of test rows agrees: rows, share of leaves, categories, taboo or not; rows found unsure."""
    rows = {row.id: row for row in load("test", data)}
    taxonomy = load_taxonomy(data)
    readings = [record for _, record in _records(data / "second_reading.jsonl")]

    def share(of: Callable[[str], object]) -> float:
        return sum(of(rows[r["id"]].leaf) == of(r["leaf"]) for r in readings) / max(1, len(readings))

    return {
        "rows": len(readings),
        "leaf": share(lambda leaf: leaf),
        "category": share(lambda leaf: leaf.split(".")[0]),
        "taboo": share(lambda leaf: taxonomy.kind_of(leaf.split(".")[0]) is Kind.TABOO),
        "unsure": sum("other" in r for r in readings),
    }


def check(data: Path = DATA) -> list[str]:
    """Every fault of the data, a sentence each; prints counts on the way."""
    faults: list[str] = []
    taxonomy = load_taxonomy(data)
    hands = {record["hand"]: record for _, record in _records(data / "hands.jsonl")}
    splits = {split: load(split, data) for split in SPLITS}
    load_phrases(data)
    ids = Counter(row.id for rows in splits.values() for row in rows)
    faults += [f"id {i} stands {n} times" for i, n in ids.items() if n > 1]
    for split, rows in splits.items():
        for row in rows:
            if hands.get(row.hand, {}).get("split") != split:
                faults.append(f"{split}: {row.id}: hand {row.hand!r} is not in data/hands.jsonl as one of {split}")
            kind = taxonomy.kind_of(row.leaf.split(".")[0])
            if (row.implicit and kind is not Kind.TABOO) or (row.hard and kind is Kind.TABOO):
                faults.append(f"{split}: {row.id}: implicit is for taboo rows, hard for decent ones")
        texts = Counter(row.model_text for row in rows)
        faults += [f"{split}: {n} rows read {t!r}" for t, n in texts.items() if n > 1]
    for i, one in enumerate(SPLITS):
        for other in SPLITS[i + 1 :]:
            # the documents' phrases are learned from too
            left, right = splits[one] + (phrase_rows(data) if one == "train" else []), splits[other]
            for a, b, j in near_pairs([r.model_text for r in left], [r.model_text for r in right]):
                faults.append(f"{one} {left[a].id} and {other} {right[b].id} are near copies ({j:.2f}): {left[a].text}")
    for split, rows in splits.items():
        _print_counts(split, rows, taxonomy)
    a = agreement(data)
    print(
        f"second reader, {a['rows']} test rows: same leaf {a['leaf']:.1%}, category {a['category']:.1%}, taboo or not {a['taboo']:.1%}"
    )
    return faults


def _print_counts(split: str, rows: list[Row], taxonomy: Taxonomy) -> None:
    by_leaf = Counter(row.leaf for row in rows)
    implicit, hard = sum(r.implicit for r in rows), sum(r.hard for r in rows)
    print(f"{split}: {len(rows)} rows, {implicit} implicit taboo, {hard} hard decent, {len({r.hand for r in rows})} hands, "
          f"{len({r.industry for r in rows})} industries, shared skeletons {shared_skeletons(rows):.1%}")  # fmt: skip
    print("  " + ", ".join(f"{code} {by_leaf[code]}" for code in taxonomy.codes))


def _data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=DATA, help="the data folder (default: data/ of the checkout)")


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.data`."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="print counts and every fault; exit 1 if there is one")
    _data_option(command)
    command = commands.add_parser("suspects", help="rows whose label is probably wrong, the worst first")
    _data_option(command)
    command.add_argument(
        "--labels",
        nargs="+",
        default=[],
        metavar="FILE",
        help="a team's label files, as for training.retrain (default: the training rows)",
    )
    command.add_argument("--folds", type=int, default=5, help="default: %(default)s")
    command.add_argument("-n", type=int, default=50, help="rows shown at most (default: %(default)s)")
    command.add_argument("--out", type=Path, metavar="FILE", help="write them as JSONL too")
    command.add_argument("--model", help="whose embeddings: a model or run directory, or a hub name (default: the shipped model)")
    args = parser.parse_args(argv)
    if args.command == "suspects":
        from training import suspects

        try:
            suspects.run(args.labels, args.data, args.folds, args.n, args.out, args.model)
        except (DataError, JinyuError) as error:
            print(f"training.data: {error}", file=sys.stderr)
            return 1
        return 0
    try:
        faults = check(args.data)
    except DataError as error:
        faults = [str(error)]
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    print(f"{len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
