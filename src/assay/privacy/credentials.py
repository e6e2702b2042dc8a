"""Detectors of what opens doors: keys and tokens of known form, private keys, passwords beside their name."""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from assay.privacy.detector import Detector, whole

__all__ = ["CREDENTIALS", "KNOWN_AT_LEAST", "known"]

KNOWN_AT_LEAST = 6
"""A known secret of fewer characters would be found in words that mean something else."""

_KEYS = {
    "sk-": r"sk-[A-Za-z0-9_-]{20,200}",  # OpenAI, Anthropic, OpenRouter and those that follow them
    "akia": r"AKIA[A-Z2-7]{16}",
    "asia": r"ASIA[A-Z2-7]{16}",
    "ghp_": r"ghp_[A-Za-z0-9]{30,255}",
    "gho_": r"gho_[A-Za-z0-9]{30,255}",
    "ghu_": r"ghu_[A-Za-z0-9]{30,255}",
    "ghs_": r"ghs_[A-Za-z0-9]{30,255}",
    "ghr_": r"ghr_[A-Za-z0-9]{30,255}",
    "github_pat_": r"github_pat_[A-Za-z0-9_]{40,255}",
    "gl": r"gl(?:pat|ptt|dt|rt|cbt|soat|agent|ft|imt|sa)[-_][A-Za-z0-9_.-]{20,200}",  # GitLab, Grafana
    "xox": r"xox[abeoprs]-[A-Za-z0-9-]{10,250}",
    "xapp-": r"xapp-\d-[A-Za-z0-9-]{10,250}",
    "aiza": r"AIza[A-Za-z0-9_-]{35}",
    "ya29.": r"ya29\.[A-Za-z0-9_-]{20,400}",
    "gocspx-": r"GOCSPX-[A-Za-z0-9_-]{20,40}",
    "hf_": r"hf_[A-Za-z0-9]{30,60}",
    "npm_": r"npm_[A-Za-z0-9]{36}",
    "pypi-": r"pypi-[A-Za-z0-9_-]{50,250}",
    "rubygems_": r"rubygems_[0-9a-f]{40,60}",
    "k_live_": r"[rs]k_live_[A-Za-z0-9]{16,250}",
    "k_test_": r"[rs]k_test_[A-Za-z0-9]{16,250}",
    "whsec_": r"whsec_[A-Za-z0-9+/]{20,100}={0,2}",
    "sq0": r"sq0[a-z]{3}-[A-Za-z0-9_-]{22,43}",
    "sg.": r"SG\.[A-Za-z0-9_-]{16,30}\.[A-Za-z0-9_-]{30,60}",
    "_v1_": r"do[opr]_v1_[0-9a-f]{64}",
    "shp": r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}",
    "gsk_": r"gsk_[A-Za-z0-9]{30,80}",
    "xai-": r"xai-[A-Za-z0-9]{30,120}",
    "r8_": r"r8_[A-Za-z0-9]{30,50}",
    "nvapi-": r"nvapi-[A-Za-z0-9_-]{40,100}",
    "pplx-": r"pplx-[A-Za-z0-9]{30,80}",
    "tvly-": r"tvly-[A-Za-z0-9-]{20,60}",
    "hv": r"hv[sbr]\.[A-Za-z0-9_-]{20,250}",
    "lin_api_": r"lin_api_[A-Za-z0-9]{30,60}",
    "sntrys_": r"sntrys_[A-Za-z0-9_=+/-]{30,250}",
    "pmak-": r"PMAK-[0-9a-f-]{40,80}",
    "dapi": r"dapi[0-9a-f]{32}",
    "age-secret": r"AGE-SECRET-KEY-1[0-9A-Z]{58}",
    ":aa": r"\d{8,10}:AA[A-Za-z0-9_-]{33}",  # Telegram's bots
    "eyj": r"eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{0,2000}",  # a JSON web token
}
"""The forms of keys, by what each of them holds in lower case."""
_PRIVATE_KEY = (
    r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?!-----END)[A-Za-z0-9+/=\s\\:,.\"'-]){0,5000}+"
    r"(?:-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
_QUOTE = r"[\"'`\\]{0,3}"
_IS = rf"{_QUOTE}[ \t]{{0,3}}(?:=>|:=|[:=]|[ \t]is[ \t])[ \t]{{0,3}}{_QUOTE}"
_VALUE = r"(?P<it>(?:[^\s\"'`,;&<>()\[\]{}\\]|&(?![\w.-]{1,40}=)){6,512}+)(?![(\[])"
_BESIDE_PASSWORDS = r"(?i:passw(?:or)?d|passwort|passphrase|passcode|passwd|pwd|contraseña|mot de passe)[\w-]{0,16}"
_BESIDE_KEYS = (
    r"(?i:api[_ -]?key|access[_ -]?key|secret|token|private[_-]?key|auth[_-]?key|account[_-]?key|shared[_-]?key|"
    r"credentials?|signature|client[_-]?key|encryption[_-]?key|sig)(?:[_-][\w-]{1,24})?"
)
_WORDS = re.compile(r"[^\W\d_]+(?:[._:/-]+[^\W\d_]+)*")  # also names of attributes
_DRAWN_LETTERS = re.compile(r"(?=[A-Z]*[a-z])(?=[a-z]*[A-Z])[A-Za-z]{30}")  # Hugging Face's tokens have no digit
_NAME = re.compile(r"[A-Za-z_.:/-]+\d{0,2}")
_MARKED = ("$", "{", "<", "%", "*", "os.", "env.", "process.env", "...")


def _bits(text: str) -> float:
    """Shannon's entropy of the characters, in bits each."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _looks_drawn(text: str) -> bool:
    """Letters and digits in no word's order."""
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text)) and _bits(text) >= 3.0


