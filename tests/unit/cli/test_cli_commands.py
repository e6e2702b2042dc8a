"""The commands: what they print, what they end with, and what they say when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

Project = Any  # of this folder's conftest


# ------------------------------------------------------------------------------------- the whole loop


def test_the_loop(project: Project) -> None:
    """choose, explain, pin, check, each with the exit code that DESIGN promises, and JSON that parses."""
    chosen = project("choose", "--json")
    assert chosen.code == 0, chosen.err
    assert {kind["name"]: kind["chosen"] for kind in chosen.json["kinds"]} == {"words": "good", "names": "good"}
    again = project("choose", "--json")
    assert (again.code, again.json["asked_now"]) == (0, 0)
    assert project("cache", "clear", "--json").json["deleted"] == chosen.json["asked_now"]
    assert project("choose", "--json").json["asked_now"] == 0
    explained = project("explain", chosen.json["id"][:14], "--json")
    assert explained.json["id"] == chosen.json["id"]
    assert "good is the cheapest proven to meet the bar of 80%" in project("explain", "-k", "words").out
    wrong = project.inside("explain", "-k", "word")
    assert (wrong.code, "has no kind 'word'; did you mean 'words'?" in wrong.err) == (2, True)
    pinned = project("pin", "--json")
    assert (pinned.code, set(pinned.json["kinds"])) == (0, {"words", "names"})
    held = project("check", "--json")
    assert held.code == 0, held.err
    assert {one["verdict"] for one in held.json["kinds"]} == {"holds"}
    assert project("check", "--digests-only").out.count("holds") >= 2
    assert project("choose", "--json").json["asked_now"] == 0  # a check is no new evidence


@pytest.mark.parametrize("file", ["system.txt", "good.json", "suite/words.jsonl"])
def test_a_changed_byte_makes_the_check_fail(project: Project, file: str) -> None:
    """Prompt, scripted weights or suite: exit code 1 and what changed."""
    assert project.inside("choose").code == 0
    assert project.inside("pin").code == 0
    path = project.folder / file
    path.write_text(path.read_text().replace("word", "w0rd").replace("yes", "yes ", 1))
    ended = project.inside("check", "--json")
    assert ended.code == 1
    reason = " ".join(one["reason"] for one in ended.json["kinds"])
    assert {"system.txt": "prompt_sha256", "good.json": "script_sha256", "suite/words.jsonl": "suite"}[file] in reason


def test_exit_code_1_when_none_passes(project: Project) -> None:
    """A certain no, with moves."""
    ended = project.inside("choose", "-m", "bad", "-k", "words")
    assert ended.code == 1
    assert "moves that are left" in ended.out
    assert project.inside("pin").code == 4  # there is nothing to pin


def test_exit_code_4_when_it_cannot_be_told(project: Project) -> None:
    """Faults decide: neither yes nor no."""
    project.script("good", {"match": r"words [0-4]\.", "error": "BadRequest"})
    ended = project.inside("choose", "-m", "good", "-k", "words", "--json")
    assert (ended.code, ended.json["kinds"][0]["chosen"]) == (4, None)


def test_exit_code_3_for_faults_of_an_eval(project: Project) -> None:
    """Unscored samples are shown with bounds, and the exit status says so."""
    project.script("good", {"match": r"words 3\.", "error": "BadRequest"})
    ended = project.inside("eval", "-m", "good", "--json")
    overall = ended.json["scorecards"][0]["overall"]
    assert (ended.code, overall["unscored"], overall["bounds"]) == (3, 1, [0.95, 1.0])
    text = project.inside("eval", "-m", "good").out
    assert "1 unscored: BadRequest" in text
    assert "overall between 95.0%" in text


def test_eval_compares(project: Project) -> None:
    """Two targets: two scorecards and a paired comparison; the same name twice is one target."""
    ended = project("eval", "-m", "good", "-m", "bad", "-m", "good", "--json")
    assert ended.code == 0
    assert [card["target"] for card in ended.json["scorecards"]] == ["good", "bad"]
    assert ended.json["comparisons"][0]["difference"] == 1.0


@pytest.mark.parametrize(
    "words",
    [
        ("models",), ("models", "show", "huggingfacetb/smollm2-135m-instruct"), ("config", "show"),
        ("config", "check"), ("doctor",), ("logs",), ("suite", "show", "suite"), ("cache", "clear"),
        ("eval", "-m", "good", "--fresh"), ("eval", "-m", "both", "-k", "words"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_json_parses_everywhere(project: Project, words: tuple[str, ...]) -> None:
    """`--json` prints one JSON value and nothing else on standard output; text mode prints text."""
    ended = project(*words, "--json")
    assert ended.code in ((0, 3) if words == ("doctor",) else (0,)), ended.err
    assert isinstance(ended.json, dict | list)
    text = project.inside(*words)
    assert text.code == ended.code
    assert text.out.strip()


def test_config_show_is_a_configuration(project: Project) -> None:
    """What `config show` prints can be read as TOML, with absolute paths, and holds no key."""
    import tomllib

    shown = tomllib.loads(project("config", "show").out)
    assert Path(shown["deployments"]["good"]["script"]).is_absolute()
    assert shown["decide"]["suite"] == str((project.folder / "suite").resolve())


def test_logs_show_attempts_and_money(project: Project) -> None:
    """Attempts can be filtered; the month's money is beside them."""
    assert project.inside("eval", "-m", "good").code == 0
    logs = project("logs", "--json", "-n", "100").json
    assert Counter(row["outcome"] for row in logs["attempts"]) == {"ok": 20}
    assert logs["month"]["settled_usd"] > 0
    assert project("logs", "--json", "-k", "words", "-n", "100").json["attempts"].__len__() == 10
    assert project("logs", "--json", "--outcome", "lost").json["attempts"] == []


