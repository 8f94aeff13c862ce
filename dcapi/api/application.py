"""The Flask application, whose configuration keeps its values to itself."""

from __future__ import annotations

from flask import Config, Flask


class QuietConfig(Config):
    """A configuration whose repr tells how much it holds and nothing of it: there are secrets among it, and a
    repr ends up in a log line or a traceback sooner or later."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)} settings>"


class Application(Flask):
    config_class = QuietConfig
