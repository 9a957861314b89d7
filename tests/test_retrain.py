"""The retraining job on the tiny model: from label files to a promoted model, through every kill."""

import hashlib
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import yaml

from jinyu import Scorer, cli
from jinyu.scorecard import Scorecard
from training import data, gate, promote, retrain, rollback, suspects, train
from training import network as net
from training.labels import Label
from training.scheme import load

ROOT = Path(__file__).resolve().parent.parent


def tree(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def write(path, pairs):
    path.write_text("".join(json.dumps({"text": t, "label": c}, ensure_ascii=False) + "\n" for t, c in pairs), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """Sixty sentences of a team: rows of the shipped training file that the tiny data do not hold."""
    rows = data.load("train")
    pairs = [
        (r.text, r.leaf)
        for leaf in ("blaming", "deflecting", "inquiry.hold", "neutral.business")
        for r in [x for x in rows if x.leaf == leaf][40:55]
    ]
    return write(tmp_path_factory.mktemp("team") / "labels.jsonl", pairs)


@pytest.fixture
def job(tiny_copy, tiny_data, team, tmp_path):
    """The arguments of a small run, and its directory."""
    out = tmp_path / "run"
    argv = ["--labels", str(team), "--data", str(tiny_data), "--model", str(tiny_copy), "--out", str(out)]
    return [*argv, "--top", "1", "--epochs", "1", "--threads", "1"], out, tiny_copy


@pytest.fixture
def lenient(monkeypatch):
    """Microseconds of a tiny model are no measure of speed, a shaky one flips on a rounding, and to fresh weights every label is suspect."""
    monkeypatch.setattr(suspects, "find", lambda *_: [])
    monkeypatch.setattr(gate, "slowdown", lambda *_: 1.0)
    monkeypatch.setattr(gate, "int8_agreement", lambda *_: 1.0)


@pytest.mark.usefixtures("lenient")
def test_a_candidate_is_trained_reported_promoted_and_taken_back(job, capsys):
    argv, out, model = job
    before = tree(model)
    assert retrain.main(argv) == 0, capsys.readouterr()
    assert tree(model) == before
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert list(record["phases"]) == ["validate", "merge", "suspects", "train", "calibrate", "gate", "report"]
    held = record["phases"]["merge"]["held_rows"]
    assert 4 <= held <= 20
    assert record["phases"]["merge"]["data"]
    assert {"settings", "command", "git", "versions", "seconds", "peak_mb"} <= set(record)
    report = (out / "report.md").read_text(encoding="utf-8")
    for part in (
        "Passed",
        "Frozen test split",
        f"The team's held-out rows: {held} rows",
        "category macro f1",
        "Temperature and thresholds",
    ):
        assert part in report
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["verdict"] == "pass"
    assert (out / "learning.png").stat().st_size > 1000
    # only head and top layer learned
    old, new = net.load(model).state_dict(), net.load(out / "network").state_dict()
    moved = {k for k in old if not np.allclose(old[k].numpy(), new[k].numpy(), atol=1e-3)}
    assert moved
    assert all(k.startswith(("dense", "classifier", "encoder.encoder.layer.1")) for k in moved)

    assert retrain.main([*argv, "--promote"]) == 0
    assert tree(model.with_name("model.previous")) == before
    assert Scorer.load(model).model.info.version == "1"
    assert Scorer.load(model).model.info.sha256 == Scorer.load(out).model.info.sha256
    entry = (model / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## 1 \(.*\)\n- Retrained \(run\) on {60 - held} rows of a team's own labels", entry, re.M)
    assert retrain.main([*argv, "--promote"]) == 0  # again: nothing to do
    assert "already the model" in capsys.readouterr().out
    said = json.loads((out / "report.json").read_text(encoding="utf-8"))["gate"]["splits"]["test"]["flips"]
    for flip in [f for side in said.values() for f in side]:  # sentences stay in the run, a model is published
        assert not [p for p in model.iterdir() if p.suffix in (".md", ".json") and flip["text"] in p.read_text(encoding="utf-8")]

    assert rollback.main(["--model", str(model)]) == 0
    assert tree(model) == before
    assert rollback.main(["--model", str(model)]) == 1
    assert "nothing to take back" in capsys.readouterr().err
    assert retrain.main([*argv, "--promote"]) == 0  # as cron does after a restart
    assert "promoted before and taken back" in capsys.readouterr().out
    assert tree(model) == before
    assert promote.main([str(out), "--model", str(model)]) == 0  # and forward once more
    assert not [
        p for p in model.parent.iterdir() if p.name.startswith("model.") and p.name not in ("model.previous", "model.undone")
    ]


def test_a_wrecked_candidate_is_refused_and_nothing_of_the_current_model_changes(job, tiny_data, monkeypatch, capsys):
    argv, out, model = job
    before = tree(model)
    truth = {r.text: r.leaf for s in ("test",) for r in data.load(s, tiny_data)}
    original = gate.answers

    def as_if_the_current_model_were_good(scorer, texts, scheme):
        said = original(scorer, texts, scheme)
        if scorer.model.path == model and all(t in truth for t in texts):
            leaves = np.array([truth[t] for t in texts], dtype=object)
            return gate.Answers(leaves, np.array([x.split(".")[0] for x in leaves], dtype=object), said.flagged)
        return said

    monkeypatch.setattr(gate, "answers", as_if_the_current_model_were_good)
    assert retrain.main([*argv, "--promote"]) == retrain.REFUSED
    out_text = capsys.readouterr().out
    assert "refused; the current model stays" in out_text
    assert "category_macro_f1 on the test split" in out_text
    assert tree(model) == before
    assert "**Refused**" in (out / "report.md").read_text(encoding="utf-8")
    assert promote.main([str(out), "--model", str(model)]) == 1
    assert "the gate refused this candidate" in capsys.readouterr().err
    assert retrain.main(argv) == retrain.REFUSED  # the same answer without any work
    assert tree(model) == before


@pytest.mark.parametrize(("flipped", "refused"), [(0.03, False), (0.10, True)])
def test_a_label_file_with_a_tenth_flipped_is_refused(flipped, refused, tmp_path, monkeypatch):
    """The phase that counts contradictions and what the gate makes of it, on the shipped model; the rows are those of the validation split."""
    rng = np.random.default_rng(5)
    rows = [data.load("validation")[i] for i in rng.choice(2000, 800, replace=False)]
    codes = data.load_taxonomy().codes
    wrong = set(rng.choice(800, round(800 * flipped), replace=False).tolist())
    given = [str(rng.choice([c for c in codes if c != r.leaf])) if i in wrong else r.leaf for i, r in enumerate(rows)]
    found = [
        Label(f"reviews.jsonl:{i}", r.text, r.model_text, leaf) for i, (r, leaf) in enumerate(zip(rows, given, strict=True), 1)
    ]
    (tmp_path / "labels.jsonl").write_text("".join(json.dumps(asdict(x)) + "\n" for x in found), encoding="utf-8")
    args = retrain.parser().parse_args(["--labels", "reviews.jsonl", "--out", str(tmp_path)])
    (tmp_path / "data").symlink_to(data.DATA)
    job = retrain.Job(args, tmp_path, load(), {"phases": {}})
    job.record["phases"]["suspects"] = retrain.doubt(job)
    monkeypatch.setattr(gate, "judge", lambda *_: {"pass": True, "reasons": []})
    verdict = retrain.judge(job)
    assert verdict["pass"] is not refused, job.record
    if refused:
        assert "of the team's 800 labels contradict the others" in verdict["reasons"][0]
        worst = [json.loads(line)["id"] for line in (tmp_path / "suspects.jsonl").read_text(encoding="utf-8").splitlines()]
        named = {int(x.split(":")[1]) - 1 for x in worst}
        assert len(named & wrong) > 0.5 * len(wrong)


@pytest.mark.usefixtures("lenient")
def test_a_kill_in_any_phase_leaves_the_model_alone_and_the_same_command_goes_on(job, monkeypatch):
    argv, out, model = job
    before = tree(model)
    ran = []

    def killed(name, phase):
        def run(work):
            ran.append(name)
            result = phase(work)
            if ran.count(name) == 1:
                raise KeyboardInterrupt  # all was written but the marker
            return result

        return run

    for name, phase in list(retrain.PHASES.items()):
        monkeypatch.setitem(retrain.PHASES, name, killed(name, phase))
    for name in retrain.PHASES:
        with pytest.raises(KeyboardInterrupt):
            retrain.main(argv)
        assert ran[-1] == name
        assert tree(model) == before
        assert name not in json.loads((out / "run.json").read_text(encoding="utf-8"))["phases"]
    assert retrain.main(argv) in (0, retrain.REFUSED)
    assert ran == [n for n in retrain.PHASES for _ in (1, 2)]
    assert tree(model) == before


def test_sigkill_while_training_and_a_torn_checkpoint(job, monkeypatch):
    argv, out, model = job
    before = tree(model)
    command = [sys.executable, "-m", "training.retrain", *argv, "--epochs", "200"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.time() + 300
        while not list(out.glob("checkpoints/checkpoint-*/trainer_state.json")):
            assert process.poll() is None
            assert time.time() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert tree(model) == before
    (out / "checkpoints" / "checkpoint-999999").mkdir()  # as a kill while one is written leaves it
    original = train.make_trainer

    def stops_soon(*args, **kwargs):
        trainer = original(*args, **kwargs)
        trainer.args.num_train_epochs = 1
        return trainer

    monkeypatch.setattr(train, "make_trainer", stops_soon)
    assert retrain.main([*argv, "--epochs", "200"]) in (0, retrain.REFUSED)
    assert json.loads((out / "run.json").read_text(encoding="utf-8"))["phases"]["train"]["resumed"] is True


def test_a_run_is_not_mixed_with_other_settings(job, team, capsys, monkeypatch):
    argv, out, _ = job
    monkeypatch.setattr(retrain, "PHASES", {"gate": lambda _: {"pass": True, "reasons": []}})
    assert retrain.main(argv) == 0
    assert retrain.main([*argv, "--replay", "0.25"]) == 1
    assert f"{out} was begun with other settings (replay differ); name a new --out" in capsys.readouterr().err


def test_accepting_more_noise_judges_again_and_trains_nothing(job, monkeypatch, capsys):
    argv, _, _ = job
    ran = []

    def phase(name, **result):
        return lambda work: ran.append((name, work.args.noise)) or result

    phases = {"train": phase("train"), "gate": phase("gate", **{"pass": True, "reasons": []}), "report": phase("report")}
    monkeypatch.setattr(retrain, "PHASES", phases)
    assert retrain.main(argv) == 0, capsys.readouterr()
    assert retrain.main([*argv, "--noise", "1"]) == 0, capsys.readouterr()
    assert ran == [("train", 0.07), ("gate", 0.07), ("report", 0.07), ("gate", 1.0), ("report", 1.0)]


def test_another_promise_calibrates_again_and_trains_nothing(job, monkeypatch, capsys):
    argv, out, _ = job
    ran = []

    def phase(name):
        return lambda work: ran.append((name, work.args.false_alarms_per_1000)) or {"pass": True, "reasons": []}

    monkeypatch.setattr(retrain, "PHASES", {name: phase(name) for name in ("train", "calibrate", "gate", "report")})
    assert retrain.main(argv) == 0, capsys.readouterr()
    assert retrain.main([*argv, "--false-alarms-per-1000", "100"]) == 0, capsys.readouterr()
    assert ran == [("train", None), ("calibrate", None), ("gate", None), ("report", None),
                   ("calibrate", 100), ("gate", 100), ("report", 100)]  # fmt: skip
    # what the few validation rows cannot promise is said at once, and the run stays as it was
    before = (out / "run.json").read_bytes()
    assert retrain.main([*argv, "--false-alarms-per-1000", "0.5"]) == 1
    assert "0.5 false alarms per 1,000 cannot be promised with 80% confidence from 72 labelled decent" in capsys.readouterr().err
    assert (out / "run.json").read_bytes() == before
    assert len(ran) == 7


def test_a_base_that_cannot_be_opened_is_said_at_once_and_may_be_corrected(job, tiny_base, tmp_path, monkeypatch, capsys):
    argv, out, _ = job
    ran = []

    def fit(work):
        ran.append(retrain.recipe(work.args).base_model)
        assert not (out / "recipe.json").exists()
        (out / "recipe.json").write_text("{}", encoding="utf-8")
        (out / "checkpoints").mkdir()
        if len(ran) == 1:
            raise data.DataError("cut short")
        return {}

    monkeypatch.setattr(retrain, "PHASES", {"merge": lambda _: {}, "train": fit, "gate": lambda _: {"pass": True, "reasons": []}})
    assert retrain.main([*argv, "--base-model", str(tmp_path / "nowhere")]) == 1
    assert f"{tmp_path / 'nowhere'} is neither a model directory nor a hub name" in capsys.readouterr().err
    assert not ran
    assert retrain.main(argv) == 1
    assert retrain.main([*argv, "--base-model", str(tiny_base)]) == 0, capsys.readouterr()
    assert ran[1] == str(tiny_base)
    assert retrain.main(argv) == 1
    assert "begun with other settings (base_model differ)" in capsys.readouterr().err


def test_a_published_model_goes_on_as_ours(tmp_path, monkeypatch):
    from transformers import AutoConfig, BertConfig

    configs = {"ours/jinyu": BertConfig(mean_pooling_layer=True), "hfl/chinese-macbert-base": BertConfig()}
    monkeypatch.setattr(AutoConfig, "from_pretrained", configs.__getitem__)

    def recipe(name):
        return retrain.recipe(retrain.parser().parse_args(["--labels", "x", "--out", str(tmp_path), "--base-model", name]))

    assert (recipe("ours/jinyu").epochs, recipe("ours/jinyu").top, recipe("ours/jinyu").encoder_lr) == (2, 4, 7e-5)
    assert recipe("hfl/chinese-macbert-base") == train.Recipe(base_model="hfl/chinese-macbert-base")


RANGES = [
    ("--noise", "-0.1"),
    ("--noise", "7"),
    ("--held", "1"),
    ("--held", "nan"),
    ("--replay", "2"),
    ("--replay", "-1"),
    ("--cap", "0"),
]


@pytest.mark.parametrize(("option", "value"), RANGES, ids=map("=".join, RANGES))
def test_shares_out_of_range_are_named(option, value, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        retrain.main(["--labels", "x", "--out", str(tmp_path / "run"), f"{option}={value}"])
    assert caught.value.code == 2
    assert "--held from 0 to less than 1" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_odd_characters_in_labels_come_through(job, tiny_data, tmp_path, monkeypatch):
    argv, out, _ = job
    texts = ["好的\ud83d您自己看", "一句\u2028两句\u2029三句\x85四句"]
    lines = [json.dumps({"text": t, "label": "neutral.business"}) + "\n" for t in texts]
    (tmp_path / "odd.jsonl").write_text("".join(lines), encoding="utf-8")
    argv[1] = str(tmp_path / "odd.jsonl")
    seen = {}
    phases = {
        "validate": retrain.validate,
        "merge": retrain.merge_data,
        "gate": lambda work: seen.update(labels=work.labels()) or {"pass": True, "reasons": []},
    }
    monkeypatch.setattr(retrain, "PHASES", phases)
    assert retrain.main([*argv, "--held", "0"]) == 0
    assert [x.text for x in seen["labels"]] == texts
    assert {r.text for r in data.load("train", out / "data")} >= set(texts)


def test_bad_labels_stop_the_job_with_all_problems(job, tmp_path, monkeypatch, capsys):
    argv, out, model = job
    bad = write(tmp_path / "bad.jsonl", [("您好", "nothing"), ("", "blaming"), ("您到底要不要办", "blaming")])
    argv[1] = str(bad)
    before = tree(model)
    assert retrain.main(argv) == 1
    err = capsys.readouterr().err
    assert f"{bad}:1: unknown leaf 'nothing'" in err
    assert f"{bad}:2: the text '' has no words" in err
    assert "2 rows cannot be used; correct them, or leave them out with --skip-errors" in err
    assert len((out / "problems.jsonl").read_text(encoding="utf-8").splitlines()) == 2
    assert tree(model) == before
    write(bad, [("您到底要不要办", "blaming")])  # corrected, the same command begins
    monkeypatch.setattr(retrain, "PHASES", {"gate": lambda _: {"pass": True, "reasons": []}})
    assert retrain.main(argv) == 0
    assert f"{bad}:" not in capsys.readouterr().err


def test_a_tracker_that_is_not_installed_is_named(job, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert retrain.main([*job[0], "--report-to", "mlflow"]) == 1
    assert "--report-to mlflow needs it installed: pip install mlflow" in capsys.readouterr().err


@pytest.fixture(scope="module")
def own_scheme(tmp_path_factory):
    """Renamed, merged, dropped and new leaves, and a name of their own for one."""
    folder = tmp_path_factory.mktemp("scheme")
    raw = yaml.safe_load((data.DATA / "taxonomy.yaml").read_text(encoding="utf-8"))
    scenarios = raw["categories"]["response"]["scenarios"]
    scenarios["language"] = scenarios.pop("dialect")
    del raw["categories"]["inquiry"]["scenarios"]["hold_return"]
    del raw["categories"]["situation"]["scenarios"]["harassment"]
    raw["categories"]["promising"] = {
        "kind": "taboo",
        "zh": "过度承诺",
        "en": "promises too much",
        "definition": "promises what nobody can keep",
    }
    (folder / "ours.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True, sort_keys=False), encoding="utf-8")
    mapping = "response.dialect: response.language\ninquiry.hold_return: inquiry.hold\nsituation.harassment:\n乱承诺: promising\n"
    (folder / "map.yaml").write_text(mapping, encoding="utf-8")
    return folder / "ours.yaml", folder / "map.yaml"


PROMISES = [
    f"{a}{b}"
    for a in ("您放心，", "我跟您保证，")
    for b in (
        "百分之百没问题",
        "今天一定到账",
        "绝对不会再坏",
        "肯定给您全额退",
        "我包您满意",
        "出了事我负责",
        "一辈子都免费",
        "随时都能赔",
    )
]


@pytest.mark.usefixtures("lenient")
def test_their_own_taxonomy_end_to_end(job, own_scheme, tmp_path, capsys):
    argv, out, _ = job
    labels = write(tmp_path / "own.jsonl", [(t, "乱承诺") for t in PROMISES] + [("麻烦您说普通话好吗", "response.language")])
    argv[1] = str(labels)
    code = retrain.main([*argv, "--taxonomy", str(own_scheme[0]), "--map", str(own_scheme[1])])
    assert code in (0, retrain.REFUSED), capsys.readouterr()
    scorer = Scorer.load(out)
    assert {"response.language", "promising"} <= set(scorer.leaves)
    assert not {"response.dialect", "inquiry.hold_return", "situation.harassment"} & set(scorer.leaves)
    assert "promising" in scorer.model.scoring.thresholds
    phrases = {p["leaf"] for p in scorer.model.phrases}
    assert phrases <= set(scorer.leaves)
    assert "response.language" in phrases
    assert "## New leaves" in (out / "report.md").read_text(encoding="utf-8")
    gated = json.loads((out / "gate.json").read_text(encoding="utf-8"))
    assert gated["new_leaves"]["promising"]["held_rows"] >= 1
    assert gated["splits"]["held"]["left_out"] == gated["new_leaves"]["promising"]["held_rows"]
    # the new label is a condition of scorecards, a column of tables and a choice of the report
    card = tmp_path / "card.yaml"
    item = "{id: promises, name_zh: 不得过度承诺, weight: 100, condition: {label: promising, at_most: 0}}"
    card.write_text(f"version: 1\nitems:\n- {item}\n", encoding="utf-8")
    calls = tmp_path / "call.txt"
    calls.write_text("坐席：您放心，百分之百没问题\n客户：好\n", encoding="utf-8")
    done = cli.main(["score", str(calls), "-o", str(tmp_path / "out"), "--model", str(out), "--scorecard", str(card), "--report"])
    assert done == 0, capsys.readouterr()
    # of the shipped card the items that name a label which is gone are left out, with any number of workers
    for workers in ("1", "2"):
        where = tmp_path / f"shipped-card-{workers}"
        assert cli.main(["score", str(calls), "-o", str(where), "--model", str(out), "--workers", workers]) == 0, (
            capsys.readouterr()
        )
        (call,) = [json.loads(line) for line in (where / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
        assert 10 < len(call["items"]) < len(Scorecard.load().items)
    assert cli.main(["scorecard", "explain", str(calls), "--model", str(out)]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out" / "utterances.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all((f"{r['category']}.{r['scenario']}" if r["scenario"] else r["category"]) in scorer.leaves for r in rows)


def test_known_and_renamed_leaves_keep_their_rows_of_the_head(tiny_run, own_scheme, tiny_data):
    scheme = load(*own_scheme, tiny_data)
    before = net.load(tiny_run / "model")
    old_codes = data.load_taxonomy(tiny_data).codes
    network = net.from_base(str(tiny_run / "model"), 0, scheme.taxonomy.codes, 0.1, mapping=scheme.mapping)
    for code in ("blaming", "inquiry.hold", "neutral.business"):
        np.testing.assert_array_equal(
            network.classifier.weight[scheme.taxonomy.codes.index(code)].detach(),
            before.classifier.weight[old_codes.index(code)].detach(),
        )
    renamed = network.classifier.weight[scheme.taxonomy.codes.index("response.language")].detach()
    np.testing.assert_array_equal(renamed, before.classifier.weight[old_codes.index("response.dialect")].detach())


@pytest.mark.usefixtures("lenient")
def test_the_four_commands_of_the_readme(job, tiny_data, tmp_path, monkeypatch, capsys):
    argv, _, model = job
    text = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    block = text.split("## Retraining in four commands")[1].split("```")[1]
    commands = [shlex.split(line, comments=True) for line in block.splitlines()[1:] if line.strip()]
    assert [c[:3] for c in commands] == [["python", "-m", f"training.{m}"] for m in ("labels", "retrain", "promote", "rollback")]
    monkeypatch.chdir(tmp_path)
    shutil.copy(argv[1], tmp_path / "reviews.jsonl")
    (tmp_path / "more.csv").write_text("text,label\n您这个事儿得去营业厅办,neutral.business\n", encoding="utf-8")
    small = {
        "labels": ["--data", str(tiny_data)],
        "retrain": argv[2:6] + argv[8:],
        "promote": ["--model", str(model)],
        "rollback": ["--model", str(model)],
    }
    from training import labels

    mains = {"labels": labels.main, "retrain": retrain.main, "promote": promote.main, "rollback": rollback.main}
    before = tree(model)
    for command in commands:
        name = command[2].removeprefix("training.")
        assert mains[name]([*command[3:], *small[name]]) == 0, capsys.readouterr()
    assert tree(model) == before
