"""Mistakes in the YAML of a scorecard: § stands where the message must point to."""

import pytest
from made_calls import TAXONOMY, TWO

from jinyu.scorecard import Scorecard
from jinyu.scorecard.rules import parse
from jinyu.types import ScorecardError


def mistake(text: str) -> str:
    """What is said of a text with one mistake, once the place is found right."""
    before = text[: text.index("§")]
    place = f"my.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
    with pytest.raises(ScorecardError) as error:
        parse(text.replace("§", ""), "my.yaml")
    message = str(error.value)
    assert message.startswith(place)
    return message.removeprefix(place)


@pytest.mark.parametrize(
    ("says", "text"),
    [
        ("the file is empty; expected a scorecard with version and items", "§"),
        ("the scorecard is a list; expected keys and values, some of: version, lists, items", "§- a"),
        ("the scorecard has no items; expected a line 'items: ...'", "§version: 1"),
        ("version is 2; this jinyu reads 1", "version: §2\nitems: []"),
        ("version is 'one'; expected a number", "version: §one\nitems: []"),
        ("unknown key 'item' in the scorecard; did you mean items?", "version: 1\n§item: []"),
        ("unknown key 'colour' in the scorecard; expected one of: version, lists, items", "version: 1\n§colour: 1"),
        ("items is an empty list; expected a list, one entry after each '- '", "version: 1\nitems: §[]"),
        ("items stands here twice; expected it once", "version: 1\nitems: []\n§items: []"),
        ("lists is no list of names; expected lines 'name: [word, word]'", "version: 1\nlists: §[a]\nitems: []"),
        ("the list bad is empty; expected text", "version: 1\nlists: {bad:§ }\nitems: []"),
        ("not YAML: expected ',' or ']', but got ':'; expected 'key: value' lines", "version: 1\nitems: [a\n  name§: b"),
        ("not YAML: could not find expected ':'; there is a full-width ： here or in the line before", "version: 1\nitems：\n§"),
        ("not YAML: found character '\\t' that cannot start any token; there is a tab here", "version: 1\nitems:\n§\t- a"),
        ("not YAML: the character U+0000 cannot stand here", "version: 1\nx§\x00"),
    ],
)
def test_mistakes_in_the_frame(says, text):
    assert mistake(text).startswith(says)


HEAD = "version: 1\nlists: {bad: [喽]}\nitems:\n"


@pytest.mark.parametrize(
    ("says", "item"),
    [
        ("an item has no condition; expected a line 'condition: ...'", "§{id: a, name_zh: 甲, weight: 1}"),
        ("an item is 'a'; expected keys and values, some of: id, name_zh", "§a"),
        ("unknown key 'weigth' in an item; did you mean weight?", "{id: a, §weigth: 1}"),
        ("id is '甲'; expected letters a-z, digits and _", "{id: §甲, name_zh: 甲, weight: 1, condition: {label: a}}"),
        ("name_zh is empty; expected text", "{id: a, name_zh: §'', weight: 1, condition: {label: a}}"),
        ("weight is 'viel'; expected a number, 0 or more", "{id: a, name_zh: 甲, weight: §viel, condition: {label: a}}"),
        ("weight is '-1'; expected a number, 0 or more", "{id: a, name_zh: 甲, weight: §-1, condition: {label: a}}"),
        ("weight is '.inf'; expected a number, 0 or more", "{id: a, name_zh: 甲, weight: §.inf, condition: {label: a}}"),
        ("severity is 'fatal'; expected normal or auto_fail", "{id: a, name_zh: 甲, weight: 1, severity: §fatal, condition: {}}"),
        ("a condition is expected here", "{id: a, name_zh: 甲, weight: 1, condition: {label: a}, applies: §greeting}"),
    ],
)
def test_mistakes_in_an_item(says, item):
    assert mistake(f"{HEAD}  - {item}").startswith(says)