def _is_no_word(found: str) -> bool:
    return len(set(found)) > 6 and (any(map(str.isdigit, found)) or _DRAWN_LETTERS.search(found) is not None)


def _password(found: str) -> str:
    """Without the full stop of the sentence that it ends."""
    said = found.rstrip(".,:")
    word = said.rstrip("!?")
    if found.startswith(_MARKED) or _WORDS.fullmatch(word):
        return ""
    return said if any(map(str.isalpha, word)) and any(not char.isalpha() for char in word) else ""


def _is_key(found: str) -> bool:
    return not found.startswith(_MARKED) and not _NAME.fullmatch(found) and len(found) >= 12 and _looks_drawn(found)


def _is_basic(found: str) -> bool:
    try:
        return b":" in base64.b64decode(found + "=" * (-len(found) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


CREDENTIALS = (
    Detector("secret", re.compile(_PRIVATE_KEY), words=("private key",), spans_lines=True),
    Detector(
        "secret",
        re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_KEYS.values())})"),
        whole(_is_no_word),
        words=tuple(_KEYS),
    ),
    Detector("secret", re.compile(r"://(?P<it>[^\s/\"'<>@:]{0,256}:[^\s/\"'<>]{1,256})@"), words=("://",)),
    Detector(
        "secret",
        re.compile(r"(?i:\bbearer[ \t]{1,3})(?P<it>[A-Za-z0-9._~+/-]{16,4000}={0,2})"),
        whole(_looks_drawn),
        words=("bearer",),
    ),
    Detector(
        "secret",
        re.compile(r"(?i:\bbasic[ \t]{1,3})(?P<it>[A-Za-z0-9+/]{8,1000}={0,2})"),
        whole(_is_basic),
        words=("basic",),
    ),
    Detector(
        "secret",
        re.compile(r"(?i:\b(?:set-)?cookie[ \t]?:[ \t]?)(?P<it>[^\r\n\"']{8,4000})"),
        words=("cookie",),
    ),
    Detector(
        "secret",
        re.compile(_BESIDE_PASSWORDS + _IS + _VALUE),
        _password,
        words=("passw", "passphrase", "passcode", "pwd", "contraseña", "mot de passe"),
    ),
    Detector(
        "secret",
        re.compile(_BESIDE_KEYS + _IS + _VALUE),
        whole(_is_key),
        words=("key", "secret", "token", "credential", "signature", "sig"),
    ),
)
"""In this order: what tells itself comes before what only its neighbour tells."""


def known(secrets: Iterable[str]) -> Detector | None:
    """A detector of texts that are known to be secret, also as URLs, JSON, hexadecimal and base64 write them."""
    forms = {form for secret in secrets if len(secret) >= KNOWN_AT_LEAST for form in _forms(secret)}
    if not forms:
        return None
    pattern = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return Detector("secret", re.compile(pattern), spans_lines=True)


def _forms(secret: str) -> Iterator[str]:
    data = secret.encode("utf-8", "surrogatepass")
    yield from (
        secret,
        secret[::-1],
        quote(data, safe=""),
        secret.replace("\\", "\\\\").replace('"', '\\"'),
        data.hex(),
    )
    for before in range(3):  # base64 of a longer text that holds it: the characters that hang on nothing else
        encoded = base64.b64encode(b"\0" * before + data).decode()
        inner = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        if len(inner) >= KNOWN_AT_LEAST + 2:
            yield inner
