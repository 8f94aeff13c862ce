"""Bodies and preferences of requests."""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any

import pytest
from flask import Flask
from gunicorn.http.errors import InvalidChunkSize
from werkzeug.exceptions import ClientDisconnected

from dcapi.api.bodies import (
    MAX_PARTS,
    FileOfForm,
    Form,
    boundary_of,
    json_body,
    json_object,
    read_form,
    wait_of,
)
from dcapi.errors import BadRequest, ContentTooLarge, DcapiError

LIMIT = 100


def part(headers: str, content: bytes = b"x") -> bytes:
    return b"--B\r\n" + headers.encode() + b"\r\n\r\n" + content + b"\r\n"


def text(name: str, content: bytes = b"x") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', content)


def file(name: str, content: bytes = b"x") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"; filename="f.yaml"', content)


END = b"--B--\r\n"


def read(content: bytes) -> Form:
    return read_form(content, b"B", text_limit=LIMIT)


class TestJson:
    def test_an_object_is_read(self) -> None:
        assert json_object(b'{"a": [1, "\xc3\xb8"]}') == {"a": [1, "ø"]}

    @pytest.mark.parametrize(
        "content",
        [
            b"", b" ", b"{", b'{"a": 1', b"{'a': 1}",
            b'{"a": NaN}', b'{"a": Infinity}', b"\xff", b'{"a": "\xff"}',
            b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000, b'{"a": 1} x', b'{"a": "\x00"}',
            b"\xef\xbb\xbf{}", b'{"a": ' + b"1" * 5000 + b"}", '{"a": 1}'.encode("utf-16"),
        ],
        ids=lambda content: ascii(content[:20]),
    )  # fmt: skip
    def test_what_is_no_json_is_malformed(self, content: bytes) -> None:
        with pytest.raises(BadRequest, match=r"^Request body is malformed\.$"):
            json_object(content)

    @pytest.mark.parametrize("content", [b"[]", b"[{}]", b"null", b"1", b'"a"', b"true"])
    def test_json_that_is_no_object_is_of_an_invalid_format(self, content: bytes) -> None:
        with pytest.raises(BadRequest, match=r"^Invalid request body format$"):
            json_object(content)

    def test_an_empty_object_is_no_body(self) -> None:
        with pytest.raises(BadRequest, match=r"^Body required$"):
            json_object(b"{}")


class _BrokenFraming:
    """What the server gives a request whose chunks are none."""

    def read(self, _size: int = -1) -> bytes:
        raise InvalidChunkSize(b"zz")


class TestLength:
    @pytest.fixture
    def app(self) -> Flask:
        app = Flask(__name__)
        app.config["MAX_CONTENT_LENGTH"] = LIMIT
        return app

    def _chunked(self, app: Flask, stream: Any) -> Any:
        """A request that announces no length."""
        return app.test_request_context(
            method="POST", environ_overrides={"wsgi.input": stream, "wsgi.input_terminated": True}
        )

    def test_a_body_that_announces_more_than_the_limit_is_too_large(self, app: Flask) -> None:
        with app.test_request_context(method="POST", data=b" " * (LIMIT + 1)), pytest.raises(ContentTooLarge):
            json_body()

    def test_a_body_without_a_length_is_taken_up_to_the_limit(self, app: Flask) -> None:
        content = b'{"a": 1}'.ljust(LIMIT)
        with self._chunked(app, io.BytesIO(content)):
            assert json_body() == {"a": 1}
        with self._chunked(app, io.BytesIO(content + b" ")), pytest.raises(ContentTooLarge):
            json_body()

    def test_a_body_that_breaks_off_is_the_caller_s_fault(self, app: Flask) -> None:
        short = app.test_request_context(
            method="POST", environ_overrides={"wsgi.input": io.BytesIO(b"{"), "CONTENT_LENGTH": "50"}
        )
        with short, pytest.raises(ClientDisconnected):
            json_body()

    def test_chunks_that_are_none_are_the_caller_s_fault(self, app: Flask) -> None:
        with self._chunked(app, _BrokenFraming()), pytest.raises(BadRequest, match="not framed"):
            json_body()


