"""The one family of errors: a code, a text for the caller, and nothing half-written behind them.

A service raises one of these; ``dcapi.api.errors`` is the only place that turns them into an answer.
"""

from __future__ import annotations


class DcapiError(Exception):
    """Something the caller can be told: ``code`` is the HTTP status, the message says what to do."""

    code = 500

    def __init__(self, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers or {}


class BadRequest(DcapiError):
    code = 400


class Unauthorized(DcapiError):
    code = 401


class Forbidden(DcapiError):
    code = 403


class NotFound(DcapiError):
    code = 404


class Conflict(DcapiError):
    code = 409


class Gone(DcapiError):
    code = 410


class ContentTooLarge(DcapiError):
    code = 413


class Unprocessable(DcapiError):
    code = 422


class TooManyRequests(DcapiError):
    """This was tried too often; the caller is told after how many seconds it may be tried again."""

    code = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class Unavailable(DcapiError):
    """Something that this site depends on does not answer now; a later try may find it back."""

    code = 503

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class TooBusy(DcapiError):
    """No thread can be spared for this now; the caller is told after how many seconds to come back."""

    code = 503

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class SettingsError(Exception):
    """The environment describes no site that can be started; the message names the setting."""
