"""No secret is in the repr of anything: a repr ends up in a log line or an error sooner or later."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator

import dcapi
from dcapi.api.application import Application

# Names of fields that hold secrets, or values with secrets somewhere inside.
SECRET = re.compile(
    r"password|passwd|secret|token|payload|values|digest|fingerprint|^body$|^texts$|^files$|^text$|^keys$|uri$|credential"
)
# What only sounds like that: the text of a rule or of a page, numbers of seconds, attributes of a group, the
# body of an audit that names a group, a number for a deployment.
HARMLESS = {
    ("Deadlines", "body"),
    ("Limits", "values"),
    ("MemberRule", "text"),
    ("Kind", "text"),
    ("Settings", "TOKEN_TTL_SECONDS"),
    ("Settings", "KEYSTONE_TOKEN_CACHE_SECONDS"),
    ("Settings", "OPERATION_SECRET_TTL"),
    ("AbortRequest", "token"),
    ("PlaybookRun", "token"),
    ("PlaybookResult", "token"),
}

# What a module takes that most sites do without.
OPTIONAL = {"keystonemiddleware", "psycopg"}


def dataclasses_of_the_project() -> Iterator[type]:
    for module_info in pkgutil.walk_packages(dcapi.__path__, "dcapi."):
        if "__main__" in module_info.name or ".migrations." in module_info.name:
            continue
        try:
            module = importlib.import_module(module_info.name)
        except ModuleNotFoundError as error:
            if error.name not in OPTIONAL:
                raise
            continue
        for found in vars(module).values():
            if (
                isinstance(found, type)
                and dataclasses.is_dataclass(found)
                and found.__module__ == module.__name__
            ):
                yield found


def test_no_field_that_may_hold_a_secret_is_in_a_repr() -> None:
    found = list(dataclasses_of_the_project())
    assert len(found) > 40
    shown = {
        (one.__name__, field.name)
        for one in found
        for field in dataclasses.fields(one)
        if field.repr and SECRET.search(field.name.lower())
    }
    assert shown == HARMLESS


def test_the_repr_of_a_configuration_tells_no_value() -> None:
    app = Application("some")
    app.config["SECRETS_KEYS"] = "a key"
    assert repr(app.config) == f"<QuietConfig of {len(app.config)} settings>"
