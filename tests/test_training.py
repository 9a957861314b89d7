"""The road from data to a model: repeatable, resumable, and the same function at every station."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from jinyu import Kind, Scorer
from jinyu.engine import Engine
from training import augment, average, calibrate, compare, data, evaluate, export, train
from training import network as net

ROOT = Path(__file__).resolve().parent.parent


def weights(run):
    return {k: v.numpy() for k, v in net.load(run / "network").state_dict().items()}


def test_training_resumes_after_a_kill(tiny_run, tiny_recipe, tiny_data, tmp_path, monkeypatch):
    run = tmp_path / "killed"
    original = train.make_trainer

    def dies_amid_an_epoch(*args, **kwargs):
        from transformers import TrainerCallback

        class Kill(TrainerCallback):
            def on_save(self, *_, **__):
                raise KeyboardInterrupt

        trainer = original(*args, **kwargs)
        trainer.add_callback(Kill())
        return trainer

    monkeypatch.setattr(train, "make_trainer", dies_amid_an_epoch)
    monkeypatch.setattr(train, "SAVE_STEPS", 7)
    with pytest.raises(KeyboardInterrupt):
        train.fit(tiny_recipe, run, tiny_data, threads=1)
    assert list((run / "checkpoints").glob("checkpoint-*"))
    assert not (run / "network").exists()
    monkeypatch.setattr(train, "make_trainer", original)
    train.fit(tiny_recipe, run, tiny_data, threads=1)
    assert json.loads((run / "log.json").read_text(encoding="utf-8"))["resumed"] is True
    ours, theirs = weights(run), weights(tiny_run)
    assert max(float(abs(ours[k] - theirs[k]).max()) for k in ours) < 1e-6
    assert list((run / "tensorboard").glob("events.*"))


def test_two_processes_train_as_one_does(tiny_run, tiny_recipe, tiny_data, tmp_path):
    """They share each batch; texts are changed otherwise and other units dropped, so the figures agree within noise."""
    run = tmp_path / "two"
    argv = [f"--{k.replace('_', '-')}={v}" for k, v in asdict(tiny_recipe).items() if not isinstance(v, bool) and v != ""]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    command += ["-m", "training.train", "--out", str(run), "--data", str(tiny_data), "--no-freeze-words", "--threads", "1", *argv]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    ours, theirs = (json.loads((r / "log.json").read_text(encoding="utf-8")) for r in (run, tiny_run))
    assert (ours["processes"], theirs["processes"]) == (2, 1)
    last = [[h for h in log["history"] if "eval_loss" in h][-1] for log in (ours, theirs)]
    assert last[0]["step"] == last[1]["step"]
    assert abs(last[0]["eval_loss"] - last[1]["eval_loss"]) < 0.1 * last[1]["eval_loss"]
    assert abs(last[0]["eval_taboo_ap"] - last[1]["eval_taboo_ap"]) < 0.1
    assert (run / "model" / "manifest.json").exists()


def test_the_same_seed_gives_the_same_weights(tiny_run, tiny_recipe, tiny_data, tmp_path):
    train.fit(tiny_recipe, tmp_path / "again", tiny_data, threads=1)
    ours, theirs = weights(tmp_path / "again"), weights(tiny_run)
    assert max(float(abs(ours[k] - theirs[k]).max()) for k in ours) < 1e-6


def test_a_run_is_not_mixed_with_another_recipe(tiny_run, tiny_recipe, tiny_data, capsys):
    with pytest.raises(data.DataError, match="another recipe \\(seed differ\\)"):
        train.fit(replace(tiny_recipe, seed=1), tiny_run, tiny_data)
    train.fit(tiny_recipe, tiny_run, tiny_data)
    assert "already trained" in capsys.readouterr().err


def test_stock_transformers_opens_the_model_and_agrees(tiny_run):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    directory = tiny_run / "model"
    stock = AutoModelForSequenceClassification.from_pretrained(directory).float().eval()
    tokens = AutoTokenizer.from_pretrained(directory)(["这个不归我管，您找别人吧", "您好"], padding=True, return_tensors="pt")
    with torch.no_grad():
        theirs = stock(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]).logits
        ours = net.load(tiny_run / "network")(tokens["input_ids"], tokens["attention_mask"])["logits"]
    assert stock.config.id2label[0] == "greeting.open"
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0.01)


def test_the_graph_computes_what_the_network_does_whatever_the_batch(tiny_run):
    texts = ["您好", "这个不归我管,您找别人吧", "套餐下个月一号生效,本月不变"]
    engine = Engine(tiny_run / "model", 64, 1.0, threads=1)
    together, embeddings = engine.run(texts)
    alone = np.concatenate([engine.run([t])[0] for t in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-4)
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(tiny_run / "network")(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = net.load(tiny_run / "network")(tokens["input_ids"], tokens["attention_mask"])["logits"]
    np.testing.assert_allclose(together, torch.softmax(logits, -1).numpy(), atol=0.02)


def test_spread_keeps_first_and_last():
    assert net.spread(12, 6) == [0, 2, 4, 7, 9, 11]
    assert net.spread(12, 1) == [11]


def test_a_base_that_is_no_bert_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(train.base.BaseModelError, match="is a gpt2 model"):
        net.from_base(str(tmp_path), 0, ["blaming"], 0.1)


def test_windows_of_lengths_hold_every_row_once():
    random = Random(0)
    lengths = [random.randrange(2, 40) for _ in range(1000)]
    windows = train.LengthWindows(lengths, 16)
    order = list(windows)
    assert sorted(order) == list(range(1000))
    spans = [max(lengths[i] for i in order[k : k + 16]) - min(lengths[i] for i in order[k : k + 16]) for k in range(0, 992, 16)]
    assert np.mean(spans) < 10  # little padding; random batches would differ by more than 30
    assert order == list(windows)
    windows.set_epoch(1)
    assert order != list(windows)


def test_augmentation_keeps_what_was_said():
    random = Random(0)
    never = augment.Rates(0, 0, 0, 0, 0)
    plain = augment.Augment(never, {}, ["套餐下月生效"], {"blaming"})
    assert plain.batch(["您好,请讲"], ["greeting.open"], random) == (["您好,请讲"], [False])
    unmark = augment.Augment(replace(never, unmark=1.0), {}, [], set())
    assert unmark.batch(["您好,请讲?"], ["greeting.open"], random)[0] == ["您好请讲"]
    joined = augment.Augment(replace(never, join=1.0), {}, ["套餐下月生效"], {"blaming"})
    assert "套餐下月生效" in joined.batch(["你急什么"], ["blaming"], random)[0][0]
    assert "你急什么" in joined.batch(["你急什么"], ["blaming"], random)[0][0]
    assert joined.batch(["您好"], ["greeting.open"], random)[0] == ["您好"]
    heard = augment.homophones(["在再在再在再的得的得的得"])
    assert heard["在"] == ["再"]
    assert set(heard["的"]) == {"得"}


def test_only_decent_texts_are_cut_to_pieces_and_never_around_a_word_that_may_be_taboo_alone():
    pieces = augment.Augment(augment.Rates(0, 0, 0, 0, 0, piece=1.0), {}, [], {"blaming"})
    said = [
        "您的包裹今天下午到站，到了给您发短信",
        "您的包裹今天下午到站，到了给您发短信",
        "你急什么急什么",
        "急急急急急急急急",
        "好的",
    ]
    leaves = ["inquiry.report_result", "inquiry.report_result", "blaming", "complaint.reassure", "neutral.backchannel"]
    for seed in range(20):
        texts, cut = pieces.batch(said, leaves, Random(seed))
        assert cut == [False, True, False, False, False]  # the first one is never: a batch needs a row with a leaf
        assert [t for t, c in zip(texts, cut, strict=True) if not c] == [said[0], *said[2:]]
        assert texts[1] in said[1]
        assert 2 <= len(texts[1]) < len(said[1])


def test_temperature_and_threshold_by_hand():
    p = np.array([[0.9, 0.1]] * 10)
    labels = np.array([0] * 6 + [1] * 4)  # right in 6 of 10: far less sure than 0.9
    t = calibrate.best_temperature(p, labels)
    z = np.log(p[0]) / t
    assert np.exp(z[0]) / np.exp(z).sum() == pytest.approx(0.675, abs=0.08)
    scores = np.linspace(0, 0.999, 1000)
    threshold, alarms = calibrate.threshold_for(scores, 2)
    assert alarms == 2
    assert scores[-3] < threshold <= scores[-2]


def test_calibration_error_by_hand():
    p = np.array([[0.8, 0.2]] * 10)
    error, bins = evaluate.calibration_error(p, np.array([0] * 6 + [1] * 4))
    assert error == pytest.approx(0.2)
    assert bins == [{"confidence": pytest.approx(0.8), "accuracy": pytest.approx(0.6), "share": 1.0}]


def test_calibration_is_written_into_the_model(tiny_run):
    settings = json.loads((tiny_run / "calibration.json").read_text(encoding="utf-8"))
    scorer = Scorer.load(tiny_run)
    assert scorer.model.scoring.temperature == settings["temperature"]
    assert set(scorer.model.scoring.thresholds.values()) == {settings["threshold"]}
    assert settings["promise"]["false_alarms"] <= 0.002 * settings["promise"]["decent_utterances"]


def test_evaluation_writes_a_card_that_holds_its_figures(tiny_copy, tiny_data, tmp_path):
    real = tmp_path / "real.jsonl"
    real.write_text('{"text": "请稍等"}\n{"text": "订单显示还在配送的"}\n', encoding="utf-8")
    from training import card

    result = evaluate.evaluate(tiny_copy, "test", tiny_data, real).result
    card.write(tiny_copy, result)
    assert set(result["summary"]) == {"jinyu", "jinyu, read once", "keyword list", "TF-IDF + LR", "frozen encoder + LR"}
    written = (tiny_copy / "README.md").read_text(encoding="utf-8")
    assert f"{result['summary']['jinyu']['category_macro_f1']:.4g}" in written
    assert (tiny_copy / "confusion.png").stat().st_size > 1000
    assert Scorer.load(tiny_copy).leaves  # the card is no part of what is checked


def test_alarms_that_were_read_as_taboo_are_no_false_ones(tmp_path):
    readings = [("甲", True), ("乙", False)]
    lines = [json.dumps({"sentence": evaluate.sentence_hash(t), "taboo": taboo}) + "\n" for t, taboo in readings]
    (tmp_path / "real_readings.jsonl").write_text("".join(lines), encoding="utf-8")
    taboo, read = evaluate.read_as_taboo(["甲", "乙", "丙", "丁"], tmp_path)
    assert taboo.tolist() == [True, False, False, False]
    assert read.tolist() == [True, True, False, False]
    rows = [
        data.Row("1", "x", "blaming", "", "T", implicit=True),
        data.Row("2", "x", "blaming", "", "T"),
        data.Row("3", "x", "closing.farewell", "", "T", hard=True),
    ]
    said = evaluate.Judged(["blaming", "blaming", "closing"], np.array([0.8, 0.8, 0.1]), np.array([True, True, False]))
    real = evaluate.Judged(["blaming"] * 4, np.array([0.9, 0.7, 0.6, 0.1]), np.array([True, True, True, False]))
    figures = evaluate.figures(rows, said, real, taboo)
    assert figures["real_alarms_per_1000"] == 750
    assert figures["real_false_alarms_per_1000"] == 500
    assert figures["recall_at_2_real_false_alarms_per_1000"] == 1  # of the decent ones the surest has 0.7
    assert evaluate.figures(rows, said, real)["recall_at_2_real_false_alarms_per_1000"] == 0


def test_the_keyword_list_flags_what_it_finds():
    from training.baselines import Keywords

    categories, taboo = Keywords(data.load_taxonomy()).judge(["不知道您方便留个电话吗", "套餐下月生效"])
    assert categories == ["arrogant", "neutral"]
    assert taboo.tolist() == [1.0, 0.0]


def test_export_needs_a_finished_run(tmp_path):
    with pytest.raises(data.DataError, match="holds no finished training"):
        export.export(tmp_path, tmp_path / "model")


def test_taboo_leaves_are_known_by_kind():
    assert data.load_taxonomy().indices(kind=Kind.TABOO) == list(range(34, 39))


def test_comparisons_are_tabled_by_variant_and_never_mix_data(tmp_path):
    results = tmp_path / "comparison.json"
    entry = {"share": 0.25, "data": "new", "minutes": 8.0, "leaf_accuracy": 0.8, "taboo_ap": 0.7}
    rows = [
        {**entry, "name": "the recipe", "seed": 17, "category_f1": 0.5, "data": "old"},
        {**entry, "name": "the recipe", "seed": 17, "category_f1": 0.9},
        {**entry, "name": "the recipe", "seed": 18, "category_f1": 0.8},
        {**entry, "name": "50 %", "seed": 17, "category_f1": 0.95, "share": 0.5},
    ]
    results.write_text(json.dumps(rows), encoding="utf-8")
    text = compare.rendered(results)
    assert "| the recipe | 2 | 0.8500 ± 0.0500 | 0.8000 ± 0.0000 | 0.7000 ± 0.0000 | 8 | new |" in text
    assert "| 50 % | 1 | 0.9500 | 0.8000 | 0.7000 | 8 | new |" in text
    assert "6 layers" not in text


@pytest.mark.parametrize("loss", [{"rdrop": 1.0}, {"fgm": 0.5}, {"share": 0.5, "precision": "bf16"}])
def test_every_loss_trains(tmp_path, tiny_recipe, tiny_data, loss):
    out = tmp_path / "run"
    train.fit(replace(tiny_recipe, epochs=1, **loss), out, tiny_data, threads=1)
    log = json.loads((out / "log.json").read_text(encoding="utf-8"))
    assert 0 <= log["history"][-2]["eval_taboo_ap"] <= 1


def test_a_comparison_is_run_once(tmp_path, tiny_recipe, tiny_data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = tmp_path / "comparison.json"
    recipe = replace(tiny_recipe, epochs=1)
    first = compare.run("the recipe", recipe, tiny_data, results)
    monkeypatch.setattr(train, "fit", None)
    assert compare.run("the recipe", recipe, tiny_data, results) == first


def test_averages_weights_and_says_of_what(tmp_path, tiny_run, tiny_copy):
    from safetensors.torch import load_file

    out = tmp_path / "averaged"
    average.average([(tiny_copy, 1.0), (tiny_run, 3.0)], out)
    was, now = (load_file(p / "network" / "model.safetensors") for p in (tiny_run, out))
    for name, tensor in was.items():  # the copy holds the same weights in fp16
        torch.testing.assert_close(now[name], tensor, rtol=0, atol=2e-3)
    recipe = json.loads((out / "recipe.json").read_text(encoding="utf-8"))
    assert [a["weight"] for a in recipe["averaged"]] == [0.25]
    assert Scorer.load(export.export(out, tmp_path / "model")).leaves


def test_a_promise_that_is_refused_leaves_the_model_as_it_was(tiny_run, tiny_data, tmp_path, capsys):
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    before = Scorer.load(run).model.info.sha256
    command = [str(run), "--data", str(tiny_data), "--false-alarms-per-1000", "0.01"]
    assert calibrate.main(command) == 1
    assert "decent" in capsys.readouterr().err
    assert set(Scorer.load(run).thresholds.values()) == set(Scorer.load(tiny_run).thresholds.values())
    assert Scorer.load(run).model.info.sha256 == before
    shutil.rmtree(run / "model")
    (run / "calibration.json").unlink()
    assert calibrate.main(command) == 1
    assert not (run / "model").exists()


def test_average_refuses_what_does_not_fit(tmp_path, tiny_run, capsys):
    assert average.main([f"{tiny_run}=0.5", "--out", str(tmp_path / "a")]) == 1
    assert average.main([str(tiny_run), "--out", str(tmp_path / "a")]) == 1
    assert average.main([f"{tmp_path}=1", f"{tiny_run}=1", "--out", str(tmp_path / "a")]) == 1
    errors = capsys.readouterr().err
    assert "at least two networks" in errors
    assert "expected DIR=WEIGHT" in errors
    assert "holds neither recipe.json nor manifest.json" in errors
