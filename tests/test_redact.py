"""What is masked, what stays, and that places stay where they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinyu import Recording, Role, Turn
from jinyu.cli import main
from jinyu.judging import judge_recording
from jinyu.redact import MASK, redact

MASKED = [  # (text with what is to go in 「」, marks taken out before)
    # mobile
    "我手机是「13800138000」，别打错",
    "「138 0013 8000」",
    "「138-0013-8000」",
    "「1 3 8 0 0 1 3 8 0 0 0」",
    "「+86 138 0013 8000」",
    "「008613800138000」",
    "打「１３８００１３８０００」",
    "「13800138000」 「13900139000」",
    "「幺三八零零幺三八零零零」",
    "「一三八 零零一三 八零零零」",
    "电话「138—0013—8000」",
    # landline
    "「010-62345678」",
    "「0755 8321 1234」",
    "「（010）62345678」",
    "「05718888666」",
    "「零二零八三二一一二三四」",
    "「0571-88886666」转801",
    # identity card
    "身份证「11010519491231002X」",
    "「11010519491231002x」",
    "「110105 19491231 002X」",
    "「11010519491231002Ｘ」",
    "「440524188001010014」",
    # bank card
    "卡号「4111111111111111」",
    "「4111 1111 1111 1111」",
    "「6222-0212-3456-7890-128」",
    "「62220000000000004」",
    "「四一一一 一一一一 一一一一 一一一一」",
    # plate
    "车牌「京A12345」",
    "「粤B·D12345」",
    "「粤BD12345」",
    "「沪a 8888 6」",
    "「川A 1 2 3 4 5」",
    "「粤Z1234港」",
    "「京A·1234学」教练车",
    "「滬A12345」",
    # e-mail
    "发到「zhang.san-88@mail.example.com.cn」，谢谢",
    "「ａ＠ｂ．ｃｏｍ」",
    # names
    "我姓「贺」，祝贺的贺",
    "免贵姓「覃」",
    "机主姓「裴」是吧",
    "我姓「欧阳」，叫「欧阳修」",
    "我叫「张伟」，想问一下",
    "我叫「李明」想查一下",
    "我叫「冉晓雯」，电话留过的",
    "户主叫「裴佳」",
    "名字叫「王小明」",
    "他叫「張偉」",
    "我是「王」先生",
    "我是「张伟」先生的太太",
    "您是「罗」先生对吧",
    "「许文彬」先生，好的",
    "谢谢「王」先生",
    "「欧阳」女士您好",
    "「陳」小姐",
    "「138，1234，5678」，对吧",
    "「一三八、一二三四、五六七八」",
    # several, and one against another
    "「张」先生，「13800138000」，「京A12345」",
    "我叫「张三四一三八零零一三八零零零」",
]
STAYS = [
    "",
    "您好，请问有什么可以帮您",
    # other numbers
    "订单号 MY2409-51873",
    "订单2024091113800138000",  # a mobile number inside a longer one
    "K20317709，尾号0137",
    "1380013800",
    "12800138000",
    "一共13,800,138,000元",
    "400-820-8820",
    "工号6635，2024-09-11 09:41:30",
    "010-12345678",  # no subscriber's number begins with 1
    "000-62345678",
    "110105194912310021",  # checksum
    "11010519491331002X",  # month
    "4111111111111112",  # Luhn
    "411111111111111",  # 15
    "41111111111111111111",  # 20
    "一千三百八十元，三月十九号下午两点",
    "十二月三十一号",
    # no plates
    "车牌尾号58K",
    "川A",
    "京ABCDEF",
    "云A1234567",
    "京I12345",
    "苏A座1205",
    # no addresses
    "@小张 a@b",
    # no names
    "您贵姓，怎么称呼您",
    "您姓什么",
    "老百姓的事",
    "姓名和电话",
    "你叫什么名字",
    "我叫马上来的师傅",
    "这个套餐叫高级版",
    "我叫花店送过去",
    "他叫游客先走",
    "我叫银行，他们不理",
    "先生让您打了这么多遍",
    "这位女士",
    "感谢先生来电",
    "谢谢先生",
    "关于女士优惠",
    "任何先生都行",
    "我是安禾财险的小郑",
    "我是江苏的",
    "值班的孙师傅",
]


@pytest.mark.parametrize("marked", MASKED)
def test_masked(marked):
    text = marked.replace("「", "").replace("」", "")
    want, inside = "", False
    for c in marked:
        if c in "「」":
            inside = c == "「"
        else:
            want += MASK if inside else c
    assert redact(text) == want


@pytest.mark.parametrize("text", STAYS)
def test_stays(text):
    assert redact(text) == text


PIECES = st.sampled_from(
    [*"0123456789零一二三八幺 -－+()姓叫我的谢先生女士张王伟京粤A·Xx@.港学，", "13800138000", "先生", "欧阳", "@b.c", "我叫"]
)


@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=40).map("".join)))
def test_lengths_stay_and_a_second_time_changes_nothing(text):
    once = redact(text)
    assert len(once) == len(text)
    assert all(a in (b, MASK) for a, b in zip(once, text, strict=True))
    assert redact(once) == once


def test_long_texts_take_no_long():
    for text in (
        "1" * 20_000,
        "1 " * 10_000,
        "a" * 20_000,
        "a.b@" * 5_000,
        "姓张先生" * 5_000,
        "张三四" * 5_000 + "一三八" * 3_000,
    ):
        assert len(redact(text)) == len(text)


SAID = "我叫张伟，您有完没完，打我电话13800138000，烦死了你"


def test_judged_as_said_and_written_masked(tiny):
    said = Recording("c", (Turn(SAID, Role.AGENT, turn_id="0"),))
    plain, _ = judge_recording(said, tiny)
    masked, _ = judge_recording(said, tiny, redact=True)
    assert masked[0]["text"] == redact(SAID) != SAID
    assert masked[0]["probability"] == plain[0]["probability"]
    for rows in (plain, masked):
        for row in rows:
            if row["evidence"]:
                assert row["text"][row["evidence"]["start"] : row["evidence"]["end"]] == row["evidence"]["text"]
                row["evidence"]["text"] = ""
            row["text"] = ""
    assert masked == plain


def test_the_customer_s_number_in_a_file_s_name_is_masked(tmp_path, tiny_run):
    for name in ("13812345678-回访", "13812345679-回访"):
        (tmp_path / f"{name}.txt").write_text("坐席：您好\n客户：你好\n", encoding="utf-8")
    out = tmp_path / "out"
    command = ["score", str(tmp_path), "-o", str(out), "--model", str(tiny_run), "--redact", "--report"]
    assert main(command) == 0
    for path in out.iterdir():
        assert "1381234567" not in path.read_text(encoding="utf-8"), path
    ids = [json.loads(line)["call_id"] for line in (out / "calls.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(set(ids)) == 2
    assert all("回访" in i for i in ids)


@pytest.mark.parametrize("table_format", ["jsonl", "csv"])
def test_the_command_writes_nothing_unmasked(tmp_path, tiny_run, capsys, table_format):
    calls = tmp_path / "calls"
    calls.mkdir()
    turns = [{"role": "agent", "text": SAID}, {"role": "customer", "text": "13900139000"}]
    (calls / "good.json").write_text(json.dumps({"call_id": "g", "turns": turns}), encoding="utf-8")
    (calls / "bad.json").write_text('{"turns": ["打13700137000"]}', encoding="utf-8")
    out = tmp_path / "out"
    command = ["score", str(calls), "-o", str(out), "--model", str(tiny_run), "--format", table_format]
    assert main([*command, "--redact"]) == 5
    written = "".join(p.read_text(encoding="utf-8") for p in out.iterdir()) + "".join(capsys.readouterr())
    assert redact(SAID) in written
    assert not [s for s in ("13800138000", "13900139000", "13700137000", "张伟") if s in written]
    assert main(command) == 5
    written = "".join(p.read_text(encoding="utf-8") for p in out.iterdir())
    assert [s for s in ("13800138000", "13700137000", "张伟") if s in written] == ["13800138000", "13700137000", "张伟"]
