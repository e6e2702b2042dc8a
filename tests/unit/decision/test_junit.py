"""A check as JUnit XML and as GitHub Actions shows it: right in form, whole in content, safe with any text."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import pytest

from assay.decision.check import CheckReport, KindCheck
from assay.decision.github import notices, summary
from assay.decision.junit import junit, write_junit
from assay.errors import ReportError

HOSTILE = 'a "kind" <b>&amp;\x00\x1b[31m, 100%: two\nlines ]]> ünïcode \ud800'


def a_kind(kind: str, verdict: Any, **more: Any) -> KindCheck:
    """One pin, proved again."""
    given = {"target": "small", "reason": f"why {kind}", "pinned_passed": 9, "total": 10, "took_s": 0.25, **more}
    return KindCheck(kind=kind, verdict=verdict, **given)


@pytest.fixture
def report() -> CheckReport:
    """One of each verdict, and one that was left out."""
    proved = {"asked": 6, "passed": 6, "lost": 0, "gained": 0, "tolerated": 1, "passing": (8, 10), "error": 0.05}
    return CheckReport(
        route="desk",
        kinds=(
            a_kind("sql", "holds", **proved),
            a_kind("names", "regressed", **{**proved, "lost": 5, "passed": 1}),
            a_kind("words", "changed"),
            a_kind("mail", "open", unscored=3),
        ),
        guarantee="each verdict with an error of at most 0.05",
        population="the 40 pinned samples",
        asked=12,
        total=40,
        left_out=("codes",),
    )


ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"name", "classname", "time"},
    "properties": set(),
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "testcase": {"properties", "failure", "error", "skipped"},
    "properties": {"property"},
}


def check_form(element: Tree.Element) -> None:
    """What readers of JUnit XML expect: these elements in one another, with these attributes, and no others."""
    assert set(element.attrib) == ATTRIBUTES[element.tag], element.tag
    for child in element:
        assert child.tag in CHILDREN.get(element.tag, set()), (element.tag, child.tag)
        check_form(child)
    if element.tag == "testsuite":
        cases = element.findall("testcase")
        assert element[0].tag == "properties"
        assert element.get("tests") == str(len(cases))
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert element.get(count) == str(len(element.findall(f"testcase/{tag}")))
    if element.tag == "testcase":
        assert len([child for child in element if child.tag != "properties"]) <= 1


def test_the_form_is_the_one_that_readers_expect(report: CheckReport) -> None:
    """Elements, attributes, their nesting, and counts that add up."""
    check_form(Tree.fromstring(junit(report)))  # noqa: S314 - our own


def test_each_verdict_has_its_place(report: CheckReport) -> None:
    """Holds passes, regressed and changed fail, open is an error, left out is skipped; figures are properties."""
    cases = {case.get("name"): case for case in Tree.fromstring(junit(report)).iter("testcase")}  # noqa: S314 - our own
    told = {name: [child.tag for child in case if child.tag != "properties"] for name, case in cases.items()}
    assert told == {
        "sql": [], "names": ["failure"], "words": ["failure"], "mail": ["error"], "codes": ["skipped"],
    }  # fmt: skip
    figures = {one.get("name"): one.get("value") for one in cases["sql"].iter("property")}
    assert {"asked": "6", "total": "10", "passing_least": "8", "passing_most": "10", "error": "0.05"}.items() <= (
        figures.items()
    )
    failure = cases["names"].find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "why names", "type": "regressed"}


def test_the_xml_is_the_golden_one() -> None:
    """Byte for byte, so that a change of the form is seen in review."""
    one = CheckReport(
        route="desk", kinds=(a_kind("words", "changed", total=3),), guarantee="g", population="p", total=3
    )
    text = junit(one, at=0.0).decode()
    start, _, end = text.partition('name="assay" value="')
    assert start + end.partition('"')[2] == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<testsuites name="assay check desk" tests="1" failures="1" errors="0" skipped="0" time="0.250">\n'
        '  <testsuite name="assay check desk" tests="1" failures="1" errors="0" skipped="0" time="0.250" '
        'timestamp="1970-01-01T00:00:00">\n'
        "    <properties>\n"
        "      <property  />\n"
        '      <property name="route" value="desk" />\n'
        '      <property name="asked" value="0" />\n'
        '      <property name="total" value="3" />\n'
        '      <property name="guarantee" value="g" />\n'
        '      <property name="population" value="p" />\n'
        "    </properties>\n"
        '    <testcase name="words" time="0.250" classname="assay.desk">\n'
        "      <properties>\n"
        '        <property name="target" value="small" />\n'
        '        <property name="verdict" value="changed" />\n'
        '        <property name="reason" value="why words" />\n'
        '        <property name="pinned_passed" value="9" />\n'
        '        <property name="total" value="3" />\n'
        '        <property name="asked" value="0" />\n'
        '        <property name="unscored" value="0" />\n'
        '        <property name="error" value="0.0" />\n'
        "      </properties>\n"
        '      <failure message="why words" type="changed">words, served by small: changed\nwhy words</failure>\n'
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_any_text_is_legal_xml(report: CheckReport) -> None:
    """Control characters and half surrogates, which XML cannot hold, become a mark; all else is read back."""
    hostile = a_kind(HOSTILE, "open", target=HOSTILE, reason=HOSTILE)
    data = junit(CheckReport(route=HOSTILE, kinds=(hostile,), guarantee="g", population="p", left_out=(HOSTILE,)))
    cases = list(Tree.fromstring(data).iter("testcase"))  # noqa: S314 - our own
    kept = HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace("\ud800", "\ufffd")
    assert [case.get("name") for case in cases] == [kept, kept]


def test_a_file_is_written_whole_or_not_at_all(
    report: CheckReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood there stays when writing fails, nothing is left beside it, and the error names the file."""
    path = tmp_path / "pins.xml"
    write_junit(report, path)
    assert path.read_bytes().startswith(b"<?xml")
    path.write_text("old")

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ReportError, match=r"cannot write .*pins\.xml: No space left"):
        write_junit(report, path)
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["pins.xml"]


