"""data/ in, a run directory out: fine-tunes a Chinese BERT on the authored utterances and the documents' phrases.

    python -m training.train                                        # build/base -> runs/default, then calibrated and exported
    python -m training.train --base-model hfl/chinese-macbert-base  # any BERT by hub name or directory
    python -m training.train --out runs/default                     # the same command after a kill goes on from the last checkpoint
    torchrun --nproc-per-node 2 -m training.train                   # several GPUs, or processes: they share each batch

A run directory holds `recipe.json` (every setting), `checkpoints/`, `network/` (the fine-tuned BERT in fp32), `log.json` and `tensorboard/`
(loss and figures on the way), `calibration.json` and `model/`, which `jinyu score --model RUN` reads. Read `augment.py` for what is done to the texts, `export.py` for what follows.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from training import base, data
from training.augment import Augment, Rates, homophones

BASE = Path("build/base")
DECENT = -100  # the label of a piece of a decent sentence: which leaf is unknown; what torch's losses leave out
SAVE_STEPS = 200  # steps from one checkpoint to the next: some two minutes on a CPU


@dataclass(frozen=True)
class Recipe:
    """Every setting of a run. `make train` has those of the shipped model's stages."""

    base_model: str = str(BASE)
    layers: int = 0  # evenly spread layers of the base are kept; 0 keeps all
    epochs: float = 4
    batch: int = 32
    encoder_lr: float = 1.5e-4
    head_lr: float = 1.5e-3
    layer_decay: float = 0.9  # each layer learns this much slower than the one above it
    weight_decay: float = 0.01
    warmup: float = 0.08
    dropout: float = 0.1
    attention_dropout: float = 0.0  # of attention weights; drawing it costs a fifth of a step
    smoothing: float = 0.02
    category_loss: float = 0.5  # weight of the loss over the 14 categories, beside that over the leaves
    rdrop: float = 0.0  # weight of the divergence between two readings of a batch under other dropout (R-Drop); doubles the time
    fgm: float = 0.0  # length of an adversarial step on the words' vectors (fast gradient method); doubles the time
    pieces: float = 0.3  # how often a piece of a decent sentence is read in its place, as decent speech of an unknown leaf
    piece_loss: float = 1.0  # weight of the loss of pieces
    freeze_words: bool = True  # word embeddings stay as they are: unseen words keep their place among the seen
    max_tokens: int = 96
    focus: str = ""  # hands whose rows are all read when going on from a network, as W25,W26; of the others `replay`
    replay: float = 1.0
    share: float = 1.0  # of the utterances, drawn by the seed: for learning curves
    phrase_weight: int = 3  # how often an epoch reads each phrase of the documents
    top: int = 0  # only the head and this many of the highest layers learn; 0: all of them
    precision: str = "auto"  # fp32, bf16 (autocast), or auto: bf16 where the processor multiplies it in hardware
    seed: int = 17


def load_network(recipe: Recipe, codes: list[str], mapping: Mapping[str, str | None] | None = None) -> tuple[Any, Any]:
    """(Network, tokenizer) with a head over `codes`; makes the default base if it is not there yet."""
    from transformers import AutoTokenizer

    from training import network as net

    if recipe.base_model == str(BASE) and not (BASE / "config.json").exists() and is_first_process():
        base.build(BASE, Path("build/cache"))
    while recipe.base_model == str(BASE) and not (BASE / "config.json").exists():
        time.sleep(1)  # the first process is at it
    network = net.from_base(recipe.base_model, recipe.layers, codes, recipe.dropout, recipe.attention_dropout, mapping)
    if recipe.top:
        net.train_only_top(network, recipe.top)
    if recipe.freeze_words:
        network.encoder.embeddings.word_embeddings.weight.requires_grad = False
    return network, AutoTokenizer.from_pretrained(recipe.base_model)


def parameter_groups(network: Any, recipe: Recipe) -> list[dict[str, Any]]:
    """Learning rate by depth: the head fastest, each encoder layer `layer_decay` slower than the one above."""
    depth = network.config.num_hidden_layers
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        if ".layer." in name:
            lr = recipe.encoder_lr * recipe.layer_decay ** (depth - 1 - int(name.split(".layer.")[1].split(".")[0]))
        elif "embeddings" in name:
            lr = recipe.encoder_lr * recipe.layer_decay**depth
        else:
            lr = recipe.head_lr
        decay = 0.0 if parameter.ndim == 1 else recipe.weight_decay
        groups.setdefault((lr, decay), []).append(parameter)
    return [{"params": p, "lr": lr, "weight_decay": decay} for (lr, decay), p in groups.items()]


