"""The command `jinyu`: parses, calls, prints. Exit codes: 0 done, 1 taboo found with --fail-on-taboo, 2 usage,
3 no readable input, 4 model missing or damaged, 5 done in part (see errors.jsonl)."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinyu import __version__, cli_drift, cli_scorecard, diff, review
from jinyu.audio import command as audio_command
from jinyu.diff import printable
from jinyu.promise import CONFIDENCE, PREVALENCE, PromiseError
from jinyu.report import command as report_command
from jinyu.types import InputError, ModelError, ScorecardError

if TYPE_CHECKING:
    from jinyu.batch import Summary
    from jinyu.scorecard import Scorecard
    from jinyu.scorer import Scorer

EXIT_CODES = """exit codes:
  0 done    1 done, and --fail-on-taboo found some    2 usage    3 no readable input
  4 model missing or damaged    5 done in part: what could not be read stands in errors.jsonl"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    args = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for lone surrogates, and terminals that are not UTF-8
    try:
        return int(args.run(args))
    except ModelError as error:
        print(f"jinyu: {error}", file=sys.stderr)
        return 4
    except InputError as error:
        print(f"jinyu: {error}", file=sys.stderr)
        return 3
    except PromiseError as error:
        print(f"jinyu: {error}", file=sys.stderr)
        return 2
    except ScorecardError as error:  # lines of FILE:line:column, which editors follow
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\njinyu: interrupted; what is done is kept, the same command goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output closed it, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="jinyu",
        description="Judges what call-centre agents say in Chinese: prescribed phrases, taboo phrases, plain business talk.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"jinyu {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    score = commands.add_parser(
        "score",
        help="score calls, transcripts or audio: files or folders, or - for lines on stdin",
        description="Scores the agents' turns of transcripts and audio files into OUT/utterances and OUT/calls. With -, each line of stdin is one agent "
        "utterance, and a judgement a line goes to stdout as JSONL (or into OUT).",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    score.add_argument("calls", nargs="+", metavar="CALLS", help="transcript or audio files or folders (see jinyu formats), or -")
    score.add_argument("-o", "--out", type=Path, help="output folder (needed unless CALLS is -)")
    score.add_argument(
        "--format", choices=["jsonl", "csv", "parquet", "xlsx"], default="jsonl", help="of the tables (default: %(default)s)"
    )
    score.add_argument(
        "--text-column", default="text", help="the column of a table that holds the utterance (default: %(default)s)"
    )
    score.add_argument(
        "--input-format", metavar="NAME", help="of the transcripts, a name of jinyu formats (default: found by each file's content)"
    )
    score.add_argument(
        "--scorecard", type=Path, metavar="FILE", help="rules for the calls' scores (default: the shipped scorecard)"
    )
    score.add_argument(
        "--agent-channel", metavar="N", help="the agent's channel, where turns name no role (default: found by what is said)"
    )
    score.add_argument(
        "--agent-speaker", metavar="N", help="the agent's speaker number, where turns name no role (default: found by what is said)"
    )
    score.add_argument(
        "--redact",
        action="store_true",
        help="mask phone, identity-card, bank-card and plate numbers, e-mail addresses and names in the output",
    )
    score.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that judge, of one thread each (default: one, with all threads)",
    )
    score.add_argument(
        "--restart", action="store_true", help="begin anew where OUT holds an unfinished run of other files or settings"
    )
    score.add_argument(
        "--review-budget",
        type=_count,
        default=0,
        metavar="N",
        help="write OUT/review too: the N utterances most likely taboo, flagged or not",
    )
    score.add_argument("--fail-on-taboo", action="store_true", help="exit 1 if an utterance is flagged, for use in pipelines")
    score.add_argument(
        "--report", action="store_true", help="write OUT/report.html too, and OUT/turns.jsonl, what the customers say"
    )
    audio_command.add_options(score)
    report_command.add_language(score)
    _model_options(score)
    score.set_defaults(run=_score)

    explain = commands.add_parser("explain", help="one utterance: what it is, why, and what to say instead")
    explain.add_argument("text", help="the utterance")
    explain.add_argument("--json", action="store_true", help="the judgement as JSON")
    _model_options(explain)
    explain.set_defaults(run=_explain)

    formats = commands.add_parser("formats", help="the transcript formats that are read")
    formats.set_defaults(run=_formats)

    info = commands.add_parser("info", help="the model in use: version, figures, licences, paths")
    info.add_argument("--model", help="a model or run directory, or a hub name (default: the shipped model)")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(run=_info)
    audio_command.register(commands)
    cli_scorecard.register(commands)
    report_command.register(commands)
    review.register(commands)
    diff.register(commands)
    cli_drift.register(commands, _model_options)
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


_count.__name__ = "number"  # argparse names it in its message


def _model_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="a model or run directory, or a hub name (default: the shipped model)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    promise = parser.add_argument_group("what an alarm promises", "by default the model's own threshold; see jinyu info")
    promise.add_argument("--false-alarms-per-1000", type=float, metavar="X", help="flag at most X of 1,000 decent utterances")
    promise.add_argument("--precision", type=float, metavar="P", help="let at least a share P of the alarms be true")
    promise.add_argument(
        "--prevalence",
        type=float,
        default=PREVALENCE,
        metavar="P",
        help="the share of taboo in your speech, for --precision (default: %(default)s)",
    )
    promise.add_argument(
        "--confidence",
        type=float,
        default=CONFIDENCE,
        metavar="P",
        help="that the promise holds for speech like the labelled (default: %(default)s)",
    )


def _load(args: argparse.Namespace) -> Scorer:
    from jinyu.scorer import Scorer

    return Scorer.load(
        args.model,
        threads=args.threads,
        false_alarms_per_1000=args.false_alarms_per_1000,
        precision=args.precision,
        prevalence=args.prevalence,
        confidence=args.confidence,
    )


def _score(args: argparse.Namespace) -> int:
    from jinyu import batch, judging, progress, recordings, tables
    from jinyu.scorecard import Scorecard

    scorecard = Scorecard.load(args.scorecard) if args.scorecard else None
    if args.report and (args.out is None or args.format != "jsonl"):
        print("jinyu score: --report is made in the output folder from JSONL tables: -o OUT --format jsonl", file=sys.stderr)
        return 2
    settings = judging.Settings(args.agent_channel, args.agent_speaker, args.redact, args.review_budget, keep_turns=args.report)
    if args.calls == ["-"]:
        recording = recordings.read_lines(sys.stdin.buffer.read())
        if not recording.turns:
            raise InputError("nothing on stdin; give one agent utterance a line, for example: echo 您好 | jinyu score -")
        if args.out is None:
            rows, _ = judging.judge_recording(recording, _load(args), redact=args.redact)
            for row in rows:
                print(json.dumps(row, ensure_ascii=any("\ud800" <= c <= "\udfff" for c in row["text"])))
            return int(args.fail_on_taboo and any(row["flagged"] for row in rows))
        scorer = _load(args)
        summary = batch.score_sources(
            [("stdin", lambda: [recording])],
            args.out,
            scorer,
            table_format=args.format,
            scorecard=scorecard,
            settings=settings,
            restart=True,
            finish=_report_maker(args, scorecard, scorer),
        )
    else:
        if args.out is None:
            print("jinyu score: name an output folder: -o OUT", file=sys.stderr)
            return 2
        if "-" in args.calls:
            print("jinyu score: - stands alone; score files in another call", file=sys.stderr)
            return 2
        tables.check_format(args.format)
        known = [name for name, _ in recordings.formats()]
        if args.input_format not in (None, *known):
            print(f"jinyu score: no input format {args.input_format!r}; there are {', '.join(known)}", file=sys.stderr)
            return 2
        show = progress.stderr_progress()
        scorer = _load(args)
        summary = batch.score_paths(
            [Path(c) for c in args.calls],
            args.out,
            scorer,
            table_format=args.format,
            options=recordings.ReadOptions(args.text_column, audio_command.options(args), args.input_format),
            scorecard=scorecard,
            settings=settings,
            workers=args.workers,
            restart=args.restart,
            progress=show,
            finish=_report_maker(args, scorecard, scorer),
        )
        if show:
            print("\r\033[K", end="", file=sys.stderr)
    _print_summary(summary, args)
    if args.report:
        report_command.tell(args.out)
    if summary.unread:
        return 5 if summary.calls else 3
    return int(args.fail_on_taboo and bool(summary.flagged))


def _report_maker(args: argparse.Namespace, scorecard: Scorecard | None, scorer: Scorer) -> Callable[[], object] | None:
    if not args.report:
        return None
    return partial(report_command.make, args.out, args.lang, scorecard, scorer.taxonomy)


def _print_summary(summary: Summary, args: argparse.Namespace) -> None:
    rate = f", {summary.judged / summary.seconds:.0f}/s" if summary.judged and summary.seconds else ""
    before = f" ({summary.utterances - summary.judged} of them before it was interrupted)" if summary.resumed else ""
    print(f"{summary.calls} calls, {summary.utterances} agent utterances judged{before} in {summary.seconds:.1f} s{rate}")
    listed = "".join(f", {name} {count}" for name, count in summary.flagged.most_common())
    if summary.heard:
        print(
            f"{summary.heard:.0f} s of sound recognised in {summary.listening:.0f} s, {summary.heard / summary.listening:.1f} x real time"
        )
    print(f"{summary.flagged.total()} flagged{listed}")
    for row in summary.alarms:
        place, said = printable(f"{row['call_id']} #{row['turn_id']}", 80), printable(row["evidence"]["text"], 40)
        unsure = "  (recogniser unsure)" if row["asr_uncertain"] else ""
        print(f"  {place}  {row['label_zh']} {row['taboo_probability']:.2f}  {said}{unsure}")
    if (more := summary.flagged.total() - len(summary.alarms)) > 0:
        print(f"  and {more} more")
    if summary.needs_review:
        print(f"{summary.needs_review} calls need review: not all turns were judged; review_reason in the calls table says why")
    names = ["utterances", "calls", "agents", *(["review"] if args.review_budget else [])]
    print("written: " + ", ".join(f"{args.out}/{name}.{args.format}" for name in names))
    if summary.twins:
        rest = f" and {len(summary.twins) - 1} more" if len(summary.twins) > 1 else ""
        other = printable(str(summary.twins[0]), 80)
        print(f"jinyu: passed over, other forms of calls that were scored: {other}{rest}; name a file to score it", file=sys.stderr)
    if summary.passed_over:
        print(
            f"jinyu: {len(summary.passed_over)} audio files passed over: scoring them {summary.passed_over_reason}", file=sys.stderr
        )
    for error in summary.errors:
        print(f"jinyu: not read: {error['error']}", file=sys.stderr)
    if summary.unread:
        print(f"jinyu: {summary.unread} of {summary.files} files not read; see {args.out}/errors.jsonl", file=sys.stderr)


def _explain(args: argparse.Namespace) -> int:
    scorer = _load(args)
    judgement = scorer.score(args.text)
    if args.json:
        print(json.dumps(judgement.to_dict(), ensure_ascii=False, indent=1))
        return 0
    probabilities = scorer.predict_proba([args.text])[0]
    thresholds = scorer.thresholds
    verdict = "flagged 报警" if judgement.flagged else "not flagged 不报警"
    print(f"{judgement.text}\n")
    print(f"  {judgement.label_zh}  {judgement.leaf}  ({judgement.kind})")
    line = f"  probability {judgement.probability:.2f}, taboo {judgement.taboo_probability:.3f}: {verdict}"
    if judgement.category in thresholds:
        line += f" (threshold {thresholds[judgement.category]:.3f})"
    print(line)
    if judgement.reason:
        print(f"  reason: {judgement.reason}")
    if judgement.evidence:
        print(f"  clause: {judgement.evidence.text}  [{judgement.evidence.start}:{judgement.evidence.end}]")
    if judgement.rule:
        print(f"  rule: {judgement.rule.phrase}  ({judgement.rule.source} {judgement.rule.section}, {judgement.rule.phrase_id})")
    if judgement.suggestion:
        print(f"  say instead: {judgement.suggestion}")
    if judgement.truncated:
        print("  truncated: only the first 10,000 characters were read")
    if probabilities.any():
        print("\n  most probable:")
        for i in probabilities.argsort()[::-1][:5]:
            leaf = scorer.taxonomy.leaves[i]
            print(f"    {probabilities[i]:.3f}  {leaf.code:32} {leaf.zh}")
    return 0


def _formats(_: argparse.Namespace) -> int:
    from jinyu import audio, recordings

    for name, summary in recordings.formats():
        print(f"{name:14} {summary}")
    print(f"{'audio':14} {' '.join(audio.SUFFIXES)}: one party a channel, or one channel (jinyu audio info)")
    return 0


def _info(args: argparse.Namespace) -> int:
    from jinyu import artifact

    path = artifact.find(args.model)
    model = artifact.Artifact.open(path)
    metrics_file = path / "metrics.json"
    facts: dict[str, Any] = {
        "jinyu": __version__,
        "model": model.info.name,
        "version": model.info.version,
        "made": model.manifest.get("made"),
        "sha256": model.info.sha256,
        "path": str(path),
        "leaves": len(model.taxonomy.codes),
        "thresholds": dict(model.scoring.thresholds),
        "promise": {k: v for k, v in model.scoring.promise.items() if not k.endswith("_scores")},
        "licence": model.manifest.get("licence"),
        "metrics": json.loads(metrics_file.read_text(encoding="utf-8")).get("summary") if metrics_file.exists() else None,
    }
    if args.json:
        print(json.dumps(facts, ensure_ascii=False, indent=1))
        return 0
    for name, value in facts.items():
        if isinstance(value, dict):
            print(f"{name}:")
            for key, part in value.items():
                print(f"  {key}: {part}")
        else:
            print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
