"""Reading `assay.toml`: each kind of mistake is named with its place, its value and what to do."""

import contextlib
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.config.load import FILE_NAME, find, load, load_if_any, parse
from assay.config.schema import Config
from assay.errors import ConfigError

SMALL = '[deployments.small]\nmodel = "acme/small"\ndialect = "openai"\n'


def read(toml: str, folder: Path | None = None) -> Config:
    """The configuration in `toml`, as if it stood in `folder`."""
    return parse(toml.encode(), (folder or Path("/nowhere")) / FILE_NAME)


def mistake(toml: str, folder: Path | None = None) -> str:
    """What is said about a wrong file, without the file's name, which is always said first."""
    with pytest.raises(ConfigError) as raised:
        read(toml, folder)
    start, message = str(raised.value).split(": ", 1)
    assert start == str((folder or Path("/nowhere")) / FILE_NAME)
    return message


# ----------------------------------------------------------------------------------------- wrong keys


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[serv]", "unknown key 'serv'; did you mean 'serve'?"),
        ("[serve]\nprot = 1", "unknown key 'serve.prot'; did you mean 'port'?"),
        ("[constraints]\nusd_per_mont = 5", "unknown key 'constraints.usd_per_mont'; did you mean 'usd_per_month'?"),
        (SMALL + "retrys = 1", "unknown key 'deployments.small.retrys'; did you mean 'retries'?"),
        (
            SMALL + 'settings = { sytem = "x" }',
            "unknown key 'deployments.small.settings.sytem'; did you mean 'system'?",
        ),
        (
            SMALL + "price_usd_per_mtok = { input = 1, outputs = 2 }",
            "unknown key 'deployments.small.price_usd_per_mtok.outputs'; did you mean 'output'?",
        ),
        (
            SMALL + "[deployments.small.engine]\nslot = 1",
            "unknown key 'deployments.small.engine.slot'; did you mean 'slots'?",
        ),
        (
            SMALL + '[deployments.small.kinds."support.triage"]\nstopp = []',
            "unknown key 'deployments.small.kinds.\"support.triage\".stopp'; did you mean 'stop'?",
        ),
        (
            SMALL + 'settings.examples = [{ user = "a", assistant = "b" }, { user = "c", assistent = "d" }]',
            "unknown key 'deployments.small.settings.examples[1].assistent'; did you mean 'assistant'?",
        ),
        ('[routes.r]\ncandidate = ["small"]', "unknown key 'routes.r.candidate'; did you mean 'candidates'?"),
    ],
)
def test_an_unknown_key_names_its_path_and_the_nearest(toml: str, message: str) -> None:
    """A key that is not in the schema is told with its whole path and what was probably meant."""
    assert mistake(toml) == message


@pytest.mark.parametrize(
    ("toml", "known"),
    [
        (SMALL + "connect_timeout = 10", "connect_timeout_s"),
        (SMALL + "idle_timeout_ms = 10000", "idle_timeout_s"),
        ("[constraints]\np95_latency_ms = 10", "p95_latency_s"),
        ("[constraints]\neur_per_month = 10", "usd_per_month"),
        (SMALL + "price_usd_per_ktok = { input = 1, output = 2 }", "price_usd_per_mtok"),
        ("[serve]\nmax_body_mb = 1", "max_body_bytes"),
    ],
)
def test_a_wrong_unit_names_the_right_one(toml: str, known: str) -> None:
    """Units stand in key names, so another unit is another key."""
    assert mistake(toml).endswith(f"did you mean {known!r}?")


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (
            '[deployments.small]\nmodel = "m"',
            "deployments.small: missing key `dialect`, or `host`, which assay models --hosts lists",
        ),
        ('[deployments.small]\ndialect = "openai"', "deployments.small: missing key `model`"),
        ("[routes.r]", "routes.r: missing key `candidates`"),
        (SMALL + "price_usd_per_mtok = { input = 1 }", "deployments.small.price_usd_per_mtok: missing key `output`"),
        (
            SMALL + 'settings.examples = [{ user = "a" }]',
            "deployments.small.settings.examples[0]: an example needs `assistant` or `calls`",
        ),
    ],
)
def test_a_missing_key_names_its_table(toml: str, message: str) -> None:
    """A key that is needed and not there is told with the table it belongs to."""
    assert mistake(toml) == message