# ------------------------------------------------------------------------------------------ GitHub

LOCK = """# head
version = 2
[kinds.sql]
target = "small"
[kinds.sql.facts]
model = "x"
[kinds."names"]
[kinds.mail]
"""


def test_annotations_stand_at_the_lines_of_their_pins(report: CheckReport) -> None:
    """Errors for what changed or regressed, a warning for what cannot be told, nothing for what holds."""
    assert list(notices(report, "sub/assay.lock", LOCK)) == [
        "::error file=sub/assay.lock,line=7,title=names%3A regressed::names, served by small: regressed - why names",
        "::error file=sub/assay.lock,line=1,title=words%3A changed::words, served by small: changed - why words",
        "::warning file=sub/assay.lock,line=8,title=mail%3A open::mail, served by small: open - why mail",
    ]


def test_no_text_ends_a_command_or_begins_another() -> None:
    """Line ends, `%`, `:` and `,` are escaped as GitHub says."""
    kind = a_kind("x,y: 5%\nz", "regressed", reason="one\r\n::error::two 100%")
    report = CheckReport(route="r", kinds=(kind,), guarantee="g", population="p")
    (line,) = notices(report, "a,b:c.lock", LOCK)
    assert "\n" not in line
    assert line.startswith("::error file=a%2Cb%3Ac.lock,line=1,title=x%2Cy%3A 5%25%0Az%3A regressed::")
    assert line.endswith("one%0D%0A::error::two 100%25")


def test_the_summary_is_a_table(report: CheckReport) -> None:
    """A row for each pin, with no cell that breaks it; guarantee and population stand below."""
    hostile = a_kind("p|q", "open", reason="a | b\nc <script>")
    text = summary(CheckReport(route="desk", kinds=(*report.kinds, hostile), guarantee="G", population="P"))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 5
    assert rows[2] == "| sql | small | holds | 6 of 10 | 8 to 10 of 10 | 9 of 10 | why sql |"
    assert rows[-1] == "| p\\|q | small | open | 0 of 10 | - | 9 of 10 | a \\| b c &lt;script> |"
    assert "Guarantee: G. Population: P." in text
    assert text.startswith("### assay check, route desk: a pin does not hold")
