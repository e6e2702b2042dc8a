"""Real files of other tools, out of their packages: imported, written back, imported again, and the same.

Packages come from the registries by their ordinary clients; without a registry the tests skip.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assay.cli.main import assay
from assay.evals.graders.grading import check_graders
from assay.evals.suites.suite import read_suite

pytestmark = pytest.mark.timeout(600)


def wheel(name: str, folder: Path) -> zipfile.ZipFile:
    """A package of the Python registry, not installed."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "-d",
        str(folder),
        name,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    found = sorted(folder.glob(f"{name.replace('-', '_')}-*.whl"))
    if done.returncode or not found:
        pytest.skip(f"{name} cannot be had from a registry: {done.stderr.strip()[-200:]}")
    return zipfile.ZipFile(found[0])


def taken(archive: zipfile.ZipFile, folder: Path, *names: str) -> list[Path]:
    """Some files of a package, at their places."""
    return [Path(archive.extract(name, folder)) for name in names]


def run(*arguments: Any) -> dict[str, Any]:
    """One call of `assay suite`."""
    done = CliRunner().invoke(assay, ["suite", *map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def samples(folder: Path) -> dict[str, Any]:
    """The samples of a suite, with their graders written out."""
    found = {}
    for name, kind in tomllib.loads((folder / "suite.toml").read_text())["kinds"].items():
        for line in (folder / kind["samples"]).read_text().splitlines():
            sample = {"kind": name, "graders": kind["graders"], **json.loads(line)}
            found[sample["id"]] = sample
    return found


def comes_back(form: str, files: list[Path], tmp_path: Path, out: str, *options: str) -> dict[str, Any]:
    """Import, read, make the graders, export, import: nothing is another."""
    made = run("import", form, *files, "--out", tmp_path / "one", *options)
    suite = read_suite(tmp_path / "one")
    check_graders(suite.samples)
    written = run("export", tmp_path / "one", "--to", form, "--out", tmp_path / out)
    assert written["samples"] == made["samples"]
    place = tmp_path / out
    again = sorted(place.rglob("*.yaml")) if place.is_dir() else [place]
    run("import", form, *again, "--out", tmp_path / "two")
    assert samples(tmp_path / "two") == samples(tmp_path / "one")
    return made


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("ab", "ab/samples.jsonl"),
        ("banking77", "banking77/samples.jsonl"),
        ("accounting_audit", "accounting_audit/samples.jsonl"),
        ("chess-piece-count", "chess_piece_count/fuzzy_match.jsonl"),
        ("icelandic-inflection-easy", "icelandic-inflection-easy/samples.jsonl"),
        ("abstract2title", "abstract2title/samples.jsonl"),
    ],
)
def test_evals_of_openais_registry_come_back(
    name: str, data: str, tmp_path: Path, openai_evals: zipfile.ZipFile
) -> None:
    """Match, Includes, FuzzyMatch, JsonMatch and verdicts of models, as the package has them."""
    root = "evals/registry"
    listed = openai_evals.namelist()
    file = next(
        (one for one in listed if one in (f"{root}/evals/{name}.yaml", f"{root}/evals/{name.replace('-', '_')}.yaml")),
        None,
    )
    if file is None or f"{root}/data/{data}" not in listed:
        pytest.skip(f"this release of the package has no {name}")
    path, samples_ = taken(openai_evals, tmp_path, file, f"{root}/data/{data}")
    made = comes_back("openai-evals", [path], tmp_path, "registry")
    assert made["samples"] == len(samples_.read_text().splitlines())


