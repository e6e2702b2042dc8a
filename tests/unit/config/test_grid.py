"""Deployments like another one, and grids of configurations: what they stand for, and each mistake by its key."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import msgspec
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from assay.config.grid import MOST, Grid
from assay.config.load import parse
from assay.config.schema import Config
from assay.errors import ConfigError

BASE = """
[deployments.small]
model = "acme/small"
dialect = "openai"
headers = { a = "1", b = "2" }
retries = 5
settings = { system = "Be brief.", max_tokens = 90, reasoning_effort = "low" }
[deployments.small.kinds.sql]
temperature = 0.2
examples = [{ user = "q", assistant = "a" }]
"""


def read(toml: str, folder: str = "/nowhere") -> Config:
    """The configuration in `toml`."""
    return parse(toml.encode(), Path(folder) / "assay.toml")


def mistake(toml: str) -> str:
    """What is said about a wrong file, without its name."""
    with pytest.raises(ConfigError) as raised:
        read(toml)
    return str(raised.value).partition(": ")[2]


# ------------------------------------------------------------------------------------------------ like


def test_a_deployment_like_another_changes_what_it_names() -> None:
    """Tables are taken over key by key, anything else as a whole; the other one stays as it is."""
    config = read(
        BASE
        + """
        [deployments.other]
        like = "small"
        retries = 0
        headers = { b = "3" }
        [deployments.other.settings]
        max_tokens = 10
        [deployments.other.kinds.mail]
        system = "Be kind."
    """
    )
    small, other = config.deployments["small"], config.deployments["other"]
    assert (other.model, other.retries, other.like) == ("acme/small", 0, "small")
    assert other.headers == {"a": "1", "b": "3"}
    assert (other.settings.max_tokens, other.settings.system) == (10, "Be brief.")
    assert other.kinds["sql"] == small.kinds["sql"]
    assert (set(other.kinds), set(small.kinds)) == ({"sql", "mail"}, {"sql"})
    assert (small.retries, small.headers["b"]) == (5, "2")


def test_what_is_said_otherwise_is_not_taken_over(tmp_path: Path) -> None:
    """A file takes the place of a text, a budget of an effort, one form of the answer of another."""
    (tmp_path / "s.txt").write_text("Be long.")
    config = read(BASE + """
        [deployments.other]
        like = "small"
        settings = { system_file = "s.txt", reasoning_tokens = 2000 }
    """, str(tmp_path))  # fmt: skip
    settings = config.deployments["other"].settings
    assert (settings.system, settings.system_file) == (None, str(tmp_path / "s.txt"))
    assert (settings.reasoning_effort, settings.reasoning_tokens) == (None, 2000)


def test_likeness_goes_on_in_any_order() -> None:
    """Who is like one that is like another has what that one has, wherever they stand in the file."""
    config = read('[deployments.c]\nlike = "b"\n[deployments.b]\nlike = "small"\nretries = 1\n' + BASE)
    assert config.deployments["c"].retries == 1
    assert config.deployments["c"].settings == config.deployments["small"].settings


@pytest.mark.parametrize(("toml", "message"), [
    ('[deployments.x]\nlike = "smal"\n', "deployments.x.like: unknown 'smal'; did you mean 'small'?"),
    ('[deployments.x]\nlike = "x"\n', "deployments are like one another in a circle: x -> x"),
    ('[deployments.x]\nlike = "y"\n[deployments.y]\nlike = "x"\n', "deployments are like one another in a circle"),
    ('[deployments.x]\nlike = 3\n', "deployments.x"),
    ('[deployments.x]\nlike = "small"\nretrys = 1\n', "unknown key 'deployments.x.retrys'; did you mean 'retries'?"),
    ('[deployments.x]\nlike = "small"\nsettings = 3\n', "deployments.x.settings"),
    ('[deployments.x]\nlike = "small"\nsettings = { reasoning_effort = "low", reasoning_tokens = 1 }\n',
     "deployments.x.settings: reasoning_effort and reasoning_tokens are both set; keep one"),
])  # fmt: skip
def test_a_wrong_likeness_is_named(toml: str, message: str) -> None:
    """Nobody of that name, a circle, and mistakes of what is changed."""
    assert message in mistake(BASE + toml)


# ------------------------------------------------------------------------------------------------ grids


def test_a_grid_is_every_combination() -> None:
    """Settings make deployments, votes routes over them; a value holds for kinds that say otherwise too."""
    config = read(
        BASE
        + """
        [grids.some]
        of = "small"
        reasoning_effort = ["low", "high"]
        temperature = [0.5]
        vote = [1, 3]
        [decide]
        candidates = ["some", "small"]
    """
    )
    low, high = "small@effort=low,temperature=0.5", "small@effort=high,temperature=0.5"
    assert list(config.deployments) == ["small", low, high]
    assert config.members(config.decide.candidates or ()) == (low, f"{low},vote=3", high, f"{high},vote=3", "small")
    made = config.deployments[high]
    assert (made.like, made.retries, made.settings.reasoning_effort) == ("small", 5, "high")
    assert (made.settings.temperature, made.kinds["sql"].temperature) == (0.5, 0.5)
    assert made.kinds["sql"].examples == config.deployments["small"].kinds["sql"].examples
    route = config.routes[f"{high},vote=3"]
    assert (route.candidates, route.policy) == ((high,), {"kind": "vote", "n": 3})


def test_several_models_and_best_of(tmp_path: Path) -> None:
    """A grid may be of several deployments, of a route where only the number of answers varies, and of prompts."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("x")
    config = read(BASE.replace(", reasoning_effort", ", seed = 1, reasoning_effort") + """
        [deployments.large]
        like = "small"
        model = "acme/large"
        [routes.both]
        candidates = ["small", "large"]
        [grids.prompts]
        of = ["small", "large"]
        system_file = ["a.txt", "b.txt"]
        max_examples = [0]
        [grids.tries]
        of = "both"
        vote = [5]
        best_of = [1, 4]
        check = "sql"
        draw_temperature = 0.8
    """, str(tmp_path))  # fmt: skip
    assert config.members(["prompts"]) == tuple(
        f"{of}@examples=0,system={one}" for of in ("small", "large") for one in "ab"
    )
    one = config.deployments["large@examples=0,system=b"]
    assert (one.model, one.settings.system, one.settings.system_file) == ("acme/large", None, str(tmp_path / "b.txt"))
    assert config.grids["prompts"].system_file == (str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))
    assert config.members(["tries"]) == ("both", "both@vote=5", "both@best-of=4")
    policy = {"kind": "best-of", "n": 4, "check": "sql", "temperature": 0.8}
    assert config.routes["both@best-of=4"].policy == policy


