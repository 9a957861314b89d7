"""Speed and memory of scoring against `transformers.pipeline` with the same weights, in one run: ratios, not promises.

python -m benchmarks.speed --threads 2 --utterances 1000
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

from training import data


def rate(work: Callable[[], object], utterances: int, repeats: int = 3) -> float:
    """Utterances a second, the best of a few repeats after one warm-up."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return utterances / min(seconds)


def peak() -> float:
    """Peak memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of both sides (default: %(default)s)")
    parser.add_argument("--utterances", type=int, default=600, help="of the test split (default: %(default)s)")
    args = parser.parse_args()
    texts = [r.text for r in data.load("test")][: args.utterances]

    from jinyu import Scorer

    scorer = Scorer.load(threads=args.threads)
    rows = [("jinyu score_many", rate(lambda: scorer.score_many(texts), len(texts)), peak())]
    rows.append(("jinyu predict_proba", rate(lambda: scorer.predict_proba(texts), len(texts)), peak()))
    rows.append(("jinyu score, one by one", rate(lambda: [scorer.score(t) for t in texts[:100]], 100), peak()))

    import torch
    from transformers import pipeline

    torch.set_num_threads(args.threads)
    pipe = pipeline("text-classification", model=str(scorer.model.path), top_k=None, dtype=torch.float32)
    for batch in (1, 32):
        few = texts[:200]
        rows.append(
            (f"transformers.pipeline, batch {batch}", rate(lambda b=batch, f=few: list(pipe(f, batch_size=b)), len(few)), peak())
        )

    against = rows[-1][1]
    print(f"{args.threads} threads, {len(texts)} utterances of the test split")
    print(f"{'':34}{'per second':>12}{'ratio':>8}{'peak MB':>9}")
    for name, speed, memory in rows:
        print(f"{name:34}{speed:12.0f}{speed / against:8.2f}{memory:9.0f}")
    print("ratio: against transformers.pipeline at batch 32; peak: of the process up to then")


if __name__ == "__main__":
    main()