# --------------------------------------------------------------------------------------- wrong values


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[serve]\nport = "8080"', "serve.port: expected `int`, not '8080'"),
        ("[serve]\nport = 70000", "serve.port: expected `int` <= 65535, not 70000"),
        ("serve = 5", "serve: expected a table, not 5"),
        ("deployments = 5", "deployments: expected a table, not 5"),
        ("[deployments]\nsmall = 5", "deployments.small must be a table, not 5"),
        (SMALL + "price_usd_per_mtok = 5", "deployments.small.price_usd_per_mtok: expected a table, not 5"),
        (SMALL + "kinds = { sql = 5 }", "deployments.small.kinds.sql must be a table, not 5"),
        (SMALL + "settings.examples = [5]", "deployments.small.settings.examples[0] must be a table, not 5"),
        (SMALL + "concurrency = 0", "deployments.small.concurrency: expected `int` >= 1, not 0"),
        (SMALL + "retries = -1", "deployments.small.retries: expected `int` >= 0, not -1"),
        (SMALL + "private = 1", "deployments.small.private: expected `bool`, not 1"),
        (SMALL + "base_url = 5", "deployments.small.base_url: expected `str`, not 5"),
        (SMALL + "headers = { a = 5 }", "deployments.small.headers[...]: expected `str`, got `int`"),
        ('[routes.r]\ncandidates = "small"', "routes.r.candidates: expected an array, not 'small'"),
        ("[routes.r]\ncandidates = [5]", "routes.r.candidates[0]: expected `str`, got `int`"),
        ('[routes.r]\ncandidates = ["r"]\npolicy = "fallback"', "routes.r.policy: expected a table, not 'fallback'"),
        ("[constraints]\nusd_per_month = -1", "constraints.usd_per_month: expected `float` >= 0.0, not -1"),
        (
            "[constraints]\nusd_per_month = inf",
            "constraints.usd_per_month: expected `float` <= 1000000.0, not inf",
        ),
        ("[constraints]\nusd_per_month = nan", "constraints.usd_per_month: expected `float` >= 0.0, not nan"),
        ("[constraints]\np95_latency_s = 0", "constraints.p95_latency_s: expected `float` > 0.0, not 0"),
        ("[decide]\nbar = 80", "decide.bar: expected `float` <= 1.0, not 80"),
        (
            '[constraints]\nsensitive_data = "private"',
            "constraints.sensitive_data: unknown value 'private'; did you mean 'private-only'?",
        ),
        (
            '[constraints]\nunknown_price = "perhaps"',
            "constraints.unknown_price: unknown value 'perhaps'; known: allow, refuse",
        ),
        (
            '[constraints]\nforbidden_terms = ["naming", "share_alik"]',
            "constraints.forbidden_terms: unknown value 'share_alik'; did you mean 'share_alike'?",
        ),
        ('[budgets.b]\nusd = 1\nteam = ""', "budgets.b.team: expected `str` of length >= 1, not ''"),
        ('[alerts]\nurl_env = ""', "alerts.url_env: expected `str` of length >= 1, not ''"),
        ('[routes.r]\ncandidates = []\nkind = ""', "routes.r.kind: expected `str` of length >= 1, not ''"),
        ('[ledger]\ndurability = "comit"', "ledger.durability: unknown value 'comit'; did you mean 'commit'?"),
        (
            SMALL + 'settings.style = "txt"',
            "deployments.small.settings.style: unknown value 'txt'; did you mean 'text'?",
        ),
        (
            '[routes.r]\ncandidates = []\nlabel = "private"',
            "routes.r.label: unknown value 'private'; did you mean 'private-only'?",
        ),
    ],
)
def test_a_wrong_value_names_its_key(toml: str, message: str) -> None:
    """A value of the wrong type or out of range is told with its whole path, in the file's own words."""
    assert mistake(toml) == message


