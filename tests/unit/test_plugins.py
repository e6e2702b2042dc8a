"""Entry points: each built-in loads, and a broken or doubled plug-in gives one clear error."""

import importlib
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from assay import plugins
from assay.errors import PluginError

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
DECLARED = [
    (group, name, value)
    for group, points in PYPROJECT["project"]["entry-points"].items()
    for name, value in points.items()
]

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a distribution with entry points (and perhaps a module) on the path, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(distribution: str, group: str, points: dict[str, str], **modules: str) -> None:
        folder = tmp_path / f"{distribution}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
        (folder / "entry_points.txt").write_text("\n".join(lines))
        for module, source in modules.items():
            (tmp_path / f"{module}.py").write_text(source)
        forget()

    before = set(sys.modules)
    forget()
    yield make
    monkeypatch.undo()
    forget()
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]


def forget() -> None:
    """Look for distributions anew."""
    importlib.invalidate_caches()
    plugins._registered.cache_clear()
    plugins.load.cache_clear()


@pytest.mark.parametrize(("group", "name", "value"), DECLARED)
def test_every_entry_point_of_pyproject_loads(group: str, name: str, value: str) -> None:
    """What pyproject.toml declares can be imported and is a class."""
    assert isinstance(EntryPoint(name, value, group).load(), type)


@pytest.mark.parametrize(("group", "name", "value"), DECLARED)
def test_every_entry_point_of_pyproject_is_installed(group: str, name: str, value: str) -> None:
    """The installed package registers it: after changing pyproject.toml, install again."""
    module, _, attribute = value.partition(":")
    assert plugins.load(group, name) is getattr(importlib.import_module(module), attribute)
    assert name in plugins.names(group)


def test_only_known_groups_are_declared() -> None:
    """pyproject.toml registers in no group that nobody reads."""
    assert set(PYPROJECT["project"]["entry-points"]) <= set(plugins.GROUPS)


def test_names_are_sorted() -> None:
    """`names` lists a group in order; a group without plug-ins is empty."""
    names = plugins.names("assay.policies")
    assert list(names) == sorted(names)
    assert plugins.names("assay.no-such-group") == ()


def test_an_unknown_name_names_the_nearest() -> None:
    """A typing mistake is answered with the name that was probably meant, or all of them."""
    with pytest.raises(PluginError, match=r"^unknown dialect 'opnai'; did you mean 'openai'\?$"):
        plugins.load("assay.dialects", "opnai")
    with pytest.raises(PluginError, match=r"^unknown policy 'zzz'; known: .*cascade, fallback"):
        plugins.load("assay.policies", "zzz")


def test_a_plugin_of_another_distribution_loads(install: Install) -> None:
    """A third party's part registers through the same group; it is imported when first used, once."""
    install("acme-checks", "assay.checks", {"polite": "acme_ok:Polite"}, acme_ok="class Polite: pass\n")
    assert "polite" in plugins.names("assay.checks")
    assert "acme_ok" not in sys.modules
    assert plugins.load("assay.checks", "polite").__name__ == "Polite"
    assert plugins.load("assay.checks", "polite") is plugins.load("assay.checks", "polite")


def test_what_is_installed_is_what_the_interpreter_finds() -> None:
    """The metadata are read as `importlib.metadata` reads them: the same names, values and distributions."""
    ours = {(group, one.name, one.value) for group in plugins.GROUPS for one in plugins._registered()[group]}
    assert ours == {(group, one.name, one.value) for group in plugins.GROUPS for one in entry_points(group=group)}
    assert plugins.distribution("assay.checks", "exact") == "assay"


def test_metadata_are_read_by_the_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments, extras, foreign groups and old folders; of a distribution that is there twice, the first counts."""
    text = "# a note\n[console_scripts]\nx = y:z\n[ assay.checks ]\n# a = b\n\nkind=acme_ok : Polite [extra]\n"
    for place, folder, value in (
        ("a", "Acme.Kind-1.0.dist-info", text),
        ("b", "acme_kind.egg-info", "[assay.checks]\nk = l"),
    ):
        (tmp_path / place / folder).mkdir(parents=True)
        (tmp_path / place / folder / "entry_points.txt").write_text(value)
    monkeypatch.setattr(sys, "path", [str(tmp_path / name) for name in ("a", "missing", "b")])
    forget()
    [found] = plugins._registered()["assay.checks"]
    assert found == ("acme-kind", "assay.checks", "kind", "acme_ok : Polite")
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("value", "source", "said"),
    [
        ("acme_broken:Thing", "1 / 0", "ZeroDivisionError: division by zero"),
        ("acme_broken:Thing", "import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("acme_broken:Thing", "x = 1", "AttributeError"),
        ("acme_broken:Thing", "def (", "SyntaxError"),
        ("no_such_module_at_all:Thing", "", "ModuleNotFoundError"),
        ("acme_broken", "raise SystemExit(7)", "SystemExit: 7"),
    ],
)
def test_a_broken_plugin_names_its_distribution(install: Install, value: str, source: str, said: str) -> None:
    """Whatever goes wrong while importing is one PluginError with group, name, distribution and reason."""
    install("acme-broken", "assay.checks", {"broken": value}, acme_broken=source)
    with pytest.raises(PluginError) as raised:
        plugins.load("assay.checks", "broken")
    assert str(raised.value).startswith("assay.checks: 'broken' of acme-broken cannot be loaded: ")
    assert said in str(raised.value)
    assert raised.value.__cause__ is not None
    assert plugins.load("assay.checks", "exact") is not None  # the others still work


def test_a_name_registered_twice_names_both(install: Install) -> None:
    """Two distributions that claim one name are both named; guessing which is meant would be a silent choice."""
    install("acme-one", "assay.dialects", {"openai": "acme_one:Dialect"}, acme_one="class Dialect: pass\n")
    with pytest.raises(PluginError) as raised:
        plugins.load("assay.dialects", "openai")
    message = str(raised.value)
    assert message.startswith("assay.dialects: 'openai' is registered twice, by ")
    assert "acme-one" in message
    assert "assay" in message.split("by", 1)[1]
    assert message.endswith("uninstall one of them")
    assert plugins.load("assay.policies", "fixed") is not None  # other groups are not touched


def test_the_same_registration_seen_twice_is_no_conflict(install: Install) -> None:
    """An editable install beside an older copy registers equal values: there is nothing to choose."""
    install(
        "assay-again",
        "assay.dialects",
        {"openai": dict(PYPROJECT["project"]["entry-points"]["assay.dialects"])["openai"]},
    )
    assert plugins.load("assay.dialects", "openai") is not None
