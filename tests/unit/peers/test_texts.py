"""What a peer says becomes one short line without secrets."""

from __future__ import annotations

import html
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcapi.peers.texts import HIDDEN, LEFT_OUT, LONGEST_TEXT, clean, readable, told

PAGE = """<html><head><title>400 Bad Request</title><style>p {}</style></head><body>
<h1>400 Bad Request</h1>
The server could not comply with the request.<br /><br />
Cannot delete &quot;edge&quot; &lt;now&gt;
</body></html>"""


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"code": 400, "title": "Bad Request", "description": "Invalid group"}', "Invalid group"),
        ('{"error": {"code": 401, "title": "Unauthorized", "message": "Log in"}}', "Log in"),
        ('{"error_message": "{\\"faultstring\\": \\"No such system\\"}"}', "No such system"),
        ('{"message": "", "title": "Forbidden"}', "Forbidden"),
        ('{"other": 5}', '{"other": 5}'),
        ('"a plain text"', "a plain text"),
        ("[1, 2]", "[1, 2]"),
        (PAGE, 'Cannot delete "edge" <now>'),
        ("<html><body><h1>502 Bad Gateway</h1><hr></body></html>", "502 Bad Gateway"),
        ("a\x00b\r\n\x1b[31mc\u2028d\x85e", "a b [31mc d e"),
        ("", ""),
    ],
)
def test_the_message_of_a_body_is_found(body: str, text: str) -> None:
    assert readable(body.encode()) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<html><script>let page = 1;", ""),
        ("<html><head><title>Oops</title><body>It broke", "It broke"),
        ("<html><head><style>p {}</style></head>It broke", "It broke"),
    ],
)
def test_an_element_that_is_not_closed_hides_what_stands_in_it(body: str, text: str) -> None:
    assert readable(body.encode()) == text


def test_a_page_of_elements_that_are_not_closed_is_looked_through_once() -> None:
    # Were the time to grow with the square of the length, this would not end before the test is given up.
    for _ in range(100):
        assert readable(b"<head " * 10_000) == ""


def test_bytes_that_are_no_text_are_readable_all_the_same() -> None:
    assert readable(b"\xff\xfebad") == "\ufffd\ufffdbad"


def test_a_json_body_nested_deep_is_only_cut() -> None:
    body = b'{"error":' * 50_000
    assert len(readable(body)) == LONGEST_TEXT


def test_a_long_text_is_cut() -> None:
    text = readable(b"x" * 10_000_000)
    assert (len(text), text[-1]) == (LONGEST_TEXT, "…")


def test_a_longer_secret_hides_before_one_that_it_contains() -> None:
    assert clean("a secret2 b", ["secret", "secret2", ""]) == f"a {HIDDEN} b"


@pytest.mark.parametrize(
    "body",
    ['{"echo": "a\\"<b>&c/d"}', "<p>a&quot;&lt;b&gt;&amp;c/d</p>", "a%22%3Cb%3E%26c%2Fd", '<p>a"<b>&c/d</p>'],
)
def test_a_secret_is_hidden_where_it_is_escaped_too(body: str) -> None:
    text = readable(body.encode(), ['a"<b>&c/d'])
    assert HIDDEN in text
    assert "c/d" not in text


# Characters that one or another way to write a text down changes.
AWKWARD = "Möwe 'n \"Tau\\9\nund ein Poller"


@pytest.mark.parametrize(
    "written",
    [
        repr({"passphrase": AWKWARD}),
        repr({"passphrase": AWKWARD.replace('"', "")}),
        repr("no 'good': " + AWKWARD.replace('"', "")),
        ascii({"passphrase": AWKWARD}),
        json.dumps({"passphrase": AWKWARD}),
        json.dumps({"passphrase": AWKWARD}, ensure_ascii=False),
        "passphrase: |\n    " + AWKWARD.replace("\n", "\n    "),
        AWKWARD.replace("\n", " "),
        urlencode({"passphrase": AWKWARD}),
    ],
)
@pytest.mark.parametrize("page", ["{}", "<body><h1>500</h1>x<br /><br />{}</body>", "500 because of {}"])
def test_a_secret_is_hidden_however_a_program_writes_it_down(written: str, page: str) -> None:
    body = page.format(html.escape(written) if "<" in page else written)
    text = readable(body.encode(), [AWKWARD, AWKWARD.replace('"', "")])
    assert HIDDEN in text
    assert not [word for word in ("Tau", "Poller") if word in text], text


def test_a_text_that_may_hold_a_short_secret_is_left_out() -> None:
    assert told("the BMC refused ab1 as a password", ["ab1", "", " "]) == LEFT_OUT
    assert told("the BMC does not answer", ["ab1", "", " "]) == "the BMC does not answer"


@given(st.text(), st.text(alphabet="abcXYZ019+/=-_", min_size=6), st.text())
def test_a_secret_is_in_no_text_whatever_surrounds_it(before: str, secret: str, after: str) -> None:
    whole = before + secret + after
    for body in (whole, json.dumps({"description": whole}), f"<body><br /><br />{whole}</body>"):
        assert secret not in readable(body.encode("utf-8", "replace"), [secret])


@given(st.binary(max_size=2000))
def test_any_body_becomes_one_short_printable_line(body: bytes) -> None:
    text = readable(body)
    assert len(text) <= LONGEST_TEXT
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)