def make_trainer(recipe: Recipe, out: Path, folder: Path = data.DATA, threads: int | None = None, report_to: str = "none") -> Any:
    """The `transformers.Trainer` of a run: data, loss, optimiser, checkpoints every `SAVE_STEPS`."""
    import numpy as np
    import torch
    from datasets import Dataset
    from sklearn.metrics import average_precision_score, f1_score
    from torch.nn import functional
    from torch.utils.tensorboard import SummaryWriter
    from transformers import Trainer, TrainingArguments, get_linear_schedule_with_warmup, set_seed
    from transformers.integrations import TensorBoardCallback

    if threads:
        torch.set_num_threads(threads)
    set_seed(recipe.seed)
    taxonomy = data.load_taxonomy(folder)
    codes, categories = taxonomy.codes, taxonomy.categories
    network, tokenizer = load_network(recipe, codes, data.load_mapping(folder))
    rows = select(data.load("train", folder), data.phrase_rows(folder), recipe)
    validation = data.load("validation", folder)
    augment = Augment(
        Rates(piece=recipe.pieces),
        homophones([r.model_text for r in rows]),
        [r.model_text for r in rows if r.leaf == "neutral.business" and 6 <= len(r.model_text) <= 30],
        {leaf.code for leaf in taxonomy.leaves if leaf.kind == "taboo"},
    )
    taboo_category = torch.tensor([taxonomy.kind_of(c) == "taboo" for c in categories])
    taboo = [i for i, leaf in enumerate(taxonomy.leaves) if leaf.kind == "taboo"]
    member = torch.tensor([[float(leaf.category == c) for c in categories] for leaf in taxonomy.leaves])  # (leaves, categories)
    category_of = member.argmax(1)

    def table(source: list[data.Row]) -> Dataset:
        texts = [r.model_text for r in source]
        labels = [codes.index(r.leaf) for r in source]
        return Dataset.from_dict({"text": texts, "labels": labels, "length": [len(t) for t in texts], "row": range(len(texts))})

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        texts, labels = [r["text"] for r in batch], [r["labels"] for r in batch]
        if network.training:
            random = Random(f"{recipe.seed} {order.epoch} {batch[0]['row']}")
            texts, pieces = augment.batch(texts, [codes[i] for i in labels], random)
            labels = [DECENT if piece else i for piece, i in zip(pieces, labels, strict=True)]
        out = tokenizer(texts, truncation=True, max_length=recipe.max_tokens, padding=True, return_tensors="pt")
        return {**out, "labels": torch.tensor(labels)}

    def divergence(one: Any, other: Any) -> Any:
        p, q = functional.log_softmax(one.float(), -1), functional.log_softmax(other.float(), -1)
        there = functional.kl_div(q, p, log_target=True, reduction="batchmean")
        return (there + functional.kl_div(p, q, log_target=True, reduction="batchmean")) / 2

    def loss(outputs: Any, labels: Any) -> Any:
        logits = outputs["logits"]
        leaf = functional.cross_entropy(logits, labels, label_smoothing=recipe.smoothing)  # pieces have no leaf: ignored
        # (batch, leaves) -> (batch, categories): the summed probabilities
        by_category = functional.softmax(logits.float(), -1) @ member.to(logits.device)
        category = category_of.to(labels.device)[labels.clamp_min(0)].where(labels != DECENT, DECENT)
        total = leaf + recipe.category_loss * functional.nll_loss(by_category.clamp_min(1e-8).log(), category)
        decent = by_category @ (~taboo_category).to(by_category)
        of_pieces = -decent.clamp_min(1e-8).log()[labels == DECENT].sum() / len(labels)
        return total + recipe.piece_loss * of_pieces

    def metrics(prediction: Any) -> dict[str, float]:
        logits = prediction.predictions[0]
        p = np.exp(logits - logits.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        truth = category_of.numpy()[prediction.label_ids]
        return {
            "category_f1": f1_score(truth, (p @ member.numpy()).argmax(-1), average="macro"),
            "leaf_accuracy": float((logits.argmax(-1) == prediction.label_ids).mean()),
            "taboo_ap": average_precision_score(np.isin(prediction.label_ids, taboo), p[:, taboo].sum(-1)),
        }

    class Windowed(Trainer):  # type: ignore[misc]
        """Short and long texts alternate, yet a batch holds texts of one length: little padding, mixed classes."""

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return order

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            labels, words = inputs["labels"], None
            if model.training and recipe.fgm:
                words = network.encoder.embeddings.word_embeddings(inputs["input_ids"])
                words = words if words.requires_grad else words.requires_grad_()
            outputs = model(**inputs, words=words)
            total = loss(outputs, labels)
            if model.training and recipe.rdrop:
                again = model(**inputs)
                total = (total + loss(again, labels)) / 2 + recipe.rdrop * divergence(outputs["logits"], again["logits"])
            if words is not None:
                (slope,) = torch.autograd.grad(total, words, retain_graph=True)
                step = recipe.fgm * slope / slope.norm(dim=(1, 2), keepdim=True).clamp_min(1e-8)
                total = total + loss(model(**inputs, words=(words + step).detach()), labels)
            return (total, outputs) if return_outputs else total

    train_set = table(rows)
    order = LengthWindows(train_set["length"], recipe.batch, recipe.seed)
    steps = -(-len(rows) // recipe.batch) * recipe.epochs
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if recipe.batch % processes:
        raise data.DataError(f"{processes} processes cannot share a batch of {recipe.batch} evenly; give a multiple as --batch")
    optimiser = torch.optim.AdamW(parameter_groups(network, recipe), fused=True)
    schedule = get_linear_schedule_with_warmup(optimiser, int(recipe.warmup * steps), int(steps))
    arguments = TrainingArguments(
        output_dir=str(out / "checkpoints"), num_train_epochs=recipe.epochs, eval_strategy="epoch", logging_steps=50,
        per_device_train_batch_size=recipe.batch // processes, per_device_eval_batch_size=64,
        save_strategy="steps", save_steps=SAVE_STEPS, save_total_limit=1,
        seed=recipe.seed, remove_unused_columns=False, report_to=report_to, dataloader_pin_memory=False,
        use_cpu=not torch.cuda.is_available(), ddp_backend="gloo" if processes > 1 and not torch.cuda.is_available() else None,
        bf16=hardware_bf16() if recipe.precision == "auto" else recipe.precision == "bf16",
    )  # fmt: skip
    return Windowed(
        model=network, args=arguments, data_collator=collate, train_dataset=train_set, eval_dataset=table(validation),
        processing_class=tokenizer, compute_metrics=metrics, optimizers=(optimiser, schedule),
        callbacks=[TensorBoardCallback(SummaryWriter(str(out / "tensorboard")))] if is_first_process() else [],
    )  # fmt: skip


def select(rows: list[data.Row], phrases: list[data.Row], recipe: Recipe) -> list[data.Row]:
    """The rows of an epoch: a share of the utterances, or the hands in focus and a share of the others; all phrases."""
    hands, random = set(filter(None, recipe.focus.split(","))), Random(recipe.seed)
    share = recipe.replay if hands else recipe.share
    return [r for r in rows if r.hand in hands or random.random() < share] + phrases * recipe.phrase_weight


def hardware_bf16() -> bool:
    """Whether this machine multiplies bf16 matrices in hardware: a GPU from Ampere on, or a CPU with AMX or AVX512-BF16."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


class LengthWindows:
    """Indices in an order of batches: windows of eight batches, sorted by length within, batches shuffled.

    Seed and epoch alone make the order, so a run that resumes amid an epoch finds it again.
    """

    def __init__(self, lengths: list[int], batch: int, seed: int = 0) -> None:
        self.lengths, self.batch, self.seed, self.epoch = list(lengths), batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Any:
        random = Random(f"{self.seed} {self.epoch}")
        order = random.sample(range(len(self.lengths)), len(self.lengths))
        batches = []
        for start in range(0, len(order), 8 * self.batch):
            window = sorted(order[start : start + 8 * self.batch], key=self.lengths.__getitem__)
            batches += [window[i : i + self.batch] for i in range(0, len(window), self.batch)]
        short = [b for b in batches if len(b) < self.batch]  # at most one; it goes last so that batches stay whole
        full = [b for b in batches if len(b) == self.batch]
        for b in random.sample(full, len(full)):
            yield from b
        for b in short:
            yield from b


def is_first_process() -> bool:
    """Whether this is the process that writes: the only one, or the first that `torchrun` started."""
    return os.environ.get("RANK", "0") == "0"


def stages(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    """The recipes of all stages that led to a network, the first one first and `recipe` itself last."""
    found = [recipe]
    while "started_from" in found[0]:
        found.insert(0, found[0]["started_from"])
    return found


def started_from(base_model: str) -> tuple[dict[str, Any], float]:
    """(recipe, minutes) of the run or the exported model that `base_model` is; empty for a plain BERT."""
    path = Path(base_model)
    if (path.parent / "recipe.json").exists():  # another run's network
        recipe = json.loads((path.parent / "recipe.json").read_text(encoding="utf-8"))
        return recipe, json.loads((path.parent / "log.json").read_text(encoding="utf-8"))["minutes"]
    if (path / "manifest.json").exists():
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        return manifest["recipe"], manifest["training"]["minutes"]
    return {}, 0.0


def drop_torn_checkpoints(out: Path) -> None:
    """Remove checkpoints whose writing was cut short: their last file is missing."""
    for checkpoint in (out / "checkpoints").glob("checkpoint-*"):
        if not (checkpoint / "trainer_state.json").exists():
            shutil.rmtree(checkpoint)


def fit(recipe: Recipe, out: Path, folder: Path = data.DATA, threads: int | None = None, report_to: str = "none") -> None:
    """Train `recipe` into `out`, going on from the last checkpoint if there is one.

    Of the processes that `torchrun` starts the first one writes, the others only help to train.
    """
    out.mkdir(parents=True, exist_ok=True)
    if (out / "network" / "config.json").exists():
        check_recipe(recipe, out, folder)
        print(f"{out}: already trained; delete it to train again", file=sys.stderr)
        return
    if is_first_process():
        (out / "recipe.json").write_text(
            json.dumps(check_recipe(recipe, out, folder), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        drop_torn_checkpoints(out)
    import torch

    from training import network as net

    started = time.time()
    trainer = make_trainer(recipe, out, folder, threads, report_to)  # several processes have found each other here
    resume = any((out / "checkpoints").glob("checkpoint-*"))
    trainer.train(resume_from_checkpoint=resume)
    if not is_first_process():
        return
    partial = out / "network.part"
    net.save(trainer.accelerator.unwrap_model(trainer.model), data.load_taxonomy(folder).codes, partial)
    trainer.processing_class.save_pretrained(partial)
    minutes = (time.time() - started) / 60
    log = {
        "minutes": round(minutes + started_from(recipe.base_model)[1], 1),
        "own_minutes": round(minutes, 1),  # without the stages before
        "threads": torch.get_num_threads(),
        "processes": trainer.args.world_size,
        "resumed": resume,
        "history": trainer.state.log_history,
    }
    (out / "log.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")
    partial.rename(out / "network")
    shutil.rmtree(out / "checkpoints", ignore_errors=True)


def check_recipe(recipe: Recipe, out: Path, folder: Path) -> dict[str, Any]:
    """What `recipe.json` of a run says. Raises `DataError` if it was begun in `out` with other settings."""
    settings = out / "recipe.json"
    wanted: dict[str, Any] = {**asdict(recipe), "data": data.digest(folder, ("train", "validation"))}
    origin, _ = started_from(recipe.base_model)
    if origin:
        wanted["started_from"] = origin
    # a setting that did not exist when a run was begun had its default
    before = {**asdict(Recipe()), **json.loads(settings.read_text(encoding="utf-8"))} if settings.exists() else wanted
    if before != wanted:
        differing = ", ".join(sorted(k for k in wanted if before.get(k) != wanted[k]))
        raise data.DataError(f"{out} was begun with another recipe ({differing} differ); name a new --out, or delete it")
    return wanted


def main(argv: list[str] | None = None) -> int:
    """Command line of `python -m training.train`."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/default"), help="run directory (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=data.DATA, help="the data folder (default: data/ of the checkout)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: torch's choice, the cores of the machine)")
    parser.add_argument("--no-export", action="store_true", help="stop after training; do not calibrate and export")
    for name, value in asdict(Recipe()).items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=value, help="(default: %(default)s)")
        else:
            parser.add_argument(flag, type=type(value), default=value, help="(default: %(default)s)")
    args = vars(parser.parse_args(argv))
    out, folder, threads, no_export = (args.pop(k) for k in ("out", "data", "threads", "no_export"))
    try:
        fit(Recipe(**args), out, folder, threads)
        if not no_export and is_first_process():
            from training import calibrate

            calibrate.main([str(out), "--data", str(folder)])
    except (data.DataError, base.BaseModelError) as error:
        print(f"training.train: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