@pytest.mark.parametrize(
    "url", ["postgres://host/db", "sqlite://assay.db", "sqlite:///", "assay.db", "", "sqlite:///:memory:"]
)
def test_a_bad_ledger_url_is_refused(url: str) -> None:
    """Only `sqlite:///FILE` names a ledger; a ledger in memory would forget the budget."""
    assert mistake(f'[ledger]\nurl = "{url}"').startswith("ledger.url: ")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('system = "a"\nsystem_file = "b"', "system and system_file are both set; keep one"),
        ('template = "{input}"\ntemplate_file = "b"', "template and template_file are both set; keep one"),
        ('examples = []\nexamples_file = "b"', "examples and examples_file are both set; keep one"),
        ('choices = ["a"]\nschema_file = "b"', "schema_file and choices are both set; an answer has one form"),
        ("choices = []", "choices is empty"),
        ('choices = ["a", ""]', "choices: must be non-empty texts"),
    ],
)
@pytest.mark.parametrize("table", ["settings", "kinds.sql"])
def test_settings_that_contradict_each_other(settings: str, message: str, table: str) -> None:
    """One thing said twice is refused, for every kind and for one."""
    said = mistake(f"{SMALL}[deployments.small.{table}]\n{settings}")
    assert said.startswith(f"deployments.small.{table}")
    assert message in said


# ----------------------------------------------------------------------------------- wrong references


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (SMALL + '[routes.r]\ncandidates = ["smal"]', "routes.r.candidates: unknown 'smal'; did you mean 'small'?"),
        (SMALL + '[routes.abc]\ncandidates = ["abd"]', "routes.abc.candidates: unknown 'abd'; known: small"),
        (SMALL + '[decide]\ncandidates = ["smal"]', "decide.candidates: unknown 'smal'; did you mean 'small'?"),
        ("[routes.r]\ncandidates = []", "routes.r.candidates is empty; name at least one deployment or route"),
        ('[routes.r]\ncandidates = ["r"]', "routes lead back to themselves: r -> r"),
        (
            "".join(f'[routes.{a}]\ncandidates = ["{b}"]\n' for a, b in ("xa", "ab", "bc", "ca")),
            "routes lead back to themselves: a -> b -> c -> a",
        ),
        (
            SMALL + '[routes.small]\ncandidates = ["small"]',
            "'small' is the name of a deployment and of a route; clients could not tell them apart",
        ),
        (
            '[deployments.""]\nmodel = "m"\ndialect = "openai"',
            "a deployment or route has an empty name; clients could not call it",
        ),
        (
            SMALL + '[routes.r]\ncandidates = ["small"]\npolicy = { check = "schema" }',
            'routes.r.policy needs a kind, for example { kind = "fallback" }',
        ),
    ],
)
def test_a_wrong_reference_is_named(toml: str, message: str) -> None:
    """Candidates exist, routes end somewhere, and a name means one thing."""
    assert mistake(toml) == message


def test_one_route_may_be_reached_twice() -> None:
    """A diamond of routes is no cycle."""
    toml = SMALL + "".join(
        f"[routes.{name}]\ncandidates = {candidates}\n"
        for name, candidates in (
            ("top", '["left", "right"]'),
            ("left", '["end"]'),
            ("right", '["end"]'),
            ("end", '["small"]'),
        )
    )
    assert set(read(toml).routes) == {"top", "left", "right", "end"}


# ----------------------------------------------------------------------------------------- wrong files


@pytest.mark.parametrize("key", ["system_file", "template_file", "examples_file", "schema_file", "grammar_file"])
@pytest.mark.parametrize("table", ["settings", "kinds.sql"])
def test_a_missing_file_is_named(tmp_path: Path, key: str, table: str) -> None:
    """A file that settings name and that is not there is told with its key and its absolute path."""
    said = mistake(f'{SMALL}[deployments.small.{table}]\n{key} = "prompts/a.txt"', tmp_path)
    assert said == f"deployments.small.{table}.{key}: no file {tmp_path}/prompts/a.txt"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        (SMALL + 'weights = "a.gguf"', "deployments.small.weights: no file {folder}/a.gguf"),
        (SMALL + 'script = "a.json"', "deployments.small.script: no file {folder}/a.json"),
        (
            SMALL.replace("openai", "scripted"),
            "deployments.small: the dialect 'scripted' needs a script, a JSON file of rules",
        ),
        ('catalog_files = ["own.toml"]', "catalog_files: no file {folder}/own.toml"),
        (SMALL + 'settings.system_file = "."', "deployments.small.settings.system_file: no file {folder}"),
    ],
)
def test_other_missing_files_are_named(tmp_path: Path, toml: str, message: str) -> None:
    """Weights, scripts and catalogues are looked for when the file is read."""
    assert mistake(toml, tmp_path) == message.format(folder=tmp_path)


