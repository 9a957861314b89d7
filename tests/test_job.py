"""The monthly job as cron and a container run it: the script works, and the container file's steps do, one by one."""

import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
JOB = ROOT / "training" / "job"
KNOWN = {"FROM", "RUN", "WORKDIR", "COPY", "ENV", "ENTRYPOINT"}


def steps():
    """(instruction, rest) of each line of the container file; lines that go on are not used in it."""
    lines = (JOB / "Containerfile").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]


def test_the_container_file_has_nothing_a_linter_would_stop_at():
    found = steps()
    assert found[0][0] == "FROM"
    assert re.search(r":[\w.-]+$", found[0][1])  # a tag
    assert {name for name, _ in found} <= KNOWN
    assert found[-1][0] == "ENTRYPOINT"
    for name, rest in found:
        if name == "COPY":
            assert all((ROOT / source).exists() for source in rest.split()[:-1])
        if name == "RUN":
            assert subprocess.run(["sh", "-n", "-c", rest], check=False).returncode == 0
        if name == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists/*" in rest
        if name == "RUN" and "pip install" in rest:
            assert "--no-cache-dir" in rest
    assert isinstance(json.loads(found[-1][1]), list)


@pytest.fixture
def container(tmp_path):
    """The file's steps carried out below `tmp_path`; what would be installed is written down and not installed. (folder, environment, command)"""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("pip", "apt-get"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >>"{tmp_path}/installed"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    (tools / "python").symlink_to(sys.executable)
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    here, entry = tmp_path, []
    for name, rest in steps():
        if name == "WORKDIR":
            here = tmp_path / rest.lstrip("/")
            here.mkdir(parents=True)
        elif name == "COPY":
            *sources, target = rest.split()
            for source in sources:
                if (ROOT / source).is_dir():
                    if source != "data":  # the tiny data take its place
                        shutil.copytree(ROOT / source, here / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, here / target)
        elif name == "RUN":
            harmless = rest.replace("rm -rf /var/lib/apt/lists/*", "true")
            assert subprocess.run(["sh", "-ec", harmless], cwd=here, env=env, check=False).returncode == 0
        elif name == "ENV":
            env |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif name == "ENTRYPOINT":
            entry = json.loads(rest)
    env |= {name: str(tmp_path) + env[name] for name in ("LABELS", "RUNS")}  # where volumes would be mounted
    env["PYTHON"] = sys.executable
    return here, env, entry


def test_the_job_runs_as_the_container_would_run_it(container, tiny_copy, tiny_data, tmp_path):
    here, env, entry = container
    installed = (tmp_path / "installed").read_text(encoding="utf-8")
    assert "pip install --no-cache-dir -e .[tables,train]" in installed
    shutil.copytree(tiny_data, here / "data")
    small = f"--data {here / 'data'} --top 1 --epochs 1 --threads 1"
    env |= {"MODEL": str(tiny_copy), "OPTIONS": small, "PYTHONPATH": f"{here}:{here / 'src'}"}

    def job():
        return subprocess.run([str(here / entry[0])], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    done = job()
    assert done.returncode == 1
    assert "no label files in" in done.stderr
    labels = Path(env["LABELS"])
    labels.mkdir()
    rows = [("您这个事儿得去营业厅办", "neutral.business"), ("您自己的事自己想办法去", "deflecting")]
    lines = [json.dumps({"text": t, "label": c}, ensure_ascii=False) + "\n" for t, c in rows]
    (labels / "reviews.jsonl").write_text("".join(lines), encoding="utf-8")
    done = job()
    assert done.returncode in (0, 10), done.stderr[-2000:]
    (run,) = [p for p in Path(env["RUNS"]).iterdir() if p.is_dir()]
    assert re.fullmatch(r"\d{4}-\d\d", run.name)
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert list(record["phases"])[-1] == "report"
    assert job().returncode == done.returncode  # again: nothing to do, the same answer

    with (run.parent / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert job().returncode == 75


def test_the_crontab_has_lines_that_cron_understands():
    lines = [x for x in (JOB / "crontab").read_text(encoding="utf-8").splitlines() if x and not x.startswith("#")]
    commands = [x for x in lines if not re.match(r"\w+=", x)]
    assert len(commands) == 2
    for line in commands:
        assert re.match(r"(@reboot|([\d*]+ ){5}) +\S", line)
        assert not re.search(r"(?<!\\)%", line)  # cron takes a bare % for a line's end
        assert "training/job/monthly.sh" in line
