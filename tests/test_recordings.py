"""Transcripts in: what each form gives, and what a broken one says."""

import json

import pytest

from jinyu import InputError, Role
from jinyu.recordings import ReadOptions, find_files, one_form, read, read_lines

CALL = {
    "call_id": "c1",
    "agent_id": "a7",
    "turns": [
        {"turn_id": 3, "role": "agent", "start_ms": "0", "end_ms": 1500.4, "text": "您好"},
        {"role": "customer", "text": "我要退货"},
        {"role": "哼", "text": "？"},
    ],
}


def write(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def dump(value):
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", dump(CALL)), ("a.jsonl", dump(CALL) + "\n\n"), ("a.json", dump([CALL])), ("a.json", "\ufeff" + dump(CALL))],
)
def test_canonical(tmp_path, name, content):
    (call,) = read(write(tmp_path, name, content))
    assert (call.call_id, call.agent_id) == ("c1", "a7")
    assert [t.role for t in call.turns] == [Role.AGENT, Role.CUSTOMER, Role.UNKNOWN]
    assert (call.turns[0].turn_id, call.turns[0].start_ms, call.turns[0].end_ms) == ("3", 0, 1500)
    assert call.turns[1].turn_id == "1"


def test_lines(tmp_path):
    said = "坐席：您好，请问什么事\n  还有别的吗\n客户: 没有\n[00:00:12] 客服A01：再见\n"
    (call,) = read(write(tmp_path, "通话1.txt", said))
    assert [(t.role, t.text) for t in call.turns] == [
        (Role.AGENT, "您好，请问什么事 还有别的吗"),
        (Role.CUSTOMER, "没有"),
        (Role.AGENT, "再见"),
    ]
    assert call.call_id == "通话1"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("坐席：您好\n客户(138****1234)：怎么才接", [(Role.AGENT, None, "您好"), (Role.CUSTOMER, None, "怎么才接")]),
        (
            "坐席8001：您好\n客户A：嗯\n客户-张三：好",
            [(Role.AGENT, None, "您好"), (Role.CUSTOMER, None, "嗯"), (Role.CUSTOMER, None, "好")],
        ),
        ("系统：欢迎\n坐席(8001)：您找别人", [(Role.BOT, None, "欢迎"), (Role.AGENT, None, "您找别人")]),
        ("客户：喂\n[00:00:05.123 - 00:00:08.456] 坐席：您好", [(Role.CUSTOMER, None, "喂"), (Role.AGENT, None, "您好")]),
        ("坐席 00:00:05\n您好\n说话人1 00:09 你好", [(Role.AGENT, None, "您好"), (Role.UNKNOWN, "说话人1", "你好")]),
        ("坐席 00:05：您好", [(Role.AGENT, None, "您好")]),
        ("坐席：约在\n明天下午2：30可以吗\n套餐1：99元", [(Role.AGENT, None, "约在 明天下午2：30可以吗 套餐1：99元")]),
        ("坐席工号：8001\n坐席：您好\n我的工号：8001", [(Role.AGENT, None, "您好 我的工号：8001")]),
    ],
)
def test_labels_of_lines(tmp_path, said, expected):
    (call,) = read(write(tmp_path, "a.txt", said))
    assert [(t.role, t.speaker, t.text) for t in call.turns] == expected
    assert call.agent_id == ("8001" if said.startswith("坐席工号") else None)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("whisper.tsv", "start\tend\ttext\n0\t2300\t您好\n2400\t5000\t嗯\n", [(Role.UNKNOWN, None, 0), (Role.UNKNOWN, None, 2400)]),
        ("whisper.json", '{"text": "您好。嗯"}', [(Role.UNKNOWN, None, None)]),
        (
            "a.csv",
            "text,role\n您好,operator\n嗯,客户1\n呃,主叫\n",
            [(Role.AGENT, None, None), (Role.CUSTOMER, None, None), (Role.UNKNOWN, "主叫", None)],
        ),
        ("a.csv", "text,speaker\n您好,客服\n嗯,user2\n", [(Role.AGENT, "客服", None), (Role.UNKNOWN, "user2", None)]),
    ],
)
def test_who_speaks_in_tables(tmp_path, name, content, expected):
    (call,) = read(write(tmp_path, name, content))
    assert [(t.role, t.speaker, t.start_ms) for t in call.turns] == expected


