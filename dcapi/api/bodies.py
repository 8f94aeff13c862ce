"""What stands in the body and the preferences of a request, before a schema judges it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import Request, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_list_header, parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData, State

from dcapi.api.request import runtime
from dcapi.errors import BadRequest, ContentTooLarge

MULTIPART = "multipart/form-data"
MAX_PARTS = 200
# Bytes of the largest JSON body: whatever is large, such as YAML, comes as a file of a form.
LARGEST_JSON = 1024 * 1024
BODY_REQUIRED = "Body required"
# Bytes that are given to the decoder at a time, which also bounds the headers of a part.
CHUNK = 16 * 1024
TYPED_NAME = re.compile(r'; *filename="((?:[^"\\]|\\.)*)"', re.IGNORECASE)


def refuse_large_body() -> None:
    """Before a request is looked at: 413 when it announces more than this service takes."""
    limit = runtime().settings.MAX_CONTENT_LENGTH
    if (request.content_length or 0) > limit:
        raise ContentTooLarge(f"The body is larger than {limit} bytes")


def json_body() -> dict[str, Any]:
    """The JSON object in the body, whatever its content type; raises BadRequest or ContentTooLarge.

    A view may have set a smaller limit.
    """
    request.max_content_length = min(request.max_content_length or LARGEST_JSON, LARGEST_JSON)
    return json_object(_raw_body(request))


def json_object(content: bytes) -> dict[str, Any]:
    """The JSON object in these bytes; raises BadRequest when it is none, or an empty one."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadRequest("Request body is malformed.") from error
    if not isinstance(value, dict):
        raise BadRequest("Invalid request body format")
    if not value:
        raise BadRequest(BODY_REQUIRED)
    return value


def _raw_body(source: Request) -> bytes:
    try:
        content = source.get_data(cache=False)
        # Of a body that announces no length the stream gives as much as is taken, and no more.
        cut = source.content_length is None and len(content) == source.max_content_length
        if not (cut and source.environ["wsgi.input"].read(1)):
            return content
    except RequestEntityTooLarge:
        pass
    except ParseException as error:  # of the server, which takes chunks apart while they are read
        raise BadRequest("The body is not framed as HTTP requires") from error
    raise ContentTooLarge(f"The body is larger than {source.max_content_length} bytes")


@dataclass(frozen=True)
class FileOfForm:
    """A part that is a file. Its name is as its sender wrote it, often a path; the type may be empty."""

    content: bytes = field(repr=False)
    file_name: str = ""
    content_type: str = ""


@dataclass(frozen=True)
class Form:
    """The parts of a multipart body. No name stands in both."""

    texts: dict[str, str] = field(default_factory=dict, repr=False)
    files: dict[str, FileOfForm] = field(default_factory=dict, repr=False)

    def values(self) -> dict[str, Any]:
        """All parts for a schema: text as str, files as bytes, so that a field knows what it was given."""
        return {**self.texts, **{name: file.content for name, file in self.files.items()}}


def form_body() -> Form:
    """The multipart body of the request; raises BadRequest, for one without parts too, or ContentTooLarge."""
    boundary = boundary_of(request.headers.get("Content-Type", ""))
    form = read_form(_raw_body(request), boundary, text_limit=runtime().settings.MAX_YAML_LENGTH)
    if not form.values():
        raise BadRequest(BODY_REQUIRED)
    return form


def form_or_nothing() -> Form:
    """The multipart body of a request that needs none: without parts or without a body it is empty.

    Raises BadRequest and ContentTooLarge.
    """
    content = _raw_body(request)
    content_type = request.headers.get("Content-Type", "")
    if not content:
        return Form()
    return read_form(content, boundary_of(content_type), text_limit=runtime().settings.MAX_YAML_LENGTH)


def boundary_of(content_type: str) -> bytes:
    """The boundary that a content type names; raises BadRequest when it is no multipart form."""
    kind, parameters = parse_options_header(content_type)
    if kind.lower() != MULTIPART:
        raise BadRequest(f"The body must be {MULTIPART}, not {kind or 'without a content type'}")
    boundary = parameters.get("boundary", "")
    if not boundary or not boundary.isascii():
        raise BadRequest(f"The content type {MULTIPART} names no boundary")
    return boundary.encode()


