"""The network: a BERT, the mean over its tokens, and a head over the leaves.

The mean learns faster from few sentences than the first token, but `transformers`' own `BertForSequenceClassification` reads the first
token. So that anybody can open our models with it, a saved network has one more layer that puts the mean into the
first token: attention that looks at all tokens alike, an output many times the residual, a feed-forward part that adds nothing.
`config.json` names that layer (`mean_pooling_layer`) and `load` takes it off again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoConfig, AutoModel, BertForSequenceClassification, BertModel

from training.base import BaseModelError

LOUD = 1000.0  # how much louder the mean is than the residual it is added to


class Dropout(torch.nn.Dropout):
    """Dropout whose mask on a CPU is drawn by numpy, a byte an element: torch draws it so slowly that it takes a fifth of a step.

    The probability is the nearest multiple of 1/256. Seeded by numpy's global state, which the Trainer seeds and keeps in checkpoints.
    """

    def forward(self, states: Any) -> Any:
        """`states` with a share `p` of its elements zeroed and the others scaled up, in training."""
        if not self.training or self.p == 0 or states.device.type != "cpu":
            return super().forward(states)
        dropped = round(self.p * 256)
        drawn = torch.frombuffer(bytearray(np.random.bytes(states.numel())), dtype=torch.uint8).view(states.shape)
        return states * ((drawn >= dropped).to(states.dtype) * (256 / (256 - dropped)))


class Network(torch.nn.Module):
    """`logits` (batch, leaves) and `embedding` (batch, hidden; unit length) of token ids (batch, tokens)."""

    def __init__(self, encoder: BertModel, leaves: int, dropout: float = 0.1) -> None:
        super().__init__()
        hidden = encoder.config.hidden_size
        self.encoder = encoder
        self.dense = torch.nn.Linear(hidden, hidden)
        self.dropout = Dropout(dropout)
        self.classifier = torch.nn.Linear(hidden, leaves)

    @property
    def config(self) -> Any:
        """The encoder's configuration."""
        return self.encoder.config

    def forward(self, input_ids: Any, attention_mask: Any, labels: Any = None, words: Any = None, **_: Any) -> dict[str, Any]:
        """`labels` is for the Trainer, which computes the loss itself; `words` (batch, tokens, hidden) replaces the words' vectors."""
        ids = None if words is not None else input_ids
        states = self.encoder(input_ids=ids, inputs_embeds=words, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)  # (batch, tokens, 1)
        mean = (states * mask).sum(1) / mask.sum(1)
        pooled = torch.tanh(self.dense(functional.layer_norm(mean, (self.dense.in_features,))))
        return {"logits": self.classifier(self.dropout(pooled)), "embedding": functional.normalize(mean, dim=-1)}