def test_doctor_names_what_is_missing(project: Project) -> None:
    """A missing key is named by its variable; the exit code is 3."""
    with (project.folder / "assay.toml").open("a") as file:
        file.write('[deployments.h]\nmodel = "anthropic/claude-sonnet-4-5"\ndialect = "openai"\n'
                   'base_url = "http://127.0.0.1:9"\napi_key_env = "ASSAY_TEST_NO_SUCH_KEY"\n')  # fmt: skip
    ended = project("doctor", "--json")
    assert ended.code == 3
    found = {one["what"]: one for one in ended.json}
    assert not found["deployment h"]["ok"]
    assert "ASSAY_TEST_NO_SUCH_KEY" in found["deployment h"]["found"]
    assert found["deployment good"]["ok"]


def test_doctor_tells_what_local_engines_need(project: Project) -> None:
    """Each engine's estimated memory stands against the budget; one that can never fit is a fault with its remedy."""
    with (project.folder / "assay.toml").open("a") as file:
        file.write('[local]\nmemory_gib = 1\n[deployments.small]\nmodel = "huggingfacetb/smollm2-135m-instruct"\n'
                   'dialect = "local"\n[deployments.wide]\nmodel = "huggingfacetb/smollm2-135m-instruct"\n'
                   'dialect = "local"\nengine = { context_tokens = 8192 }\n')  # fmt: skip
    engines = [one for one in project("doctor", "--json").json if one["what"].startswith("engine SmolLM2")]
    assert [one["ok"] for one in engines] == [True, False]
    assert "needs about 0.51 of 1.00 GiB for local engines" in engines[0]["found"]
    assert "raise local.memory_gib, or lower engine.context_tokens" in engines[1]["found"]


# ------------------------------------------------------------------------------------------- mistakes