def test_a_suite_is_looked_for_when_it_is_used(tmp_path: Path) -> None:
    """A configuration may name the suite that a command is about to make; who needs it is told what is missing."""
    (tmp_path / "assay.toml").write_text('[decide]\nsuite = "suite"')
    loaded = load(tmp_path)
    with pytest.raises(ConfigError, match=f"decide.suite: no folder {tmp_path}/suite; `assay suite new` makes one"):
        _ = loaded.suite_path
    (tmp_path / "suite").mkdir()
    assert loaded.suite_path == tmp_path / "suite"


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", r"a\u0000b", "x" * 5000])
def test_an_impossible_path_is_a_config_error(tmp_path: Path, path: str) -> None:
    """A path that cannot exist is a mistake in the file, not a crash."""
    assert path[:1] in mistake(f'{SMALL}settings.system_file = "{path}"', tmp_path)
    with pytest.raises(ConfigError, match="cannot read"):
        load(path.replace(r"\u0000", "\0"))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[serve\nport = 1", r"not valid TOML: .*line 1"),
        (b"a = 1\na = 2\nb = 3", r"not valid TOML: .*line 2"),
        (b"[serve]\nhost = '\xff\xfe'", "not valid TOML: 'utf-8' codec"),
        ("[serve]\nhost = 'ä'".encode("utf-16"), "not valid TOML"),
        (b"x = " + b"[" * 5000, "not valid TOML"),
    ],
)
def test_what_is_not_toml_is_said_with_its_line(tmp_path: Path, data: bytes, message: str) -> None:
    """Broken TOML and bytes that are no UTF-8 are told with the file's name and the place."""
    file = tmp_path / FILE_NAME
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=message) as raised:
        load(file)
    assert str(raised.value).startswith(f"{file}: ")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    """Editors of one vendor put three bytes in front; the digest has them, the values do not."""
    file = tmp_path / FILE_NAME
    file.write_bytes(b"\xef\xbb\xbf[serve]\r\nport = 1\r\n")
    assert load(file).config.serve.port == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_config_error(data: bytes) -> None:
    """No content of the file ends in any other exception."""
    with contextlib.suppress(ConfigError):
        parse(data, Path("/nowhere") / FILE_NAME)


# ------------------------------------------------------------------------------------ finding the file


def test_the_nearest_file_upwards_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like git, from a folder inside the project; the nearest wins, and a folder of that name is none."""
    deep = tmp_path / "a" / "b"
    (deep / FILE_NAME).mkdir(parents=True)
    (tmp_path / FILE_NAME).write_text("[serve]\nport = 1")
    assert find(deep) == tmp_path.resolve() / FILE_NAME
    (tmp_path / "a" / FILE_NAME).write_text("[serve]\nport = 2")
    monkeypatch.chdir(deep)
    assert load().config.serve.port == 2


def test_no_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any file the message says how to name one."""
    monkeypatch.chdir(tmp_path)
    if find() is not None:
        pytest.skip("there is an assay.toml above the temporary folder")
    with pytest.raises(ConfigError, match="name it with --config FILE"):
        load()


