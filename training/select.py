"""What people should read next, of a batch that was scored; and from what they read, how much taboo speech there truly is.

    python -m training.select results/utterances.jsonl -n 200 --out to_label.jsonl       # then fill in "leaf" of each row
    python -m training.select results/utterances.jsonl --labelled to_label.jsonl --precision 0.0005

Three reasons to read an utterance, in `why`: `audit` (drawn by chance within strata of the taboo score: the sample that `prevalence.py` counts on),
`threshold` (its taboo probability is near the alarm's threshold) and `doubtful` (little between its two best leaves). Of the last two
kinds the candidates are put into as many clusters of embeddings as there are places, and each cluster sends its most doubtful one, so that no two rows
ask the same. The rows stand in random order, so that half of them read is still a fair sample, and audit rows do not say what the model thought.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jinyu import JinyuError, Kind, Scorer, artifact, tables
from jinyu.taxonomy import Taxonomy
from jinyu.text import normalise
from training.data import DataError
from training.prevalence import EDGES, LEAST, Stratum, allocate, estimate, more_to_read, strata, stratum_name

POOL = 10  # candidates for each place
NEAR = 3.0  # logits from the threshold that still count as near it
RARE = 0.0005  # taboo speech where the score sees none, before anybody has read


@dataclass(frozen=True)
class Results:
    """A batch: the utterances with words in them. `rows` are their places in the table, from 1; scores are taboo probabilities (n,)."""

    path: Path
    rows: list[int]
    ids: list[tuple[str, str]]  # (call_id, turn_id)
    texts: list[str]
    leaves: list[str]  # the model's answer
    probability: np.ndarray  # of the answer (n,)
    scores: np.ndarray
    silent: int  # utterances without words, which are nobody's to read


def read_results(path: Path) -> Results:
    """The table of utterances at `path`, a file or an output folder. Raises `InputError`, `DataError`."""
    path = tables.find(path, "utterances")
    rows, ids, texts, leaves, probability, scores, total = [], [], [], [], [], [], 0
    for total, (place, row) in enumerate(tables.records(path), 1):
        missing = [name for name in ("text", "category", "scenario", "probability", "taboo_probability") if name not in row]
        if missing:
            raise DataError(f"{place}: no {', '.join(missing)}; name the utterances table that jinyu score wrote")
        text = str(row["text"] or "")  # CSV and XLSX know no empty text
        if not normalise(text):
            continue
        rows.append(total)
        ids.append((str(row.get("call_id", "")), str(row.get("turn_id", ""))))
        texts.append(text)
        leaves.append(".".join(str(row[k]) for k in ("category", "scenario") if row[k]))
        probability.append(tables.number(row["probability"], "probability", place))
        scores.append(tables.number(row["taboo_probability"], "taboo_probability", place))
    if not rows:
        raise DataError(f"{path}: no utterances with words in it, nothing to read")
    return Results(path, rows, ids, texts, leaves, np.array(probability), np.array(scores), total - len(rows))


@dataclass(frozen=True)
class Label:
    """What a person said of one row: a category, and whether the row was an audit row."""

    category: str
    leaf: str
    audit: bool


def read_labels(paths: list[Path], results: Results, taxonomy: Taxonomy) -> dict[int, Label]:
    """The labels of rows whose `leaf` is filled in, by place in `results`. Raises `DataError` with file, row and remedy."""
    at = {row: place for place, row in enumerate(results.rows)}
    labels: dict[int, Label] = {}
    for path in paths:
        for where, record in tables.records(path):
            said = str(record.get("leaf") or "").strip()
            if not said:
                continue
            if "row" not in record or "why" not in record:
                raise DataError(f"{where}: no 'row' or no 'why'; label the file that training.select wrote")
            place = at.get(int(tables.number(record["row"], "row", where)))
            if place is None or results.texts[place] != record.get("text"):
                raise DataError(
                    f"{where}: row {record['row']} of {results.path} is another text; name the batch that the labels are of"
                )
            known = [said] if said in (*taxonomy.codes, *taxonomy.categories) else taxonomy.called(said)
            if not known:
                raise DataError(f"{where}: unknown leaf {said!r}; the model has {', '.join(taxonomy.codes)}")
            if len(known) > 1:
                raise DataError(f"{where}: {said!r} names {len(known)} leaves ({', '.join(known)}); write the code")
            (leaf,) = known
            category = leaf.split(".")[0]
            before = labels.get(place)
            if before and before.category != category:
                raise DataError(f"{where}: row {record['row']} is {leaf!r} here and {before.leaf!r} in another line; settle which")
            labels[place] = Label(category, leaf, record["why"] == "audit" or bool(before and before.audit))
    return labels


def audit(results: Results, n: int, labels: dict[int, Label], rng: np.random.Generator) -> list[int]:
    """`n` places drawn by chance within strata, none that an earlier audit has; most where the score says least for its size."""
    stratum = strata(results.scores)
    done = {place for place, label in labels.items() if label.audit}
    sizes, rates, pools = [], [], []
    for s in range(len(EDGES)):
        inside = np.flatnonzero(stratum == s)
        pools.append([int(i) for i in inside if int(i) not in done])
        sizes.append(len(pools[-1]))
        mean = float(results.scores[inside].mean()) if len(inside) else 0.0
        rates.append(min(max(mean, RARE), 1 - RARE))
    needed = sum(min(LEAST, size) for size in sizes)
    if n < needed:
        raise DataError(
            f"an audit of {n} cannot reach all strata of the scores: it takes {needed} here; raise -n or --audit, or --audit 0"
        )
    picked = [rng.choice(pool, k, replace=False) for pool, k in zip(pools, allocate(sizes, rates, n), strict=True) if k]
    return [int(i) for part in picked for i in part]


def doubtful(results: Results, n: int, taken: set[int], scorer: Scorer, seed: int) -> list[tuple[int, str, str]]:
    """(place, why, says) of up to `n` utterances near the threshold or between two leaves, each text once, `taken` ones left out."""
    first = {normalise(results.texts[i]): i for i in reversed(range(len(results.texts)))}
    seen = {normalise(results.texts[i]) for i in taken}
    free = np.array(sorted(i for t, i in first.items() if t not in seen), dtype=int)
    if not n or not len(free):
        return []
    thresholds = scorer.model.scoring.thresholds
    # a first choice by what the table says, so that only some utterances need the network again
    off = np.abs(logit(results.scores[free]) - logit(np.median(list(thresholds.values()))))
    cheap = {
        *free[np.argsort(off, kind="stable")[: POOL * n]],
        *free[np.argsort(results.probability[free], kind="stable")[: POOL * n]],
    }
    pool = np.array(sorted(cheap))
    p, vectors = scorer.features(results.texts[i] for i in pool)
    by_type = np.stack([p[:, scorer.taxonomy.indices(category=c)].sum(1) for c in thresholds])  # (types, pool)
    limit = np.array(list(thresholds.values()))[by_type.argmax(0)]
    off = np.abs(logit(by_type.sum(0)) - logit(limit))
    two = np.argsort(-p, axis=1, kind="stable")[:, :2]
    best, second = np.take_along_axis(p, two, 1).T
    codes = scorer.leaves
    picks = {}
    near = np.flatnonzero(off < NEAR)
    for i in spread(vectors[near], off[near], n // 2, seed):
        k = near[i]
        picks[int(k)] = ("threshold", f"taboo {by_type[:, k].sum():.3f}, alarm from {limit[k]:.3f}")
    rest = np.array([k for k in np.argsort(best - second, kind="stable") if int(k) not in picks][: POOL * n], dtype=int)
    for i in spread(vectors[rest], (best - second)[rest], n - len(picks), seed):
        k = rest[i]
        picks[int(k)] = ("doubtful", f"{codes[two[k, 0]]} {best[k]:.2f} or {codes[two[k, 1]]} {second[k]:.2f}")
    return [(int(pool[k]), *said) for k, said in picks.items()]


def spread(vectors: np.ndarray, cost: np.ndarray, n: int, seed: int) -> list[int]:
    """`n` of the rows of `vectors` (m, hidden), or all m: the cheapest of each of n clusters, then the cheapest of the rest."""
    if n <= 0:
        return []
    if len(vectors) <= n:
        return list(range(len(vectors)))
    from sklearn.cluster import KMeans

    kinds = min(n, len(np.unique(vectors, axis=0)))
    cluster = KMeans(kinds, n_init=1, random_state=seed).fit_predict(vectors)
    order = [int(i) for i in np.argsort(cost, kind="stable")]
    first = {int(cluster[i]): i for i in reversed(order)}
    chosen = set(first.values())
    return [*first.values(), *[i for i in order if i not in chosen][: n - len(chosen)]]


def logit(p: Any) -> np.ndarray:
    """Of probabilities as tables hold them, to four decimals: cut at 0.0001 and 0.9999."""
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))


def choose(
    results: Results, scorer: Scorer, n: int, audit_share: float = 0.2, seed: int = 0, labels: dict[int, Label] | None = None
) -> list[dict[str, Any]]:
    """The rows to read, in random order. Raises `DataError` if the audit is too small for its strata."""
    labels = labels or {}
    rng = np.random.default_rng(seed)
    drawn = audit(results, round(n * audit_share), labels, rng) if audit_share else []
    picks = [(i, "audit", "drawn by chance") for i in drawn]
    picks += doubtful(results, n - len(drawn), {*drawn, *labels}, scorer, seed)
    out = []
    for k in rng.permutation(len(picks)):
        place, why, says = picks[k]
        call_id, turn_id = results.ids[place]
        out.append(
            {
                "id": f"{call_id}#{turn_id}",
                "row": results.rows[place],
                "text": results.texts[place],
                "leaf": labels[place].leaf if place in labels else "",  # an audit may draw what was read for another reason
                "why": why,
                "says": says,
                "predicted": None if why == "audit" else results.leaves[place],
            }
        )
    return out


def parts(results: Results, labels: dict[int, Label], categories: set[str]) -> list[Stratum]:
    """The strata as audited: how many utterances, how many read, how many found to be of `categories`. Raises `DataError`."""
    stratum = strata(results.scores)
    out = []
    for s in range(len(EDGES)):
        read = [label.category for place, label in labels.items() if label.audit and stratum[place] == s]
        out.append(Stratum(int((stratum == s).sum()), len(read), sum(c in categories for c in read)))
        if out[-1].size and not read:
            raise DataError(
                f"{results.path}: of {out[-1].size} utterances with taboo scores {stratum_name(s)} no audit row is labelled; label more "
                "of the rows whose why is audit"
            )
    return out


def print_prevalence(results: Results, labels: dict[int, Label], taxonomy: Taxonomy, precision: float) -> None:
    """A line a taboo type, and one for all: share, interval, how many more to read."""
    calls = len({call for call, _ in results.ids})
    types = [c for c in taxonomy.categories if taxonomy.kind_of(c) is Kind.TABOO]
    audited = sum(label.audit for label in labels.values())
    print(f"{len(results.texts)} utterances, {audited} audit rows read; shares with 95 % intervals, "
          f"and how many more to read for +-{precision:.3%}:")  # fmt: skip
    for name, held in [*((c, {c}) for c in types), ("any taboo", set(types))]:
        found = parts(results, labels, held)
        e, more = estimate(found), more_to_read(found, precision)
        enough = (
            f"{more} more, the utterances of some {max(1, round(more * calls / len(results.texts)))} calls" if more else "enough"
        )
        print(f"  {name:12} {e.share:8.3%}  {e.low:.3%} to {e.high:.3%}  {sum(p.found for p in found)} found  {enough}")
    if results.silent:
        print(f"{results.silent} utterances without words are not counted")


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.select`."""
    parser = argparse.ArgumentParser(prog="python -m training.select", description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="utterances.jsonl, .parquet or .csv of jinyu score, or its output folder")
    parser.add_argument("-n", type=int, default=200, help="utterances to read (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="write them here, .jsonl or .csv (default: to_label.jsonl, without --labelled)")
    parser.add_argument("--audit", type=float, default=0.2, help="share drawn by chance (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument(
        "--labelled",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="files of this command with their leaf filled in, to count from",
    )
    parser.add_argument(
        "--precision", type=float, default=0.0005, help="the +- wanted, as a share of all utterances (default: %(default)s)"
    )
    parser.add_argument("--model", help="a model or run directory, or a hub name (default: the shipped model)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    args = parser.parse_args(argv)
    if args.n < 1 or not 0 <= args.audit <= 1 or not 0 < args.precision < 1:
        parser.error("-n is at least 1, --audit from 0 to 1, --precision between 0 and 1")
    out = args.out or (None if args.labelled else Path("to_label.jsonl"))
    if out and out.suffix not in (".jsonl", ".csv"):
        parser.error(f"--out {out}: write .jsonl or .csv")
    try:
        results = read_results(args.results)
        taxonomy = artifact.Artifact.open(artifact.find(args.model)).taxonomy
        labels = read_labels(args.labelled, results, taxonomy)
        if args.labelled:
            print_prevalence(results, labels, taxonomy, args.precision)
        if out:
            if out.exists():  # people's labels may be in it
                raise DataError(f"{out} exists; name another file with --out")
            chosen = choose(results, Scorer.load(args.model, threads=args.threads), args.n, args.audit, args.seed, labels)
            tables.write(out, out.suffix[1:], lambda: chosen)
            counts = ", ".join(f"{why} {sum(r['why'] == why for r in chosen)}" for why in ("audit", "threshold", "doubtful"))
            print(f"{out}: {len(chosen)} utterances to read ({counts}); fill in leaf, then: "
                  f"python -m training.select {args.results} --labelled {out}")  # fmt: skip
    except (DataError, JinyuError) as error:
        print(f"training.select: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