def test_no_configuration(project: Project) -> None:
    """Without an assay.toml every command that needs one says so: exit code 2."""
    (project.folder / "assay.toml").unlink()
    for words in (
        ("eval",),
        ("choose",),
        ("pin",),
        ("check",),
        ("serve",),
        ("logs",),
        ("explain",),
        ("config", "show"),
    ):
        ended = project.inside(*words)
        assert (ended.code, ended.out) == (2, ""), words
        assert "no assay.toml here" in ended.err
    assert project.inside("models").code == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[decide]", "[decidee]", "did you mean 'decide'?"),
        ("dialect =", "dialekt =", "did you mean 'dialect'?"),
        ('"good.json"', '"gone.json"', "gone.json"),
        ('candidates = ["good", "bad"]', 'candidates = ["god"]', "did you mean 'good'?"),
        ("max_tokens = 8", 'max_tokens = "8"', "max_tokens"),
        ("[decide]", "[decide", "TOML"),
        ('dialect = "scripted"', 'dialect = "skripted"', "scripted"),
    ],
)
def test_a_wrong_configuration(project: Project, old: str, new: str, words: str) -> None:
    """File, key and nearest known name in one line, exit code 2, no traceback."""
    file = project.folder / "assay.toml"
    file.write_text(file.read_text().replace(old, new))
    ended = project.inside("choose")
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert words in ended.err
    assert project.inside("config", "check").code == 2


def test_config_check_reads_the_suite(project: Project) -> None:
    """What `decide.suite` names is a part of the configuration: its mistakes are found before anything is asked."""
    assert project.inside("config", "check").code == 0
    file = project.folder / "suite/suite.toml"
    file.write_text(file.read_text().replace('"exact"', '"exakt"'))
    ended = project.inside("config", "check")
    assert ended.code == 2
    assert "did you mean 'exact'?" in ended.err


def test_an_unreadable_suite_line(project: Project) -> None:
    """File and line are named; nothing was asked."""
    with (project.folder / "suite/words.jsonl").open("a") as file:
        file.write('{"id": "x", "input": \n')
    for words in (("eval",), ("choose",), ("suite", "show", "suite")):
        ended = project.inside(*words)
        assert ended.code == 2
        assert "words.jsonl, line 11" in ended.err
        assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("eval", "-m", "god"), 2, "did you mean 'good'?"),
        (("choose", "-m", "god"), 2, "did you mean 'good'?"),
        (("eval", "-k", "word"), 2, "did you mean 'words'?"),
        (("eval", "--split", "dev"), 2, "no samples of the split 'dev'"),
        (("choose", "--split", "dev"), 2, "no samples of the split 'dev'"),
        (("choose", "--bar", "0"), 2, "--bar"),
        (("eval", "-s", "nowhere"), 2, "nowhere"),
        (("eval", "--seed", "99999999999999999999"), 2, "--seed"),
        (("models", "show", "smollm2"), 2, "smollm2"),
        (("explain",), 4, "run `assay choose`"),
        (("pin",), 4, "run `assay choose`"),
        (("check",), 4, "then `assay pin`"),
        (("serve", "--port", "99999"), 2, "--port"),
        (("nonsense",), 2, "No such command"),
        (("eval", "--nonsense"), 2, "--nonsense"),
        (("config", "check", "-c", "nowhere.toml"), 2, "nowhere.toml"),
    ],
)
def test_what_is_wrong_is_said(project: Project, words: tuple[str, ...], code: int, said: str) -> None:
    """A message that names the value and what to do, the documented exit code, nothing on standard output."""
    ended = project.inside(*words)
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("damage", [b"", b"version = 1\n", b"\xff\xfe", b"version = 99\n"])
def test_a_damaged_lock(project: Project, damage: bytes) -> None:
    """`check` and `serve` name the lock and the remedy."""
    (project.folder / "assay.lock").write_bytes(damage)
    for command in ("check", "serve"):
        ended = project.inside(command)
        assert ended.code == 4
        assert "assay.lock" in ended.err
        assert "assay pin" in ended.err


def test_a_ledger_that_is_none(project: Project) -> None:
    """A file that is no SQLite database is named, exit code 3, and left as it is."""
    (project.folder / "assay.db").write_bytes(b"this is no database, but it is long enough to look at" * 50)
    ended = project("eval")
    assert ended.code == 3
    assert "assay.db" in ended.err
    assert "Traceback" not in ended.err


