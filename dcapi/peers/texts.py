"""What a peer says, made fit for messages and logs: readable, short, no control characters, no secrets."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import orjson

from dcapi.models.limits import DIRECTIONS

# Bytes of an error body that are looked at, and characters of it that are kept.
LONGEST_BODY = 64 * 1024
LONGEST_TEXT = 500
HIDDEN = "***"
# A shorter secret stands in too many words to be hidden in them.
SHORTEST_HIDDEN = 4
LEFT_OUT = "(left out, because it may hold a secret)"
# Shorter lines of a secret of many lines are no secrets.
SHORTEST_LINE = 4
# Python writes a text that holds both of them between single ones: the first four characters, then the rest.
QUOTES = "'\""

# Keys that hold the message of a JSON error body: of this API, of Keystone, of the platform API.
MESSAGE_KEYS = ("description", "message", "faultstring", "error_message", "error", "detail", "title")

# In the HTML error page the message comes last, after the general explanation of the code.
PAGE_MESSAGE = re.compile(r"<br\s*/?>\s*<br\s*/?>(.*?)(?:</body>|$)", re.DOTALL | re.IGNORECASE)
# One that is not closed ends with the page or its head: so each of them is looked through only once.
HIDDEN_ELEMENTS = re.compile(r"<(script|style|head)\b.*?(?:</\1>|(?=<body\b)|\Z)", re.DOTALL | re.IGNORECASE)
TAG = re.compile(r"<[^<>]*>")
UNPRINTABLE = re.compile(rf"[\x00-\x20\x7f-\x9f\u2028\u2029{DIRECTIONS}\ud800-\udfff]+")


def readable(body: bytes, secrets: Iterable[str] = ()) -> str:
    """The message of an error body, at most LONGEST_TEXT characters long."""
    text = _hide(body[:LONGEST_BODY].decode("utf-8", "replace"), secrets)
    return clean(_message_of(text), secrets)


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """A text on one line, without secrets, cut to LONGEST_TEXT characters."""
    text = UNPRINTABLE.sub(" ", _hide(text, secrets)).strip()
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def told(text: str, secrets: Iterable[str]) -> str:
    """What a peer says, without secrets; left out when one in it is too short to be hidden."""
    short = (secret for secret in secrets if secret.strip() and len(secret) < SHORTEST_HIDDEN)
    if any(form in text for secret in short for form in _forms(secret)):
        return LEFT_OUT
    return clean(text, secrets)


def _hide(text: str, secrets: Iterable[str]) -> str:
    """A text without its secrets, also escaped or encoded; the longest first: one may hold another."""
    hidden = [secret for secret in secrets if len(secret) >= SHORTEST_HIDDEN]
    forms = {form for secret in hidden for part in _parts(secret) for form in _forms(part)}
    for form in sorted(filter(None, forms), key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def _parts(secret: str) -> list[str]:
    """A secret, and the lines of one that has many: they may be told one by one."""
    return [secret, *(line for line in secret.splitlines() if len(line.strip()) >= SHORTEST_LINE)]


def _forms(secret: str) -> Iterator[str]:
    """The ways in which a program may write a text down."""
    yield from (secret, html.escape(secret), UNPRINTABLE.sub(" ", secret))
    yield from (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    # A text with quotes of both kinds around it has other quotes escaped than the secret alone.
    yield from (write(secret)[1:-1] for write in (repr, ascii))
    yield from (write(QUOTES + secret)[4:-1] for write in (repr, ascii))
    yield from (encode(secret, safe="", errors="replace") for encode in (quote, quote_plus))
    yield base64.b64encode(secret.encode("utf-8", "replace")).decode()


def _message_of(text: str) -> str:
    try:
        document = orjson.loads(text)
    except ValueError:
        return _page_message(text) if "<" in text else text
    return _json_message(document) or text


def _json_message(document: Any, depth: int = 0) -> str:
    """The first text under a message key; some services nest it, or wrap it in JSON once more."""
    if isinstance(document, str):
        return _message_of(document) if document.startswith("{") and depth < 3 else document
    if not isinstance(document, dict) or depth == 3:
        return ""
    found = (_json_message(document[key], depth + 1) for key in MESSAGE_KEYS if document.get(key))
    return next((text for text in found if text), "")


def _page_message(page: str) -> str:
    message = PAGE_MESSAGE.search(page)
    shown = message.group(1) if message else ""
    if not TAG.sub("", shown).strip():
        shown = HIDDEN_ELEMENTS.sub(" ", page)
    return html.unescape(TAG.sub(" ", shown))
