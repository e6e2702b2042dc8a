"""The report's page in a browser: nothing leaves it, nothing overflows, it can be read, filtered and printed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
if CHROMIUM is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)

HOSTILE = "</script><img src=x onerror=alert(1)> <b onmouseover=alert(2)>\u202ereversed " + "wide" * 400
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  let seen = 0;
  for (const element of document.querySelectorAll(".assay *")) {
    const words = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!words || !element.checkVisibility()) continue;
    if (["STYLE", "SCRIPT", "TITLE", "title"].includes(element.tagName)) continue;
    seen += 1;
    const drawn = element.ownerSVGElement ? getComputedStyle(element).fill : getComputedStyle(element).color;
    const [a, b] = [light(parse(drawn)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push([element.tagName, element.className.baseVal ?? element.className, ratio]);
  }
  return [seen, low];
}"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a decision between three scripted models, one of which writes what it should not."""
    folder = tmp_path_factory.mktemp("report")
    toml = '[decide]\nsuite = "suite"\n'
    for price, (name, rules) in enumerate(
        {
            "hostile": [{"match": "3", "answer": HOSTILE}],
            "wrong": [{"match": "[246]", "answer": "no"}],
            "faulty": [{"match": "5", "error": "Overloaded"}],
        }.items()
    ):
        (folder / f"{name}.json").write_text(json.dumps({"rules": rules, "default": "yes"}))
        toml += f'[deployments.{name}]\nmodel = "x/{name}"\ndialect = "scripted"\nscript = "{name}.json"\nretries = 0\n'
        toml += (
            f"price_usd_per_mtok = {{ input = {price + 1}, output = {price + 1} }}\nsettings = {{ max_tokens = 8 }}\n"
        )
    toml += '[deployments.rented]\nmodel = "x/rented"\ndialect = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
    toml += 'api_key_env = "NO_SUCH_KEY_HERE"\nprice_usd_per_mtok = { input = 9, output = 9 }\n'
    (folder / "assay.toml").write_text(toml)
    suite = folder / "suite"
    suite.mkdir()
    kinds = ("triage.tickets", "triage.language", "a.kind.with.a.very.long.name.that.goes.on.and.on")
    table = 'name = "desk"\nversion = "1"\n'
    for place, kind in enumerate(kinds):
        table += f'[kinds."{kind}"]\nsamples = "{place}.jsonl"\nbar = 0.9\ngraders = [{{ check = "exact" }}]\n'
        table += 'label = "private-only"\n' if place == 0 else ""
        lines = [{"id": f"{place}-{n}", "input": f"Number {n}", "target": "yes"} for n in range(10)]
        (suite / f"{place}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (suite / "suite.toml").write_text(table)
    for words in (("eval", "-m", "hostile", "-m", "wrong", "-m", "faulty"), ("choose",), ("report", "-o", "page.html")):
        done = subprocess.run([sys.executable, "-m", "assay", *words], cwd=folder, capture_output=True, text=True)
        assert done.returncode in (0, 1, 3, 4), f"{words}: {done.stderr[-2000:]}"
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium of this machine."""
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield made
        made.close()


@pytest.fixture
def opened(browser: Any, page_file: Path) -> Iterator[Any]:
    """Opens the page; at the end nothing else has been asked for, and the console is empty."""
    asked: list[str] = []
    said: list[str] = []
    contexts = []

    def open_page(**options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(page_file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert set(asked) == {page_file.as_uri()}
    assert said == []


@pytest.mark.parametrize("width", [320, 390, 700, 900, 1400])
def test_nothing_overflows(opened: Any, width: int, tmp_path: Path) -> None:
    """No window is too narrow for it: there is no horizontal scrolling, endless words included."""
    page = opened(viewport={"width": width, "height": 900})
    page.screenshot(path=tmp_path / f"report-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_text_can_be_read(opened: Any, scheme: str, width: int, tmp_path: Path) -> None:
    """Every text that shows, in plots too, has a contrast of at least 4.5 to what lies behind it."""
    page = opened(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.screenshot(path=tmp_path / f"report-{scheme}-{width}.png", full_page=True)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
    assert dark == (scheme == "dark")
    seen, low = page.evaluate(CONTRAST)
    assert seen > 200
    assert low == []


def test_samples_are_filtered(opened: Any) -> None:
    """Kind, candidate and text narrow what is shown, and the count follows."""
    page = opened()
    everything = page.locator(".sample:visible").count()
    assert everything > 5
    page.select_option("[data-filter=kind]", "triage.language")
    one_kind = page.locator(".sample:visible").count()
    assert 0 < one_kind < everything
    page.select_option("[data-filter=lost]", "hostile")
    assert page.locator(".sample:visible").count() == 1
    assert page.locator("[data-filter=count]").inner_text() == f"1 of {everything} shown"
    page.fill("[data-filter=text]", "no such text")
    assert page.locator(".sample:visible").count() == 0


def test_it_reads_without_a_script(opened: Any) -> None:
    """With scripts switched off all kinds and samples are there; only the filter is not."""
    page = opened(java_script_enabled=False)
    assert page.locator(".sample").first.is_visible()
    assert page.locator("details.kind table").first.is_visible()
    assert not page.locator(".filter").is_visible()


def test_it_prints_light_and_whole(opened: Any) -> None:
    """On paper it is light whatever the screen is, folded kinds are open, and the filter is gone."""
    page = opened(color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.querySelector('.assay')).colorScheme") == "light"
    assert not page.locator(".filter").is_visible()
    assert page.pdf(format="A4")[:5] == b"%PDF-"


def test_it_says_that_it_holds_private_data(opened: Any) -> None:
    """The notice stands in the first window, before any sample."""
    page = opened(viewport={"width": 1400, "height": 900})
    notice = page.locator(".notice.private").bounding_box()
    assert notice is not None
    assert notice["y"] < 900


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1400])
def test_an_experiment_fits_and_can_be_read(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    """The page of an A/B: nothing overflows, whatever an arm is called, and every text has its contrast."""
    from tests.unit.report.test_arms_page import arm, experiment

    from assay.report.arms import write_page

    file = write_page(experiment(arms=(arm("old", 0.5, 9), arm(HOSTILE, 0.5, 9))), tmp_path / "ab.html")
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        seen, low = page.evaluate(CONTRAST)
        assert seen > 50
        assert (low, said) == ([], [])
    finally:
        context.close()