def test_what_is_shown_can_be_read_again() -> None:
    """`assay config show` writes grids and members; a member that the file describes stays as it stands there."""
    shown = read(BASE + '[grids.g]\nof = "small"\nmax_tokens = [1, 2]\nvote = [1, 3]\n')
    text = tomli_w.dumps(msgspec.to_builtins(shown))
    assert read(text) == shown
    assert read(text.replace("max_tokens = 2", "max_tokens = 7")).deployments["small@max_tokens=2"] is not None


@pytest.mark.parametrize(("grid", "message"), [
    ('of = "smal"\nvote = [3]', "grids.g.of: no deployment or route 'smal'; did you mean 'small'?"),
    ('of = "r"\nmax_tokens = [3]', "grids.g.of: no deployment 'r'"),
    ("vote = [3]", "grids.g: missing key `of`"),
    ('of = "small"', "grids.g: nothing is listed"),
    ('of = "small"\nreasoning_efort = ["low"]', "unknown key 'grids.g.reasoning_efort'; did you mean 'reasoning_eff"),
    ('of = "small"\nvote = 3', "grids.g.vote: expected an array, not 3"),
    ('of = "small"\nvote = [0]', "grids.g.vote[0]"),
    ('of = "small"\nbest_of = [4]', "grids.g: best_of needs a check"),
    ('of = "small"\nreasoning_effort = ["a"]\nreasoning_tokens = [1]', "say the same thing"),
    ('of = "small"\nmax_tokens = [1, 1]', "grids.g: 'small@max_tokens=1' is there twice"),
    ('of = "small"\nsystem_file = ["a/x.txt", "b/x.txt"]', "'small@system=x' is there twice"),
    ('of = "small"\nsystem_file = ["gone.txt"]', "no file"),
    ('of = "small"\ntemperature = [0]\nvote = [3]', "grids.g: 'small@temperature=0' has temperature 0"),
    ('of = "small"\nvote = [3]\n[deployments.g]\nlike = "small"', "'g' is the name of a grid and of a deployment"),
    ('of = "small"\nvote = [3]\n[decide]\ncandidates = ["gg"]', "decide.candidates: unknown 'gg'; did you mean 'g'?"),
    (f'of = "small"\nmax_tokens = {list(range(1, MOST + 2))}', f"grids.g: it has {MOST + 1} members, more than {MOST}"),
])  # fmt: skip
def test_a_wrong_grid_is_named(grid: str, message: str) -> None:
    """Its key, what is wrong, and the nearest there is; the number of members where there are too many."""
    route = '[routes.r]\ncandidates = ["small"]\n'
    assert message in mistake(f"{BASE}{route}[grids.g]\n{grid}\n")


@pytest.mark.parametrize("toml", ["grids = 3", "grids = { g = 3 }", "deployments = 3\n[grids.g]\nof = 'x'\nvote = [3]",
                                  "[deployments]\nx = 3\n[grids.g]\nof = 'x'\nmax_tokens = [3]"])  # fmt: skip
def test_what_is_no_table_is_a_config_error(toml: str) -> None:
    """Whatever stands where a table belongs."""
    mistake(toml)


@given(
    st.lists(st.integers(1, 9), max_size=3, unique=True), st.lists(st.sampled_from([1, 3, 5]), max_size=3, unique=True),
    st.lists(st.sampled_from(["low", "high"]), max_size=2, unique=True),
)  # fmt: skip
def test_names_and_size_hold(most: list[int], votes: list[int], efforts: list[str]) -> None:
    """Each member has a name of its own, and there are as many as the size says."""
    if not most and not votes and not efforts:
        return
    grid = Grid(of="m", max_tokens=tuple(most), vote=tuple(votes), reasoning_effort=tuple(efforts))
    assert len(grid.members) == grid.size == len({one.name for one in grid.members})
    assert all(a.settings != b.settings or a.policy != b.policy for a, b in combinations(grid.members, 2))