def test_of_a_call_in_several_forms_the_fullest_is_kept(tmp_path):
    forms = [write(tmp_path, f"a.{suffix}", "") for suffix in ("json", "srt", "tsv", "txt", "wav")]
    other = write(tmp_path, "b.wav", "")
    for litter in ("._a.json", "~$a.xlsx"):
        write(tmp_path, litter, "")
    files = list(find_files([tmp_path], with_audio=True))
    assert one_form(files, [tmp_path]) == ([forms[0], other], forms[1:])
    assert one_form(files, [forms[1]]) == ([forms[0], forms[1], other], forms[2:])


def test_table_groups_calls_and_needs_only_text(tmp_path):
    (one,) = read(write(tmp_path, "only.csv", "text\n您好\n再见\n"))
    assert [(t.text, t.role) for t in one.turns] == [("您好", Role.AGENT), ("再见", Role.AGENT)]
    rows = "call_id,role,话,start_ms\nx,坐席,您好,0\ny,agent,喂,0\nx,客户,你好,900\n"
    x, y = read(write(tmp_path, "gbk.csv", rows.encode("gb18030")), ReadOptions(text_column="话"))
    assert [(t.text, t.role, t.start_ms) for t in x.turns] == [("您好", Role.AGENT, 0), ("你好", Role.CUSTOMER, 900)]
    assert y.call_id == "y"
    (flat,) = read(write(tmp_path, "u.jsonl", '{"text": "您好"}\n{"text": "再见", "role": "customer"}\n'))
    assert [t.role for t in flat.turns] == [Role.UNKNOWN, Role.CUSTOMER]  # nobody says whose the first is


def test_lines_of_speakers_whose_role_is_not_said(tmp_path):
    text = "坐席：您好\n王女士：你们有完没完\n坐席：抱歉\n地址：北京路三号\n老公：我来说\n老公：赶紧处理\n客服小李：好的"
    (found,) = read(write(tmp_path, "a.txt", text))
    assert [(t.role, t.speaker, t.text) for t in found.turns] == [
        (Role.AGENT, None, "您好"),
        (Role.UNKNOWN, "王女士", "你们有完没完"),
        (Role.AGENT, None, "抱歉 地址：北京路三号"),  # a label once, of nobody: the line goes on
        (Role.UNKNOWN, "老公", "我来说"),
        (Role.UNKNOWN, "老公", "赶紧处理"),
        (Role.AGENT, None, "好的"),
    ]
    (found,) = read(write(tmp_path, "b.txt", "说话人1：您好请讲\n说话人2：我查个账单\n说话人1：好的"))
    assert [t.speaker for t in found.turns] == ["说话人1", "说话人2", "说话人1"]


def test_rows_of_a_table_that_tells_parties_apart_are_not_all_the_agent_s(tmp_path):
    (found,) = read(write(tmp_path, "a.csv", "channel,text,asr_confidence\n0,您好,0.3\n1,滚,\n"))
    assert [(t.role, t.channel, t.asr_confidence) for t in found.turns] == [(Role.UNKNOWN, "0", 0.3), (Role.UNKNOWN, "1", None)]
    (found,) = read(write(tmp_path, "b.csv", "role,text\nagent,您好\n,滚\n"))
    assert [t.role for t in found.turns] == [Role.AGENT, Role.UNKNOWN]
    (found,) = read(write(tmp_path, "c.csv", "role,text\n,您好\n"))
    assert [t.role for t in found.turns] == [Role.AGENT]


