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
