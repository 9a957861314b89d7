"""Every block of both READMEs is run, and every figure in them is what the repository computes."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from training import readme

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- test: (\w+) -->\n```\w*\n(.*?)```", re.S)
PAGES = ("README.md", "README.zh-CN.md")


def blocks(page, kind):
    found = [body for k, body in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) if k == kind]
    assert found
    return found


def test_every_block_is_tested():
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        fences = len(re.findall(r"^```", text, re.M)) // 2
        assert fences == len(BLOCK.findall(text)) + 1  # make demo and make test: test_packaging.py and this run


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks(page):
    for body in blocks(page, "python"):
        done = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "taboo blaming" in done.stdout
        assert "True" in done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_command_blocks(page, tmp_path):
    for body in blocks(page, "command"):
        for line in body.splitlines():
            if line.startswith("pip install"):
                continue  # test_packaging.py installs the wheel
            line = line.replace("out/demo", str(tmp_path / "demo")).replace(
                "jinyu ", f"{shlex.quote(sys.executable)} -m jinyu.cli "
            )
            done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}: {done.stderr}"
            assert done.stdout


@pytest.mark.parametrize("page", PAGES)
def test_flags_in_blocks_that_take_long_exist(page):
    for body in blocks(page, "help"):
        for line in body.splitlines():
            words = shlex.split(line, comments=True)
            if words[:2] == ["python", "-m"]:
                done = subprocess.run(
                    [sys.executable, "-m", words[2], "--help"], cwd=ROOT, capture_output=True, text=True, check=True
                )
                assert all(flag in done.stdout for flag in words[3:] if flag.startswith("--"))


def test_figures_in_the_documents_are_those_of_the_model_and_the_data():
    for path, text in readme.rendered().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale; run: python -m training.readme"


def test_both_readmes_have_the_same_blocks():
    one, two = (BLOCK.findall((ROOT / page).read_text(encoding="utf-8")) for page in PAGES)
    assert [(k, re.sub(r"#.*", "", b)) for k, b in one] == [(k, re.sub(r"#.*", "", b)) for k, b in two]