def read_form(content: bytes, boundary: bytes, *, text_limit: int) -> Form:
    """The parts of a multipart body; ``text_limit`` is in bytes. Raises BadRequest or ContentTooLarge."""
    reading = _FormReading(text_limit)
    decoder = MultipartDecoder(boundary, max_parts=MAX_PARTS)
    try:
        for start in range(0, len(content), CHUNK):
            decoder.receive_data(content[start : start + CHUNK])
            _take_events(decoder, reading)
            if decoder.state is State.PART and len(decoder.buffer) > CHUNK:
                raise BadRequest("Invalid multipart body: the headers of a part are too long")
        decoder.receive_data(None)
        _take_events(decoder, reading)
    except RequestEntityTooLarge as error:
        raise ContentTooLarge(f"The body has more than {MAX_PARTS} parts") from error
    except ValueError as error:
        raise BadRequest("Invalid multipart body: broken, or it ends too early") from error
    return reading.form


def _take_events(decoder: MultipartDecoder, reading: _FormReading) -> None:
    while True:
        event = decoder.next_event()
        reading.take(event)
        if isinstance(event, (NeedData, Epilogue)):
            return


class _FormReading:
    """A form as it comes in, part after part."""

    def __init__(self, text_limit: int) -> None:
        self.form = Form()
        self.text_limit = text_limit
        self.part: Field | File | None = None
        self.content = bytearray()

    def take(self, event: Event) -> None:
        if isinstance(event, (Field, File)):
            self._begin(event)
        elif isinstance(event, Data):
            self.content += event.data
            self._check_length()
            if not event.more_data:
                self._end()

    def _begin(self, part: Field | File) -> None:
        if not part.name:
            raise BadRequest("Invalid multipart body: a part has no name")
        if part.name in self.form.texts or part.name in self.form.files:
            raise BadRequest(f"Invalid multipart body: the part {part.name} occurs twice")
        self.part = part
        self.content = bytearray()

    def _check_length(self) -> None:
        if isinstance(self.part, Field) and len(self.content) > self.text_limit:
            raise ContentTooLarge(f"The part {self.part.name} is longer than {self.text_limit} bytes")

    def _end(self) -> None:
        assert self.part is not None
        if isinstance(self.part, File):
            content_type = self.part.headers.get("Content-Type", "")
            file = FileOfForm(bytes(self.content), _name_as_typed(self.part), content_type)
            self.form.files[self.part.name] = file
            return
        try:
            self.form.texts[self.part.name] = self.content.decode()
        except UnicodeDecodeError as error:
            raise BadRequest(f"Invalid multipart body: the part {self.part.name} is not UTF-8") from error


def _name_as_typed(part: File) -> str:
    """The name of a file with its backslashes: the parser takes them for escapes, clients for separators."""
    found = TYPED_NAME.search(part.headers.get("Content-Disposition", ""))
    typed = found[1].replace('\\"', '"') if found else ""
    return typed if "\\" in typed else part.filename


def prefer_wait() -> float | None:
    """Seconds for which the caller prefers to wait, up to the limit; None when it does not."""
    return wait_of(",".join(request.headers.getlist("Prefer")), runtime().settings.PREFER_WAIT_MAX)


def wait_of(header: str, limit: int) -> float | None:
    """``wait`` in a Prefer header, in seconds, at most ``limit``; None for none and for garbage.

    RFC 7240: a list of preferences with parameters, of which the first one of a name counts.
    """
    for preference in parse_list_header(header):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            return _seconds(value.strip(), limit)
    return None


def _seconds(value: str, limit: int) -> float | None:
    digits = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if not (digits.isascii() and digits.isdigit()):
        return None
    # More digits than that are above every limit; all of them could take long to convert.
    return float(min(int(digits.lstrip("0")[:9] or "0"), limit))