def from_base(
    source: str,
    layers: int,
    codes: list[str],
    dropout: float,
    attention_dropout: float = 0.0,
    mapping: Mapping[str, str | None] | None = None,
) -> Network:
    """A head over `codes` on a pretrained BERT (directory or hub name), cut to `layers` evenly spread layers (0: all).

    A network of ours goes on: a leaf that it knows, under this name or the one that `mapping` (old: new) gives, keeps its row of the
    head; other leaves begin afresh.
    """
    try:
        config = AutoConfig.from_pretrained(source)
        if config.model_type != "bert":
            raise BaseModelError(
                f"{source} is a {config.model_type} model; jinyu trains BERT models, like hfl/chinese-macbert-base"
            )
        # on a CPU, in bf16, the plain form of attention takes half the time of torch's fused one
        attention = "sdpa" if torch.cuda.is_available() else "eager"
        encoder = AutoModel.from_pretrained(
            source, add_pooling_layer=False, attn_implementation=attention, attention_probs_dropout_prob=attention_dropout,
            dtype=torch.float32,  # a shipped model is kept in fp16
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise BaseModelError(f"{source} is neither a model directory nor a hub name within reach: {error}") from error
    ours = getattr(config, "mean_pooling_layer", False)
    if ours:
        _drop_last_layer(encoder)
    total = len(encoder.encoder.layer)
    if 0 < layers < total:
        encoder.encoder.layer = torch.nn.ModuleList(encoder.encoder.layer[i] for i in spread(total, layers))
        encoder.config.num_hidden_layers = layers
    encoder.config.hidden_dropout_prob = dropout
    for name, module in list(encoder.named_modules()):
        if isinstance(module, torch.nn.Dropout):
            parent, _, child = name.rpartition(".")
            rate = attention_dropout if name.endswith("attention.self.dropout") else dropout
            setattr(encoder.get_submodule(parent), child, Dropout(rate))
    network = Network(encoder, len(codes), dropout)
    if ours:
        _keep_head(network, load(Path(source)), codes, [config.id2label[i] for i in range(config.num_labels)], mapping or {})
    return network


def _keep_head(network: Network, before: Network, codes: list[str], known: list[str], mapping: Mapping[str, str | None]) -> None:
    network.dense.load_state_dict(before.dense.state_dict())
    came_from = {new: old for old, new in reversed(mapping.items()) if new and old in known} | {code: code for code in known}
    with torch.no_grad():
        for row, code in enumerate(codes):
            if code in came_from:
                old = known.index(came_from[code])
                network.classifier.weight[row] = before.classifier.weight[old]
                network.classifier.bias[row] = before.classifier.bias[old]


def train_only_top(network: Network, layers: int) -> None:
    """Leave embeddings and all but the highest `layers` layers as they are: no gradients, no backward pass through them."""
    total = len(network.encoder.encoder.layer)
    frozen = [network.encoder.embeddings, *network.encoder.encoder.layer[: max(0, total - layers)]]
    for module in frozen:
        module.requires_grad_(False)


def spread(total: int, wanted: int) -> list[int]:
    """`wanted` layers of `total`, first and last among them, evenly spread: 12, 6 -> 0 2 4 7 9 11."""
    return [round(i * (total - 1) / (wanted - 1)) for i in range(wanted)] if wanted > 1 else [total - 1]


def save(network: Network, codes: list[str], path: Path) -> None:
    """As a stock `BertForSequenceClassification` directory, the mean as one more layer."""
    to_stock(network, codes).save_pretrained(path)


def to_stock(network: Network, codes: list[str]) -> BertForSequenceClassification:
    """The same function as `network`, up to rounding, in the stock class."""
    config = type(network.config).from_dict(network.config.to_dict())
    config.num_hidden_layers += 1
    config.dtype = torch.float32
    config.mean_pooling_layer = True
    config.num_labels = len(codes)
    config.id2label, config.label2id = dict(enumerate(codes)), {c: i for i, c in enumerate(codes)}
    stock = BertForSequenceClassification(config)
    state = {f"bert.{k}": v for k, v in network.encoder.state_dict().items()}
    hidden = config.hidden_size
    layer = f"bert.encoder.layer.{config.num_hidden_layers - 1}."
    pooling = {k: torch.zeros_like(v) for k, v in stock.state_dict().items() if k.startswith(layer)}
    pooling[layer + "attention.self.value.weight"] = torch.eye(hidden)
    pooling[layer + "attention.output.dense.weight"] = torch.eye(hidden) * LOUD
    for name in ("attention.output.LayerNorm.weight", "output.LayerNorm.weight"):
        pooling[layer + name] = torch.ones(hidden)
    head = {
        "bert.pooler.dense.weight": network.dense.weight, "bert.pooler.dense.bias": network.dense.bias,
        "classifier.weight": network.classifier.weight, "classifier.bias": network.classifier.bias,
    }  # fmt: skip
    missing, unexpected = stock.load_state_dict({**state, **pooling, **head}, strict=False)
    if unexpected or any("position_ids" not in name for name in missing):
        raise BaseModelError(f"this BERT differs from the stock one: {missing[:3]} {unexpected[:3]}")
    return stock.eval()


def load(path: Path) -> Network:
    """A network saved by `save`."""
    stock = BertForSequenceClassification.from_pretrained(path, dtype=torch.float32)
    encoder, leaves = stock.bert, stock.config.num_labels
    network = Network(encoder, leaves)
    network.dense.load_state_dict(stock.bert.pooler.dense.state_dict())
    network.classifier.load_state_dict(stock.classifier.state_dict())
    encoder.pooler = None
    _drop_last_layer(encoder)
    return network.eval()


def _drop_last_layer(encoder: Any) -> None:
    encoder.encoder.layer = encoder.encoder.layer[:-1]
    encoder.config.num_hidden_layers -= 1
    encoder.config.mean_pooling_layer = False
