"""What a user installs: the wheel carries the model, is light, and scores with the network off."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OFFLINE = """
import socket, sys
def refuse(*_, **__):
    raise OSError("the network is off")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from jinyu.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(ROOT)], check=True)
    return next(out.glob("jinyu-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A new environment with nothing but the wheel and what it needs."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", str(wheel)], check=True)
    return python


def test_the_wheel_carries_the_model_and_not_the_workshop(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "jinyu/model/model.onnx" in names
    assert not [n for n in names if n.startswith(("training", "tests", "data"))]
    assert wheel.stat().st_size < 100e6


def test_scores_with_the_network_off_from_anywhere(installed, tmp_path):
    run = [installed, "-c", OFFLINE, "score", str(ROOT / "data" / "recordings"), "-o", str(tmp_path / "out")]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 0, done.stderr
    assert "8 calls" in done.stdout
    assert (tmp_path / "out" / "utterances.jsonl").stat().st_size > 1000


def test_the_installation_is_light(installed):
    packages = next((installed.parent.parent / "lib").glob("python*/site-packages"))
    size = sum(f.stat().st_size for f in packages.rglob("*") if f.is_file() and not f.is_symlink())
    assert size < 400e6
    assert not (packages / "torch").exists()