@pytest.fixture(scope="module")
def openai_evals(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package `evals`."""
    return wheel("evals", tmp_path_factory.mktemp("evals"))


def test_datasets_of_inspect_come_back(tmp_path: Path) -> None:
    """Conversations, and questions in fields of other names."""
    root = "inspect_ai/dataset/_examples"
    archive = wheel("inspect-ai", tmp_path)
    made = comes_back("inspect", taken(archive, tmp_path, f"{root}/theory_of_mind.jsonl"), tmp_path / "a", "d.jsonl")
    assert made["samples"] == 100
    fields = ("--input", "question", "--target", "answer")
    made = comes_back(
        "inspect", taken(archive, tmp_path, f"{root}/biology_qa.jsonl"), tmp_path / "b", "d.jsonl", *fields
    )
    assert made["samples"] == 20
    made = comes_back("table", taken(archive, tmp_path, f"{root}/biology_qa.jsonl"), tmp_path / "c", "d.csv")
    assert made["samples"] == 20


DOCS = {
    "gsm8k/gsm8k.yaml": {"question": "2+2?", "answer": "2+2=4\n#### 4"},
    "arc/arc_easy.yaml": {"question": "?", "choices": {"text": ["red", "blue"], "label": ["A", "B"]}, "answerKey": "B"},
    "sciq/sciq.yaml": {
        "support": " s", "question": "?", "distractor1": "w", "distractor2": "x", "distractor3": "y",
        "correct_answer": "z",
    },
    "triviaqa/default.yaml": {"question": "Capital of France", "answer": {"aliases": ["Paris", "paris"]}},
}  # fmt: skip


@pytest.mark.parametrize("name", DOCS)
def test_tasks_of_lm_eval_come_back(name: str, tmp_path: Path, lm_eval: zipfile.ZipFile) -> None:
    """Tasks as the package has them, over a document of the shape that they are for; their own data is on a hub."""
    (path,) = taken(lm_eval, tmp_path, f"lm_eval/tasks/{name}")
    data = tmp_path / "docs.jsonl"
    data.write_text(json.dumps(DOCS[name]) + "\n")
    assert comes_back("lm-eval", [path, data], tmp_path, "tasks")["samples"] == 1
    alone = CliRunner().invoke(assay, ["suite", "import", "lm-eval", str(path), "--out", str(tmp_path / "three")])
    assert "Hugging Face hub, and nothing is fetched" in alone.stderr


@pytest.fixture(scope="module")
def lm_eval(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The package `lm-eval`."""
    return wheel("lm-eval", tmp_path_factory.mktemp("lm_eval"))


def test_the_configuration_that_promptfoo_begins_with_comes_back(tmp_path: Path) -> None:
    """What `promptfoo init` writes: its template, out of the package, filled in with a prompt and a provider."""
    jinja2 = pytest.importorskip("jinja2")
    command = ["npm", "pack", "--silent", "promptfoo@0.121.20"]
    try:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    except FileNotFoundError:
        pytest.skip("npm is not installed")
    found = sorted(tmp_path.glob("promptfoo-*.tgz"))
    if done.returncode or not found:
        pytest.skip(f"promptfoo cannot be had from a registry: {done.stderr.strip()[-200:]}")
    with tarfile.open(found[0]) as archive:
        source = archive.extractfile("package/dist/src/main.js")
        assert source is not None
        template = re.search(r"\bconst CONFIG_TEMPLATE = `(.*?)`;", source.read().decode(), re.DOTALL)
    assert template is not None
    environment = jinja2.Environment(autoescape=False)
    environment.filters["dump"] = json.dumps
    said = {"prompts": ["Write a tweet about {{topic}}"], "providers": ["openai:gpt-5-mini"], "type": "compare"}
    path = tmp_path / "promptfooconfig.yaml"
    path.write_text(environment.from_string(template[1]).render(said))
    made = comes_back("promptfoo", [path], tmp_path, "back.yaml", "--partial", "--kind", "tweets")
    assert made["samples"] == 2
    assert {one["input"] for one in samples(tmp_path / "one").values()} >= {"Write a tweet about avocado toast"}
    assert [one["why"][:30] for one in made["refused"]] == ["nothing says what a right answ"]
