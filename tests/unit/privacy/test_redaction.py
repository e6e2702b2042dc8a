"""Redaction: what is found, what is left alone, and that placeholders keep the meaning."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.privacy.check_digits import luhn, mod97, verhoeff
from assay.privacy.redaction import Redactor

EVERYTHING = Redactor(personal=True)
CREDENTIALS_ONLY = Redactor(personal=False)
DRAWN = "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=60))  # noqa: S311 - a key that opens nothing

LETTERS = "".join(random.Random(7).choices(string.ascii_letters, k=34))  # noqa: S311 - as above


def redacted(text: str, redactor: Redactor = EVERYTHING) -> str:
    """One text by itself."""
    return redactor.begin().text(text)


# ------------------------------------------------------------------------------------ credentials


@pytest.mark.parametrize(
    "secret",
    [
        f"sk-{DRAWN[:40]}", f"sk-ant-api03-{DRAWN[:50]}", "AKIA" + "Q7ZX2MN4RT5VWB3K", f"ghp_{DRAWN[:36]}",
        f"github_pat_{DRAWN}", f"glpat-{DRAWN[:20]}", f"xoxb-{DRAWN[:30]}", f"AIza{DRAWN[:35]}", f"hf_{DRAWN[:34]}",
        f"hf_{LETTERS}",
        f"npm_{DRAWN[:36]}", f"sk_live_{DRAWN[:24]}", f"gsk_{DRAWN[:50]}", f"SG.{DRAWN[:22]}.{DRAWN[:43]}",
        f"nvapi-{DRAWN}", f"123456789:AA{DRAWN[:33]}",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ],
)  # fmt: skip
def test_keys_are_told_by_their_form(secret: str) -> None:
    """A key is taken out wherever it stands, with no word beside it; also where personal data is left alone."""
    for around in ("{}", "use {} here", '{{"k": "{}"}}', "https://host/?x={}&y=1", "({}).", "a={};b"):
        text = around.format(secret)
        assert redacted(text, CREDENTIALS_ONLY) == around.format("<secret-1>"), text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("password: hunter2x", "password: <secret-1>"),
        ("The password is hunter2x.", "The password is <secret-1>."),
        ("my password is tr0ub4dor&3!", "my password is <secret-1>"),
        ('{"password": "tr0ub4dor&3&x"}', '{"password": "<secret-1>"}'),
        ("/login?password=tr0ub4dor&user=ada", "/login?password=<secret-1>&user=ada"),
        ('{"password": "p@ss-w0rd"}', '{"password": "<secret-1>"}'),
        ('{\\"api_key\\": \\"Zx81kQ0pLm77Wd2f\\"}', '{\\"api_key\\": \\"<secret-1>\\"}'),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI9K7MDENGbPxRfiCY0EXA", "AWS_SECRET_ACCESS_KEY=<secret-1>"),
        ("postgres://ada:s3same@db.local:5432/x", "postgres://<secret-1>@db.local:5432/x"),
        ("redis://:onlyapass@h", "redis://<secret-1>@h"),
        ("https://u:p@ss@host/a", "https://<secret-1>@host/a"),
        ("Authorization: Bearer Zx81kQ0pLm77Wd2f", "Authorization: Bearer <secret-1>"),
        (f"Authorization: Basic {base64.b64encode(b'ada:s3same').decode()}", "Authorization: Basic <secret-1>"),
        ("Cookie: sid=31d4d96e407aad42; lang=en", "Cookie: <secret-1>"),
        ("a\n-----BEGIN EC PRIVATE KEY-----\nMHcC\nAQEE\n-----END EC PRIVATE KEY-----\nb", "a\n<secret-1>\nb"),
        ("-----BEGIN PRIVATE KEY-----\\nMHcCAQEE\\nZm9v", "<secret-1>"),
    ],
)
def test_secrets_are_told_by_what_stands_beside_them(text: str, wanted: str) -> None:
    """Names of fields, URLs, headers and the borders of a private key, cut off or not, tell what is secret."""
    assert redacted(text, CREDENTIALS_ONLY) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=1024, token_count: 12345678901234", "password=password", "password: required, see settings",
        "token = self.get_token(request)", "api_key=os.environ['KEY']", "secret: ${SECRET_FROM_VAULT}",
        "the token is rotated weekly", "password: <secret-1>", "https://host:8080/path", "class sk-fading-circle",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "sort key: created_at",
    ],
)  # fmt: skip
def test_code_and_words_are_no_secrets(text: str) -> None:
    """Names of variables, counts, digests and placeholders stay as they are."""
    assert redacted(text, CREDENTIALS_ONLY) == text


@pytest.mark.parametrize(
    "write",
    [
        str, lambda s: s[::-1], lambda s: s.encode().hex(), lambda s: f'"{s}"',
        lambda s: base64.b64encode(s.encode()).decode(), lambda s: base64.b64encode(b"ab" + s.encode() + b"c").decode(),
        lambda s: base64.b64encode(b"a" + s.encode()).decode(), lambda s: quote(s, safe=""),
    ],
)  # fmt: skip
def test_a_known_secret_is_found_in_every_dress(write: object) -> None:
    """Plain, reversed, hexadecimal, as a URL writes it and inside base64, at each of its three places."""
    secret = "the otter/sleeps at noon"
    text = f"see {write(secret)} there"  # type: ignore[operator]
    found = redacted(text, Redactor(personal=False, secrets=[secret, "abc"]))
    assert "<secret-1>" in found
    assert len(found) <= len(text) - 14
    assert redacted("abc", Redactor(personal=False, secrets=["abc"])) == "abc"


# ----------------------------------------------------------------------------------- personal data


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Write to ada.l+x@mail.example.org.", "Write to <email-1>."),
        ("ada (at) example (dot) org", "<email-1>"),
        ("ring +49 170 1234567 or 00 44 20 7946 0000", "ring <phone-1> or <phone-2>"),
        ("(415) 555-2671, 415-555-2671", "<phone-1>, <phone-1>"),
        ("06 12 34 56 78 / 030-1234567", "<phone-1> / <phone-2>"),
        ("(0117)4960227, 415.555.2671x33", "<phone-1>, <phone-2>"),
        ("'ada@x.org' is it", "'<email-1>' is it"),
        ("my mobile number is 5512345678", "my mobile number is <phone-1>"),
        ("4111 1111 1111 1111 12/26 123", "<card-1> 12/26 123"),
        ("3782-822463-10005", "<card-1>"),
        ("DE89 3704 0044 0532 0130 00 BANK", "<iban-1> BANK"),
        ("GB82WEST12345698765432", "<iban-1>"),
        ("from 203.0.113.9, 2001:db8:0:1::7", "from <ip-1>, <ip-2>"),
        ("00:1b:44:11:3a:b7", "<device-1>"),
        ("born on 3 May 1980; DOB: 1980-05-03", "born on <birth-date-1>; DOB: <birth-date-2>"),
        ("passport number: X1234567", "passport number: <id-1>"),
    ],
)
def test_personal_data_is_found(text: str, wanted: str) -> None:
    """Each sort where it stands in a sentence; what follows a number is not taken with it."""
    assert redacted(text) == wanted
    assert redacted(text, CREDENTIALS_ONLY) == text


@pytest.mark.parametrize(
    "number",
    [
        "078-05-1120", "AB 12 34 56 C", "943 476 5919", "12345678Z", "X-1234567-L", "RSSMRA80A01H501U",
        "86 095 742 719",
        "44051401359",
        "811228-9874", "131052-308T", "756.9217.0769.85", "85.07.30-033.28", "111.444.777-35", "11144477735",
        "11010519491231002X", "046 454 286", "BSN 111222333",
    ],
)  # fmt: skip
def test_identity_numbers_are_told_by_their_check(number: str) -> None:
    """Published examples of national numbers are found; one with another check digit is not taken for one."""
    assert "<id-1>" in redacted(f"no. {number}, please")


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-06 10:11:12", "order 12345678", "3.14159265358979", "version 1.2.3.4.5", "at 12:34:56",
        "std::vector<int> a::b", "127.0.0.1:8080 and ::1 and 0.0.0.0", "1234 5678 9012 3456", "price 1,234,567.89",
        "12345678A", "RSSMRA80A01H501X", "86 095 742 710", "756.9217.0769.84", "1700000000",
        "DE89 3704 0044 0532 0130 01",
        "@dataclass", "rows 100-200, 300-400", "uuid 123e4567-e89b-12d3-a456-426614174000", "000-12-3456",
    ],
)  # fmt: skip
def test_other_numbers_stay(text: str) -> None:
    """Dates, versions, amounts, order numbers and what fails its check digit are no personal data."""
    assert redacted(text) == text


def test_check_digits_hold_for_what_they_were_made_for() -> None:
    """A valid number passes; every change of a single digit fails (all three codes find each of them)."""
    for holds, number in ((luhn, "79927398713"), (verhoeff, "2363"), (mod97, "GB82WEST12345698765432")):
        assert holds(number)
        for place, char in enumerate(number):
            if char.isdigit():
                for other in set("0123456789") - {char}:
                    assert not holds(number[:place] + other + number[place + 1 :]), (number, place, other)


# ------------------------------------------------------------------------------------- placeholders


def test_equal_things_have_equal_placeholders() -> None:
    """Within one redaction, however they are written; another redaction begins anew; all are counted."""
    one = EVERYTHING.begin()
    assert one.text("Ada@x.org asks bob@x.org") == "<email-1> asks <email-2>"
    assert (
        one.text("bob@x.org wrote to ada@x.org, card 4111 1111 1111 1111")
        == "<email-2> wrote to <email-1>, card <card-1>"
    )
    assert one.text("4111-1111-1111-1111") == "<card-1>"
    assert dict(one.taken) == {"email": 4, "card": 2}
    assert redacted("bob@x.org") == "<email-1>"


def test_placeholders_that_are_there_keep_their_meaning() -> None:
    """A text that was redacted before gets higher numbers for what is found now, also where that comes first."""
    assert redacted("a@x.org and <email-3>") == "<email-4> and <email-3>"
    assert EVERYTHING.begin().value(["a@x.org", "<email-1>"]) == ["<email-2>", "<email-1>"]


def test_redacting_twice_changes_nothing() -> None:
    """What came out of it has nothing more to find."""
    once = redacted("a@x.org +49 170 1234567 password: hunter2x 4111 1111 1111 1111 078-05-1120")
    assert redacted(once) == once


def test_values_are_redacted_all_through() -> None:
    """Keys, nested texts and numbers of a JSON value; the rest of it stays as it is."""
    value = {"a@x.org": [{"n": 4111111111111111, "ok": True, "f": 1.5, "none": None, "id": 123456789}], "t": "a@x.org"}
    assert EVERYTHING.begin().value(value) == {
        "<email-1>": [{"n": "<card-1>", "ok": True, "f": 1.5, "none": None, "id": 123456789}],
        "t": "<email-1>",
    }


def test_json_text_stays_json() -> None:
    """Arguments of a tool call can be read afterwards; a text that is no JSON is redacted as a text."""
    text = '{"card": 4111111111111111, "to": "a@x.org",  "n": 1}'
    assert json.loads(EVERYTHING.begin().json(text)) == {"card": "<card-1>", "to": "<email-1>", "n": 1}
    assert EVERYTHING.begin().json('{"n":   1}') == '{"n":   1}'
    assert EVERYTHING.begin().json('{"to": "a@x.org"') == '{"to": "<email-1>"'
    assert EVERYTHING.begin().value({"arguments": text}) == {"arguments": '{"card":"<card-1>","to":"<email-1>","n":1}'}
    assert EVERYTHING.begin().json("[" * 100_000) == "[" * 100_000


@given(st.text())
def test_any_text_can_be_redacted(text: str) -> None:
    """Nothing raises, and what is left can be redacted again without change in what was taken."""
    one = EVERYTHING.begin()
    if one.text(text) != text:
        assert one.taken.total() > 0


@pytest.mark.parametrize(
    "unit",
    ["1 ", "a@", "://a:", "password is ", "1-", "[at]", "+1(", "a:", "tel 1", "sk-", "secret='", "eyJaaaaaaaaa.",
     "-----BEGIN PRIVATE KEY-----!", "DE89", "0", "\\n", "bearer ", "A1 ", "1.", "born 1 "],
)  # fmt: skip
def test_no_text_makes_it_slow(unit: str) -> None:
    """Time grows with the length and no faster: ten times the text takes nowhere near a hundred times as long."""

    def seconds(length: int) -> float:
        text = (unit * length)[:length]
        best = 9e9
        for _ in range(2):
            began = time.process_time()
            redacted(text)
            best = min(best, time.process_time() - began)
        return best

    assert seconds(20_000) < 40 * max(seconds(2_000), 0.002)