@pytest.mark.parametrize(
    ("says", "condition"),
    [
        ("a condition is expected here, such as 'label: greeting.open'; to join several write all: or any:", "§greeting"),
        ("a condition is expected here", "§[{label: a}]"),
        ("a condition is expected here", "{any: [§x]}"),
        ("says nothing about the turn; expected label, words, list, regex or role, or one of: all, any", "§{first_turns: 2}"),
        ("says nothing about the turn", "§{}"),
        ("unknown key 'lable' in a condition; did you mean label?", "{§lable: taboo}"),
        ("unknown key 'silense' in a condition; did you mean silence?", "{§silense: {at_most: 1}}"),
        ("unknown key 'a list' in a condition; expected one of", "{§[a]: b}"),
        ("label stands here twice; expected it once", "{label: a, §label: b}"),
        ("label is empty; expected text", "{label:§ }"),
        (
            "all and any in one condition; expected one, or several joined by all: or any:",
            "§{all: [{label: a}], any: [{label: b}]}",
        ),
        ("unknown key 'at_most' in the condition not; expected one of: not", "{not: {label: a}, §at_most: 1}"),
        ("all is keys and values; expected a list", "{all: §{label: a}}"),
        ("all is an empty list; expected a list", "{all: §[]}"),
        ("silence has no bound (seconds, the longest); expected one of: at_least", "{silence: §{outside_holds: true}}"),
        ("unknown key 'unless_said' in silence; expected one of: at_least", "{silence: {§unless_said: a}}"),
        ("outside_holds is 'yes'; expected true or false", "{silence: {outside_holds: §yes, at_most: 1}}"),
        ("at_most is '1:30'; expected a number, 0 or more", "{silence: {at_most: §1:30}}"),
        ("at_most is '80'; expected a number from 0 to 1", "{talk_ratio: {at_most: §80}}"),
        ("no number is at_least 5 and at_most 4; expected bounds with room between them", "{hold: §{at_least: 5, at_most: 4}}"),
        ("no number is at_most 4 and more_than 4", "{hold: §{more_than: 4, at_most: 4}}"),
        ("no number is less_than 0", "§{label: a, less_than: 0}"),
        ("regex '(' is not a regular expression (missing ), unterminated subpattern at position 0)", "{regex: §'('}"),
        ("regex 'a*' fits a text in which nothing is said", "{regex: §'a*'}"),
        ("list is 'good'; expected bad", "{list: §good}"),
        ("words and list in one condition; expected one", "{words: [a], list: §bad}"),
        ("words is an empty list; expected a list", "{words: §[]}"),
        ("words is empty; expected text", "{words: [a, §'']}"),
        ("role is 'boss'; expected agent or customer or bot or unknown or any", "{role: §boss}"),
        ("role is 'customer' beside a label; expected agent, only agents' turns have labels", "{label: a, role: §customer}"),
        ("first_turns is '1.5'; expected a whole number", "{label: a, first_turns: §1.5}"),
        ("first_turns is '0'; expected a number, 1 or more", "{label: a, first_turns: §0}"),
        ("the condition every has no followed_by; expected a line 'followed_by: ...'", "§{every: {label: a}}"),
        ("unknown key 'at_most' in a turn; expected one of: label", "{order: [{label: a, §at_most: 0}, {label: b}]}"),
        ("conditions in conditions more than 20 deep; expected fewer", "{not: " * 21 + "§{label: a}" + "}" * 21),
        ("conditions in conditions more than 20 deep; expected fewer", "§&x {not: *x }"),  # endless
    ],
)
def test_mistakes_in_a_condition(says, condition):
    assert mistake(f"{HEAD}  - id: a\n    name_zh: 甲\n    weight: 1\n    condition: {condition}").startswith(says)


def test_all_mistakes_are_told_at_once():
    ok = "{id: a, name_zh: 甲, weight: 1, condition: {label: a}}"
    text = f"{HEAD}  - {ok}\n  - {{id: b}}\n  - {ok}\n  - {{id: c, name_zh: 丙, weight: 1, condition: {{label: }}}}\n"
    with pytest.raises(ScorecardError) as error:
        parse(text, "my.yaml")
    assert [line[: line.index(";")] for line in str(error.value).splitlines()] == [
        "my.yaml:5:5: an item has no name_zh",
        "my.yaml:6:5: the id a is used above",
        "my.yaml:7:54: label is empty",
    ]
    assert mistake(f"{HEAD}  §- {ok.replace('weight: 1', 'weight: 0')}").startswith("all weights are 0")


def test_the_file_itself(tmp_path):
    path = tmp_path / "my.yaml"
    with pytest.raises(ScorecardError, match=r"my.yaml: cannot be read \(No such file or directory\); name a scorecard, or copy "):
        Scorecard.load(path)
    path.write_bytes("version: 1\nitems: 甲".encode("gbk"))
    with pytest.raises(ScorecardError, match=r"my.yaml:2:8: byte 0xbc is not UTF-8; expected UTF-8"):
        Scorecard.load(path)
    path.write_bytes(b"\xef\xbb\xbf" + TWO.encode())  # as Windows editors save it
    assert [i.name_en for i in Scorecard.load(path).items] == ["问候", "无禁语", "及时"]
    path.write_text("[" * 5000, encoding="utf-8")
    with pytest.raises(ScorecardError, match="not YAML"):
        Scorecard.load(path)


def test_labels_that_a_model_never_gives_are_mistakes():
    text = TWO.replace("label: greeting", "label: [greeting, greting.open]")
    with pytest.raises(
        ScorecardError, match=r"^two:4:71: the model has no label 'greting.open'; expected a kind \(compliant, neutral"
    ):
        Scorecard("two", parse(text, "two")).check_labels(TAXONOMY)
    Scorecard("two", parse(TWO, "two")).check_labels(TAXONOMY)
