"""A project on disk with scripted models, and the command line as a child process or in this one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

CONFIG = """
[decide]
suite = "suite"
candidates = ["good", "bad"]

[deployments.good]
model = "x/good"
dialect = "scripted"
script = "good.json"
price_usd_per_mtok = { input = 2.0, output = 2.0 }
settings = { max_tokens = 8, system_file = "system.txt" }

[deployments.bad]
model = "x/bad"
dialect = "scripted"
script = "bad.json"
price_usd_per_mtok = { input = 1.0, output = 1.0 }
settings = { max_tokens = 8 }

[routes.both]
candidates = ["bad", "good"]

[serve]
port = 0
"""


class Project:
    """A folder with `assay.toml`, a suite of two kinds and two scripted models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._begun: list[subprocess.Popen[str]] = []
        (folder / "assay.toml").write_text(CONFIG)
        (folder / "system.txt").write_text("Answer with one word.")
        self.script("good", default="yes")
        self.script("bad", default="no")
        suite = folder / "suite"
        suite.mkdir()
        toml = 'name = "desk"\nversion = "1"\n'
        for kind in ("words", "names"):
            toml += f'[kinds.{kind}]\nsamples = "{kind}.jsonl"\ngraders = [{{ check = "exact" }}]\n'
            lines = [{"id": f"{kind}{n}", "input": f"{kind} {n}.", "target": "yes"} for n in range(10)]
            (suite / f"{kind}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (suite / "suite.toml").write_text(toml)

    def script(self, name: str, *rules: dict[str, Any], default: str = "yes") -> None:
        """Write the script of a model."""
        (self.folder / f"{name}.json").write_text(json.dumps({"rules": rules, "default": default}))

    def begin(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `assay` as a child process in this folder."""
        process = subprocess.Popen(
            [sys.executable, "-m", "assay", *arguments], cwd=self.folder, env=environment(), text=True,
            stdout=options.pop("stdout", subprocess.PIPE), stderr=options.pop("stderr", subprocess.PIPE),
            start_new_session=True, **options,
        )  # fmt: skip
        self._begun.append(process)
        return process

    def close(self) -> None:
        """End what a failed test has left running."""
        for process in self._begun:
            if process.returncode is None:
                process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def inside(self, *arguments: str) -> Ended:
        """Run `assay` in this process: ten times as fast, for what needs no signals, pipes or terminal."""
        from assay.cli.door import guarded
        from assay.cli.main import assay

        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = guarded(lambda: assay.main(arguments, standalone_mode=False))
        return Ended(code, out.getvalue(), err.getvalue())

    def __call__(self, *arguments: str) -> Ended:
        """Run `assay` in a child process to its end."""
        process = self.begin(*arguments)
        out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err)


class Ended:
    """What a command came to."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """Standard output as JSON: nothing else may be in it."""
        return json.loads(self.out)


_KEPT = ("PATH", "HOME", "PYTHONPATH", "TMPDIR", "VIRTUAL_ENV", "ASSAY_WEIGHTS")


def environment(keep: Sequence[str] = _KEPT) -> dict[str, str]:
    """A child's environment: no keys, no settings, plain ASCII terminal."""
    return {name: os.environ[name] for name in keep if name in os.environ} | {
        "COLUMNS": "100",
        "PYTHONWARNINGS": "error",
    }


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project of its own."""
    made = Project(tmp_path)
    yield made
    made.close()
