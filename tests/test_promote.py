"""Models that change places, through kills."""

import shutil

import pytest

from training import promote, rollback


def test_a_rollback_cut_short_is_not_undone_by_the_next(tmp_path, monkeypatch, tiny_run):
    model, previous = tmp_path / "model", tmp_path / "model.previous"
    for folder, text in ((model, "new"), (previous, "old")):
        shutil.copytree(tiny_run / "model", folder)
        (folder / "CHANGELOG.md").write_text(text, encoding="utf-8")
        manifest = folder / "manifest.json"
        manifest.write_text(manifest.read_text(encoding="utf-8") + "\n" * len(text[:1] * (text == "new")), encoding="utf-8")
    finish = promote._finish

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(promote, "_finish", dies)
    with pytest.raises(KeyboardInterrupt):
        rollback.rollback(model)
    monkeypatch.setattr(promote, "_finish", finish)
    assert rollback.main(["--model", str(model)]) == 1  # finishes the first one, and has nothing more to take back
    assert (model / "CHANGELOG.md").read_text(encoding="utf-8") == "old"
    assert (tmp_path / "model.undone" / "CHANGELOG.md").read_text(encoding="utf-8") == "new"


KILLS = ["rename", "exchange", "finish"]


@pytest.mark.parametrize("at", KILLS)
@pytest.mark.parametrize("kernel", [True, False], ids=["exchange", "two renames"])
def test_a_swap_cut_short_is_finished_by_the_next_call(at, kernel, tmp_path, monkeypatch):
    model, staging = tmp_path / "model", tmp_path / "model.next.part"
    for folder, text in ((model, "old"), (staging, "new")):
        folder.mkdir()
        (folder / "manifest.json").write_text(text, encoding="utf-8")
    if not kernel:
        monkeypatch.setattr(promote.sys, "platform", "other")
    exchange = promote._exchange

    def dies(*paths):
        if at == "exchange" and not kernel:
            paths[1].rename(tmp_path / "model.aside")  # between the two renames
        elif at == "finish":
            exchange(*paths)
        raise KeyboardInterrupt

    monkeypatch.setattr(promote, "_exchange", dies)
    with pytest.raises(KeyboardInterrupt):
        promote.swap(staging, model)
    monkeypatch.setattr(promote, "_exchange", exchange)
    promote.recover(model)
    assert (model / "manifest.json").read_text(encoding="utf-8") == "new"
    assert (tmp_path / "model.previous" / "manifest.json").read_text(encoding="utf-8") == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "model.previous"]