def test_a_mistake_of_ours_is_not_a_no(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception ends with 3, not with 1, which means "no"."""
    from assay.cli.door import guarded

    def broken() -> None:
        raise ZeroDivisionError("a mistake of ours")

    assert guarded(broken) == 3
    assert "a mistake of ours" in capsys.readouterr().err


# --------------------------------------------------------------------------------- ends and beginnings


def test_ctrl_c_in_an_eval_loses_nothing(project: Project, tmp_path: Path) -> None:
    """SIGINT: exit code 130, a sentence, no open attempts; the same command continues with the rest."""
    project.script("good", {"match": r"words [2-9]|names [2-9]", "answer": "yes", "delay_s": 0.4})
    process = project.begin("eval", "-m", "good", "--concurrency", "2", "--json")
    until = time.monotonic() + 30
    while _count(project, "ok") < 5:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert "the same command continues" in err
    assert "Traceback" not in err
    done = _count(project, "ok")
    assert 5 <= done < 20
    assert (_count(project, "running"), _count(project, "lost")) == (0, 0)
    again = project("eval", "-m", "good", "--json")
    assert again.code == 0
    assert "in flight" not in again.err
    assert again.json["scorecards"][0]["overall"]["passed"] == 20
    assert _count(project, "ok") == 20


def _count(project: Project, outcome: str) -> int:
    try:
        connection = sqlite3.connect(f"file:{project.folder / 'assay.db'}?mode=ro", uri=True, timeout=10)
    except sqlite3.OperationalError:
        return 0
    try:
        return int(connection.execute("select count(*) from attempts where outcome = ?", (outcome,)).fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0
    finally:
        connection.close()


def test_two_evals_at_once(project: Project) -> None:
    """Two processes on one ledger: both end well with the same figures, and everything is recorded."""
    project.script("good", {"match": "", "answer": "yes", "delay_s": 0.05})
    processes = [project.begin("eval", "-m", "good", "--json") for _ in range(2)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    for (out, err), code in ended:
        assert code == 0, err
        assert json.loads(out)["scorecards"][0]["overall"]["passed"] == 20
        assert "in flight" not in err
    # The later one may find answers, or the whole run, of the earlier one; it never asks for more than its own.
    assert 20 <= _count(project, "ok") + _count(project, "cached") <= 40
    assert _count(project, "ok") + _count(project, "cached") == len(
        project("logs", "--json", "-n", "99").json["attempts"]
    )
    assert _count(project, "running") == 0


@pytest.mark.parametrize("words", [("models",), ("models", "--json"), ("config", "show")], ids=" ".join)
def test_a_reader_that_leaves_is_no_error(project: Project, words: tuple[str, ...]) -> None:
    """`assay models | head -1`: no traceback, exit code 0."""
    reading, writing = os.pipe()
    os.close(reading)  # gone before the first byte
    process = project.begin(*words, stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    shell = f"{sys.executable} -m assay {' '.join(words)} | head -1"
    done = subprocess.run(["sh", "-c", shell], cwd=project.folder, capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


class Serving:
    """`assay serve --json` as a child process."""

    def __init__(self, project: Project, *words: str) -> None:
        self.process = project.begin("serve", "--json", *words)
        text = line = ""
        assert self.process.stdout is not None
        while line != "}\n":
            line = self.process.stdout.readline()
            assert line, self.process.communicate()[1]
            text += line
        self.told = json.loads(text)

    def ask(self, kind: str | None, model: str) -> tuple[int, Any]:
        """One chat completion."""
        body = {"model": model, "messages": [{"role": "user", "content": "words 1."}]}
        headers = {"content-type": "application/json"} | ({"x-assay-kind": kind} if kind else {})
        url = f"{self.told['url']}/chat/completions"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_serve_serves_the_pins_and_ends_cleanly(project: Project, sign: signal.Signals) -> None:
    """The pinned route by kind; SIGINT and SIGTERM end it within seconds, with the ledger closed."""
    assert project.inside("choose").code == 0
    assert project.inside("pin").code == 0
    serving = Serving(project)
    assert "desk" in serving.told["targets"]
    status, body = serving.ask("words", "desk")
    assert (status, body["choices"][0]["message"]["content"]) == (200, "yes")
    assert serving.ask(None, "desk")[0] == 403
    started = time.monotonic()
    serving.process.send_signal(sign)
    _, err = serving.process.communicate(timeout=10)
    assert time.monotonic() - started < 5
    assert serving.process.returncode == 0, err
    assert "Traceback" not in err
    connection = sqlite3.connect(project.folder / "assay.db")
    assert connection.execute("select count(*) from sessions where ended is null or ended <> 'closed'").fetchone() == (
        0,
    )
    connection.close()


def test_serve_ends_a_stream_that_outlasts_it(project: Project) -> None:
    """SIGTERM with a long stream: after the grace period it ends with an error event, settled, and no traceback."""
    project.script("good", {"match": "", "answer": "x " * 300, "chunk_delay_s": 0.1})
    with (project.folder / "assay.toml").open("a") as file:
        file.write("grace_s = 0.5\n")
    serving = Serving(project)
    body = json.dumps({"model": "good", "stream": True, "messages": [{"role": "user", "content": "x"}]}).encode()
    url = f"{serving.told['url']}/chat/completions"
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
        answer.readline()
        serving.process.terminate()
        rest = answer.read().decode()
    _, err = serving.process.communicate(timeout=10)
    last = rest.rstrip().rpartition("data: ")[2]
    assert "the gateway is stopping" in json.loads(last)["error"]["message"]
    assert serving.process.returncode == 0
    assert "Traceback" not in err
    assert project.inside("logs", "--json").json["attempts"][0]["outcome"] == "cancelled"


def test_serve_without_a_lock(project: Project) -> None:
    """Deployments and routes are served by name; it is said that nothing is pinned, and who cannot be asked."""
    with (project.folder / "assay.toml").open("a") as file:
        file.write('[deployments.h]\nmodel = "anthropic/claude-sonnet-4-5"\ndialect = "openai"\n'
                   'base_url = "http://127.0.0.1:9"\napi_key_env = "ASSAY_TEST_NO_SUCH_KEY"\n')  # fmt: skip
    serving = Serving(project)
    assert serving.ask(None, "good")[0] == 200
    assert serving.ask(None, "desk")[0] == 404
    serving.process.terminate()
    err = serving.process.communicate(timeout=10)[1]
    assert "no assay.lock here" in err
    assert "  h cannot be asked: the variable ASSAY_TEST_NO_SUCH_KEY, which should hold its key, is empty" in err
    assert "  good cannot" not in err


def test_serve_refuses_a_broken_pin(project: Project) -> None:
    """After a change of the prompt the kind is refused, at the start and on the wire."""
    assert project.inside("choose").code == 0
    assert project.inside("pin").code == 0
    (project.folder / "system.txt").write_text("Something else.")
    serving = Serving(project)
    assert "prompt_sha256" in serving.told["broken"]["words"]
    status, body = serving.ask("words", "desk")
    assert status == 403
    assert "its pin is broken: prompt_sha256" in body["error"]["message"]
    serving.process.terminate()
    serving.process.communicate(timeout=10)


def test_a_port_in_use(project: Project) -> None:
    """`serve` says which address is taken and what to do, exit code 3."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = project("serve", "--port", str(port))
    assert ended.code == 3
    assert f"127.0.0.1:{port}" in ended.err
    assert "--port" in ended.err
    assert ended.out == ""


def test_gates_are_asked_also_for_one_kind(project: Project) -> None:
    """`choose -k` runs the gates that stand before that kind: it is no way round them."""
    file = project.folder / "suite/suite.toml"
    file.write_text(file.read_text().replace("[kinds.names]", "[kinds.names]\ngate = true"))
    project.script("good", {"match": "names", "answer": "no"})
    ended = project.inside("choose", "-m", "good", "-k", "words", "--json")
    assert ended.code == 1
    assert {kind["name"]: kind["chosen"] for kind in ended.json["kinds"]} == {"words": None, "names": None}