class TestForm:
    def test_texts_and_files_are_told_apart(self) -> None:
        form = read(text("a", "ø".encode()) + file("b", b"\xff\x00\r\n") + END)
        assert form == Form(texts={"a": "ø"}, files={"b": FileOfForm(b"\xff\x00\r\n", "f.yaml")})
        assert form.values() == {"a": "ø", "b": b"\xff\x00\r\n"}

    def test_a_form_with_only_a_closing_boundary_is_empty(self) -> None:
        assert read(b"--B--\r\n") == Form()
        assert read(b"--B--") == Form()
        assert read(b"\r\n--B--\r\n") == Form()

    def test_a_part_may_be_empty_and_have_any_content_type(self) -> None:
        header = 'Content-Disposition: form-data; name="a"\r\nContent-Type: application/octet-stream'
        assert read(part(header, b"") + END).texts == {"a": ""}

    @pytest.mark.parametrize(
        ("parameter", "name"),
        [
            ('filename="a b.yaml"', "a b.yaml"),
            ("filename=a.yaml", "a.yaml"),
            ("filename*=UTF-8''%C3%B8.yaml", "ø.yaml"),
            ('filename=""', ""),
            (r'filename="C:\dir\z.tgz"', r"C:\dir\z.tgz"),
            (r'filename="a\"b.yaml"', 'a"b.yaml'),
            ('filename="/home/x/y.yaml"', "/home/x/y.yaml"),
        ],
    )
    def test_a_part_with_any_kind_of_file_name_is_a_file(self, parameter: str, name: str) -> None:
        header = f'Content-Disposition: form-data; name="a"; {parameter}'
        assert read(part(header, b"x: 1") + END) == Form(files={"a": FileOfForm(b"x: 1", name)})

    def test_a_file_keeps_the_type_that_was_sent_with_it(self) -> None:
        header = 'Content-Disposition: form-data; name="a"; filename="x"\r\nContent-Type: application/zip'
        assert read(part(header, b"PK") + END).files["a"].content_type == "application/zip"

    def test_a_name_may_be_unquoted_and_a_line_break_bare(self) -> None:
        assert read(b"--B\nContent-Disposition: form-data; name=a\n\nx\n--B--\n").texts == {"a": "x"}

    def test_what_stands_before_and_after_the_form_is_skipped(self) -> None:
        assert read(b"before\r\n" + text("a") + END + b"after").texts == {"a": "x"}

    def test_a_file_may_be_longer_than_a_text(self) -> None:
        content = b"y" * (LIMIT * 1000)
        assert read(file("a", content) + END).files == {"a": FileOfForm(content, "f.yaml")}

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"junk", b"--B", b"--B\r\n", text("a"), text("a")[:-4], text("a")[:20],
            file("a", b"x" * 50_000),
            text("a") + b"--B", text("a") + b"--C--\r\n", part("Content-Type: text/plain") + END,
            part("Content-Disposition: form-data") + END, text("") + END, text("a") + text("a") + END,
            text("a") + file("a") + END, text("a", b"\xff") + END,
            b'--B\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n' + END,
            part("X: " + "y" * 200_000 + '\r\nContent-Disposition: form-data; name="a"') + END,
        ],
        ids=lambda content: ascii(content[:60]),
    )  # fmt: skip
    def test_a_broken_form_is_refused(self, content: bytes) -> None:
        with pytest.raises(BadRequest, match=r"^Invalid multipart body: "):
            read(content)

    def test_a_text_that_is_too_long_is_too_large(self) -> None:
        with pytest.raises(ContentTooLarge, match=f"longer than {LIMIT} bytes"):
            read(text("a", b"x" * (LIMIT + 1)) + END)

    def test_too_many_parts_are_too_large(self) -> None:
        form = b"".join(text(f"a{number}") for number in range(10_000)) + END
        with pytest.raises(ContentTooLarge, match=f"more than {MAX_PARTS} parts"):
            read(form)

    @pytest.mark.parametrize(
        "content",
        [
            b"--B " * 500_000,
            b"\r\n" * 1_000_000,
            b"--B\r\n" + b"a: b\r\n" * 300_000,
            part('Content-Disposition: form-data; name="a' + ';b="\\"' * 2_000) + END,
            file("a", b"\r\n--B x" * 200_000) + END,
        ],
        ids=["boundaries", "lines", "headers", "quotes", "near boundaries"],
    )
    def test_a_hostile_form_costs_little_time(self, content: bytes) -> None:
        began = time.process_time()
        with contextlib.suppress(DcapiError):
            read(content)
        assert time.process_time() - began < 5


class TestContentType:
    @pytest.mark.parametrize(
        "content_type",
        [
            "multipart/form-data; boundary=B",
            'Multipart/Form-Data; charset=utf-8; boundary="B"',
        ],
    )
    def test_a_form_names_its_boundary(self, content_type: str) -> None:
        assert boundary_of(content_type) == b"B"

    @pytest.mark.parametrize(
        "content_type", ["", "application/json", "text/plain; boundary=B", "multipart/mixed"]
    )
    def test_another_type_is_refused_with_what_it_must_be(self, content_type: str) -> None:
        with pytest.raises(BadRequest, match="must be multipart/form-data"):
            boundary_of(content_type)

    @pytest.mark.parametrize(
        "content_type",
        ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=ø"],
    )
    def test_a_form_without_a_boundary_is_refused(self, content_type: str) -> None:
        with pytest.raises(BadRequest, match="no boundary"):
            boundary_of(content_type)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10.0),
        ("WAIT = 10", 10.0),
        ('wait="10"', 10.0),
        ("respond-async, wait=10", 10.0),
        ('foo="a, wait=3"; bar, wait=10; x=y', 10.0),
        ("wait=0", 0.0),
        ("wait=007", 7.0),
        ("wait=0000000000007", 7.0),
        ("wait=61", 60.0),
        ("wait=" + "9" * 5000, 60.0),
        ("wait=5, wait=10", 5.0),
        (",,, wait=10", 10.0),
        ("", None),
        ("wait", None),
        ("wait=", None),
        ("wait=soon", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=1e3", None),
        ("wait=\u0663", None),
        ("waits=10", None),
        ("return=minimal; wait=10", None),
        ('"', None),
        ('=,;"\\', None),
    ],
)  # fmt: skip
def test_the_preference_to_wait_is_read_and_bounded(header: str, seconds: float | None) -> None:
    assert wait_of(header, 60) == seconds
