"""`assay import`: what it writes, what it says, what it ends with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.cli.door import guarded
from assay.cli.main import assay

WHOLE = "model_list: [{model_name: chat, litellm_params: {model: groq/llama, api_key: os.environ/K}}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a configuration that has a counterpart for everything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_CONFIG", raising=False)
    (tmp_path / "config.yaml").write_text(WHOLE)
    return tmp_path


def run(*words: str) -> Result:
    """The command line in this process, with the exit code that the console script would end with."""
    runner = CliRunner()
    result = runner.invoke(assay, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):

        def fail() -> None:
            raise result.exception  # type: ignore[misc] # it is one: see above

        result.exit_code = guarded(fail)
    return result


def test_a_file_that_is_carried_over_whole_ends_with_0_and_loads(folder: Path) -> None:
    """The file says where it is from, and `assay config check` finds it right."""
    result = run("import", "litellm", "config.yaml")
    assert (result.exit_code, result.stdout) == (0, "assay.toml: 1 deployment, 0 routes\n")
    text = (folder / "assay.toml").read_text()
    assert text.startswith("# From config.yaml (litellm), by `assay import`.\n")
    assert run("config", "check", "-c", "assay.toml").exit_code == 0


def test_what_is_left_over_is_told_and_ends_with_1(folder: Path) -> None:
    """On stderr, one line each; the file is written all the same."""
    (folder / "config.yaml").write_text(WHOLE + "router_settings: {routing_strategy: least-busy}\nmystery: 3\n")
    result = run("import", "litellm", "config.yaml", "-o", "made.toml")
    assert result.exit_code == 1
    assert "1 deployment, 0 routes, 2 things not carried over" in result.stdout
    lines = result.stderr.splitlines()
    assert lines[0].startswith('not carried over: router_settings.routing_strategy = "least-busy": requests are dealt')
    assert lines[1] == "not carried over: mystery = 3: assay has no such setting"
    assert (folder / "made.toml").exists()


def test_json_lists_it_with_stable_keys(folder: Path) -> None:
    """Path, value and reason of everything left over; never a key."""
    (folder / "config.yaml").write_text(WHOLE.replace("os.environ/K", "sk-literal-00"))
    result = run("import", "litellm", "config.yaml", "--json")
    said = json.loads(result.stdout)
    assert set(said) == {"path", "deployments", "routes", "notes", "not_carried_over"}
    (left,) = said["not_carried_over"]
    assert left["path"] == "model_list[0].litellm_params.api_key"
    assert left["why"].endswith("put it into the variable GROQ_API_KEY")
    assert "sk-literal" not in result.output + (folder / "assay.toml").read_text()


def test_a_file_that_is_there_stays(folder: Path) -> None:
    """Nothing is overwritten unless that is said."""
    (folder / "assay.toml").write_text("# mine\n")
    assert run("import", "litellm", "config.yaml").exit_code == 2
    assert (folder / "assay.toml").read_text() == "# mine\n"
    assert run("import", "litellm", "config.yaml", "--force").exit_code == 0
    assert "chat" in (folder / "assay.toml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("litellm", "gone.yaml"), "cannot read gone.yaml"),
        (("bifrost", "config.yaml"), "bifrost"),
        (("portkey", "config.yaml"), "not valid JSON"),
        (("tensorzero", "config.yaml"), "not valid TOML"),
        (("litellm", "config.yaml", "-o", "no/such/folder.toml"), "cannot write no/such/folder.toml"),
    ],
)
def test_mistakes_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    """Exit code 2, and nothing is written."""
    result = run("import", *words)
    assert result.exit_code == 2
    assert message in result.output + capsys.readouterr().err
    assert not (folder / "assay.toml").exists()


def test_paths_in_the_file_start_at_the_new_one(folder: Path) -> None:
    """A prompt beside the peer's file is found from another folder."""
    (folder / "tz").mkdir()
    (folder / "out").mkdir()
    (folder / "tz" / "system.txt").write_text("Sort.")
    variant = '{ model = "groq::llama", system_template = "system.txt" }'
    (folder / "tz" / "tensorzero.toml").write_text(f"[functions.f]\nvariants.v = {variant}\n")
    assert run("import", "tensorzero", "tz/tensorzero.toml", "-o", "out/assay.toml").exit_code == 0
    assert 'system_file = "../tz/system.txt"' in (folder / "out" / "assay.toml").read_text()
    assert run("config", "check", "-c", "out").exit_code == 0


def test_a_file_of_another_peer_is_refused_and_nothing_is_written(folder: Path) -> None:
    """What was found in it is listed; an empty configuration would only fail later."""
    (folder / "portkey.json").write_text('{"targets": [{"provider": "openai"}], "cache": {"mode": "simple"}}')
    result = run("import", "litellm", "portkey.json", "-o", "made.toml")
    assert result.exit_code == 2
    assert "portkey.json names no model that could be carried over: is it a configuration of litellm?" in str(
        result.exception
    )
    assert 'not carried over: cache = {"mode": "simple"}' in result.stderr
    assert not (folder / "made.toml").exists()