def test_spreadsheet(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    for row in [
        ["call_id", "agent_id", "role", "start_ms", "text"],
        [17, 8001, "agent", 0, "您好"],
        [],
        [17, 8001, "customer", 900, "嗯"],
    ]:
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert list(find_files([tmp_path])) == [tmp_path / "a.xlsx"]
    (found,) = read(tmp_path / "a.xlsx")
    assert (found.call_id, found.agent_id) == ("17", "8001")
    assert [(t.role, t.start_ms, t.text) for t in found.turns] == [(Role.AGENT, 0, "您好"), (Role.CUSTOMER, 900, "嗯")]
    (tmp_path / "b.xlsx").write_bytes(b"PK not a book")
    with pytest.raises(InputError, match="not a spreadsheet"):
        read(tmp_path / "b.xlsx")


@pytest.mark.parametrize("name", ["a.json", "a.csv"])
def test_times_that_cannot_be_milliseconds(tmp_path, name):
    turns = [
        {"role": "agent", "text": "您好这里是客户服务中心请问有什么可以帮您的吗", "start_ms": 3 * i, "end_ms": 3 * i + 2}
        for i in range(9)
    ]
    if name == "a.json":
        content = dump({"call_id": "c", "turns": turns})
    else:
        content = "role,text,start_ms,end_ms\n" + "".join(f"agent,{t['text']},{t['start_ms']},{t['end_ms']}\n" for t in turns)
    with pytest.raises(InputError, match="expected times in milliseconds"):
        read(write(tmp_path, name, content))


def test_a_format_may_be_named(tmp_path):
    path = write(tmp_path, "a.txt", '{"text": "您好"}\n')
    assert read(path)[0].turns[0].text == "您好"  # by its content a table
    with pytest.raises(InputError, match="names no speaker"):
        read(path, ReadOptions(form="lines"))


def test_parquet(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"text": ["您好", None], "call_id": [7, 7]}), path)
    (call,) = read(path)
    assert (call.call_id, [t.text for t in call.turns]) == ("7", ["您好", ""])


def test_a_call_without_turns_is_a_call(tmp_path):
    (call,) = read(write(tmp_path, "a.json", '{"call_id": "silent", "turns": []}'))
    assert call.turns == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "a.json: not JSON"),
        ("a.json", '{"a": 1}', "not a transcript that jinyu knows"),
        ("a.jsonl", '{"turns": []}\n{', r"a.jsonl:2: not JSON"),
        ("a.json", '{"turns": [{"role": "agent"}]}', "a.json: turn 0: expected"),
        ("a.json", '{"turns": [{"text": "您好", "start_ms": "soon"}]}', "start_ms is 'soon', expected milliseconds"),
        ("a.csv", "utterance,n\n您好,1\n", r"no column 'text' \(found: utterance, n\).*--text-column"),
        ("a.txt", "您好\n", "names no speaker"),
        ("a.parquet", "PAR0", "not a Parquet file"),
        ("a.txt", b"\x81\xff\xff\x81", "neither UTF-8 nor GB18030"),
        ("a.json", "", "not JSON"),
    ],
)
def test_a_broken_file_is_named_with_its_remedy(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        read(write(tmp_path, name, content))


def test_folders_are_searched_and_missing_paths_named(tmp_path):
    (tmp_path / "deep").mkdir()
    b = write(tmp_path, "deep/b.txt", "坐席：您好")
    write(tmp_path, "notes.md", "# no")
    assert list(find_files([tmp_path])) == [b]
    with pytest.raises(InputError, match=r"gone\.json: no such file"):
        list(find_files([tmp_path / "gone.json"]))


def test_stdin_lines_are_agent_utterances():
    call = read_lines("您好\n\n 再见 \n".encode())
    assert [(t.text, t.role) for t in call.turns] == [("您好", Role.AGENT), ("再见", Role.AGENT)]


def test_stdin_lines_may_be_of_the_encodings_of_windows():
    said = "这个不归我管，您找别人吧\n您好"
    for data in (said.encode("gb18030"), said.encode("utf-16"), b"\xef\xbb\xbf" + said.encode()):
        assert [t.text for t in read_lines(data).turns] == said.splitlines()
    damaged = "这个不归我管，您找别人吧".encode()[:-1]
    assert read_lines(damaged).turns[0].text.startswith("这个不归我管")
