"""A team's taxonomy and mapping: what they say, and every fault of theirs named."""

import re

import pytest
import yaml

from training import data
from training.data import DataError
from training.scheme import load

FAULTS = [
    ("blaming: arrogant\n", "'blaming' is still a leaf of the taxonomy"),
    ("甲: nothing\n", "'甲' becomes 'nothing', which the taxonomy does not have"),
    ("- a\n", "expected lines of the form old: new, got list"),
    ("a: [\n", "not YAML in UTF-8"),
    ("apreciation: neutral.business\n", "'apreciation' is no shipped leaf or category; did you mean 'appreciation'?"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[m[:12] for _, m in FAULTS])
def test_faults_of_a_mapping_are_named(text, message, tmp_path):
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=re.escape(message)):
        load(None, path)


def test_a_taxonomy_needs_taboo_and_neutral(tmp_path):
    path = tmp_path / "ours.yaml"
    path.write_text("version: 1\ncategories:\n  a: {kind: taboo, zh: 甲, en: a, definition: a}\n", encoding="utf-8")
    with pytest.raises(DataError, match="no category of kind neutral"):
        load(path)
    path.write_text("version: 1\n", encoding="utf-8")
    with pytest.raises(DataError, match="not a taxonomy"):
        load(path)


def test_a_category_is_renamed_as_a_whole(tmp_path):
    raw = yaml.safe_load((data.DATA / "taxonomy.yaml").read_text(encoding="utf-8"))
    raw["categories"]["thanks"] = raw["categories"].pop("appreciation")
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    (tmp_path / "map.yaml").write_text("appreciation: thanks\n", encoding="utf-8")
    scheme = load(tmp_path / "ours.yaml", tmp_path / "map.yaml")
    assert scheme.leaf("appreciation.accept_thanks") == "thanks.accept_thanks"


def without(tmp_path, category, scenario=None):
    """The shipped taxonomy without a category, or one leaf of it."""
    raw = yaml.safe_load((data.DATA / "taxonomy.yaml").read_text(encoding="utf-8"))
    del (raw["categories"][category]["scenarios"] if scenario else raw["categories"])[scenario or category]
    path = tmp_path / "ours.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    return path


def test_a_category_becomes_one_leaf(tmp_path):
    (tmp_path / "map.yaml").write_text("appreciation: neutral.business\n", encoding="utf-8")
    scheme = load(without(tmp_path, "appreciation"), tmp_path / "map.yaml")
    gone = [code for code in data.load_taxonomy().codes if code.startswith("appreciation.")]
    assert len(gone) > 1
    assert {scheme.leaf(code) for code in gone} == {"neutral.business"}
    assert scheme.named("appreciation") == ("neutral.business", "")


def test_what_is_gone_unsaid_is_a_fault(tmp_path):
    with pytest.raises(
        DataError, match=r"ours\.yaml: the shipped 'appreciation' is not in it, and there is no --map to say .*'appreciation:' to"
    ):
        load(without(tmp_path, "appreciation"))
    (tmp_path / "map.yaml").write_text("situation.harasment:\n甲: blaming\n", encoding="utf-8")
    ours = without(tmp_path, "situation", "harassment")
    with pytest.raises(DataError) as caught:
        load(ours, tmp_path / "map.yaml")
    typo, unsaid = str(caught.value).splitlines()
    assert "'situation.harasment' is no shipped leaf or category; did you mean 'situation.harassment'?" in typo
    assert (
        f"the shipped 'situation.harassment' is not in it, and no line of {tmp_path / 'map.yaml'} says what became of it" in unsaid
    )
    (tmp_path / "map.yaml").write_text("situation.harassment:\n甲: blaming\n", encoding="utf-8")
    scheme = load(ours, tmp_path / "map.yaml")
    assert scheme.leaf("situation.harassment") is None
    assert scheme.named("甲") == ("blaming", "")


def test_names_that_yaml_takes_for_numbers(tmp_path):
    raw = yaml.safe_load((data.DATA / "taxonomy.yaml").read_text(encoding="utf-8"))
    names = {"zh": 12315, "en": 12315.5, "definition": True}
    raw["categories"][12315] = {"kind": "compliant", "scenarios": {1: names}} | names
    path = tmp_path / "ours.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    scheme = load(path)
    assert scheme.named("12315") == ("12315.1", "")
    assert scheme.taxonomy.kind_of("12315") == "compliant"
    assert "12315" in scheme.raw["categories"]
    names["en"] = None
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    with pytest.raises(DataError, match="zh, en or definition is empty"):
        load(path)