def test_the_environment_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ASSAY_CONFIG` wins over the nearest file, an argument over both; a folder means the file in it."""
    for name, port in (("here", 1), ("env", 2), ("argument", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE_NAME).write_text(f"[serve]\nport = {port}")
    monkeypatch.chdir(tmp_path / "here")
    assert load().config.serve.port == 1
    monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path / "env"))
    assert load().config.serve.port == 2
    assert load(tmp_path / "argument").config.serve.port == 3
    assert load(str(tmp_path / "argument" / FILE_NAME)).config.serve.port == 3
    monkeypatch.setenv("ASSAY_CONFIG", "")
    assert load().config.serve.port == 1
    monkeypatch.setenv("ASSAY_CONFIG", str(tmp_path / "gone.toml"))
    with pytest.raises(ConfigError, match=r"cannot read .*gone.toml: No such file"):
        load()


def test_what_needs_no_configuration_takes_the_same_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None without any; else that which `load` reads, by name, environment or nearness; one that was named must be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ASSAY_CONFIG", raising=False)
    if find() is not None:
        pytest.skip("there is an assay.toml above the temporary folder")
    assert load_if_any() is None
    with pytest.raises(ConfigError, match=r"cannot read .*gone.toml"):
        load_if_any(tmp_path / "gone.toml")
    named = tmp_path / "named.toml"
    named.write_text("[serve]\nport = 2")
    assert load_if_any(named) == load(named)
    monkeypatch.setenv("ASSAY_CONFIG", str(named))
    assert load_if_any() == load(named)
    monkeypatch.delenv("ASSAY_CONFIG")
    (tmp_path / FILE_NAME).write_text("[serve]\nport = 1")
    assert load_if_any() == load(tmp_path)


def test_relative_paths_start_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the working folder: prompts, weights, scripts, catalogues, suite and ledger are beside the file."""
    project = tmp_path / "project"
    (project / "suite").mkdir(parents=True)
    for name in ("system.txt", "kind.txt", "w.gguf", "script.json", "own.toml"):
        (project / name).write_text("x")
    (project / FILE_NAME).write_text(
        'catalog_files = ["own.toml"]\n[decide]\nsuite = "suite"\n' + SMALL + 'weights = "w.gguf"\n'
        'script = "./script.json"\nsettings.system_file = "../project/system.txt"\n'
        'kinds.sql.template_file = "kind.txt"\n'
    )
    monkeypatch.chdir(tmp_path)
    loaded = load("project")
    config, small = loaded.config, loaded.config.deployments["small"]
    assert loaded.folder == project
    assert config.catalog_files == (f"{project}/own.toml",)
    assert config.decide.suite == f"{project}/suite"
    assert config.ledger.url == f"sqlite:///{project}/assay.db"
    assert (small.weights, small.script) == (f"{project}/w.gguf", f"{project}/script.json")
    assert small.settings.system_file == f"{project}/system.txt"
    assert small.kinds["sql"].template_file == f"{project}/kind.txt"


def test_absolute_paths_and_home_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute paths stay, `~` is the home folder, and a source of weights with a scheme is no path."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read('[ledger]\nurl = "sqlite:////var/assay.db"', tmp_path).ledger.url == "sqlite:////var/assay.db"
    assert read('[ledger]\nurl = "sqlite:///~/a.db"').ledger.url == f"sqlite:///{tmp_path}/home/a.db"
    config = read(SMALL + 'weights = "hf:acme/small/w.gguf"', tmp_path)
    assert config.deployments["small"].weights == "hf:acme/small/w.gguf"


def test_the_digest_is_of_the_files_bytes(tmp_path: Path) -> None:
    """Every byte counts, also one that changes no value."""
    file = tmp_path / FILE_NAME
    file.write_bytes(b"[serve]\nport = 1\n")
    first = load(file)
    assert first.digest == hashlib.sha256(b"[serve]\nport = 1\n").hexdigest()
    file.write_bytes(b"[serve]\nport = 1\n\n")
    assert load(file).digest != first.digest
    assert load(file).config == first.config


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    """Nothing has to be said; the ledger stands beside the file."""
    config = read("", tmp_path)
    assert not config.deployments
    assert config.ledger.url == f"sqlite:///{tmp_path}/assay.db"


@pytest.mark.parametrize(
    ("dialect", "said", "private"),
    [
        ("local", None, True),
        ("scripted", None, True),
        ("openai", None, False),
        ("openai", True, True),
        ("local", False, False),
    ],
)
def test_only_what_stays_here_is_private_by_default(
    tmp_path: Path, dialect: str, said: bool | None, private: bool
) -> None:
    """A host is private only if the file says so; a local engine is unless the file says not."""
    (tmp_path / "s.json").write_text("{}")
    toml = f'[deployments.d]\nmodel = "m"\ndialect = "{dialect}"\nscript = "s.json"\n'
    if said is not None:
        toml += f"private = {str(said).lower()}\n"
    assert read(toml, tmp_path).deployments["d"].is_private is private


def test_the_examples_are_right() -> None:
    """Every `assay.toml` that is shipped can be read, wherever the tests run from."""
    examples = Path(__file__).parents[3] / "examples"
    files = sorted(examples.rglob(FILE_NAME))
    assert files
    here = os.getcwd()
    for file in files:
        assert load(file).path == file
    assert os.getcwd() == here
