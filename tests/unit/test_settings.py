"""Settings from the environment: coerced to the type of their default, or refused with a clear text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from dcapi.auth.strategy import STRATEGIES
from dcapi.deploy.registry import DEPLOYERS
from dcapi.errors import SettingsError
from dcapi.jobs.engines import ENGINES
from dcapi.settings import CHOICES, LIMITS, NEEDS, Settings, from_environment, settings_from, unknown_names

NAMES = {field.name for field in dataclasses.fields(Settings)}


def test_an_empty_environment_gives_the_defaults() -> None:
    assert from_environment({"PATH": "/bin"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DCAPI_WORKERS", "4", 4),
        ("DCAPI_PEER_CONNECT_TIMEOUT", "0.5", 0.5),
        ("DCAPI_SITE_NAME", "24", "24"),
        ("DCAPI_SITE_NAME", "null", "null"),
    ],
)
def test_a_text_becomes_what_the_default_is(name: str, text: str, value: object) -> None:
    assert getattr(from_environment({name: text}), name.removeprefix("DCAPI_")) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("WORKERS", "zero"),
        ("WORKERS", ""),
        ("WORKERS", "1.5"),
        ("WORKERS", "0"),
        ("THREADS", "-1"),
        ("PEER_READ_TIMEOUT", "nan"),
        ("PEER_READ_TIMEOUT", "inf"),
        ("PEER_READ_TIMEOUT", "59"),
        ("AUTH_STRATEGY", "ldap"),
        ("KEYSTONE_TOKEN_CACHE_SECONDS", "61"),
        ("KEYSTONE_INTERFACE", "private"),
        ("JOBS_ENGINE", "celery"),
        ("LOG_LEVEL", "LOUD"),
        ("PUBLIC_URL", "ftp://site"),
        ("SITE_NAME", " "),
        ("SITE_NAME", "x" * 256),
        ("OPERATION_SECRET_TTL", "-5"),
        ("PEER_MAX_ANSWER", "-1"),
        ("HEARTBEAT_INTERVAL_MIN", "601"),
        ("HEARTBEAT_THREADS", "0"),
        ("DRAIN_SECONDS", "1e300"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}|LEASE_SECONDS"):
        from_environment({f"DCAPI_{name}": text})


def test_intervals_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="HEARTBEAT_INTERVAL_MAX"):
        from_environment({"DCAPI_HEARTBEAT_INTERVAL_MIN": "500", "DCAPI_HEARTBEAT_INTERVAL_MAX": "20"})


@pytest.mark.parametrize("name", NEEDS)
def test_a_setting_that_means_nothing_alone_names_what_it_needs(name: str) -> None:
    value = True if isinstance(getattr(Settings(), name), bool) else "/a.pem"
    with pytest.raises(SettingsError, match=f"DCAPI_{name} is set without DCAPI_{NEEDS[name]}"):
        settings_from({name: value})
    assert getattr(settings_from({name: value, NEEDS[name]: "/b.pem"}), name) == value


def test_misspelt_names_are_found_and_those_of_tests_are_not() -> None:
    given = {"DCAPI_WORKRES": "2", "DCAPI_WORKERS": "2", "DCAPI_TEST_POSTGRES_URL": "x", "OTHER": "1"}
    assert unknown_names(given) == ["DCAPI_WORKRES"]


def test_limits_and_choices_are_of_settings_that_there_are() -> None:
    assert {name for name, _, _ in LIMITS} | set(CHOICES) <= NAMES


def test_every_number_has_limits_but_for_the_seed() -> None:
    """A number without them lets a site start, and then not work."""
    numbers = {field.name for field in dataclasses.fields(Settings) if type(field.default) in (int, float)}
    assert numbers - {name for name, _, _ in LIMITS} == {"DEPLOY_SEED"}


KEYSTONE = {
    "DCAPI_AUTH_STRATEGY": "keystone",
    "DCAPI_KEYSTONE_AUTH_URL": "http://127.0.0.1:5000/v3",
    "DCAPI_KEYSTONE_USERNAME": "dcapi",
    "DCAPI_KEYSTONE_PASSWORD": "Ice*cream9",
}


def test_keystone_takes_settings_of_its_own() -> None:
    assert from_environment(KEYSTONE).AUTH_STRATEGY == "keystone"
    for name in KEYSTONE.keys() - {"DCAPI_AUTH_STRATEGY"}:
        with pytest.raises(SettingsError, match=name):
            from_environment({**KEYSTONE, name: ""})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DCAPI_KEYSTONE_AUTH_URL", "keystone:5000"),
        ("DCAPI_KEYSTONE_PUBLIC_URL", "ftp://keystone"),
        ("DCAPI_KEYSTONE_PROJECT_NAME", " "),
        ("DCAPI_KEYSTONE_CAFILE", "/nowhere/ca.pem"),
    ],
)
def test_a_keystone_that_cannot_be_asked_is_refused(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment({**KEYSTONE, name: text})


@pytest.mark.parametrize("name", ["KEYSTONE_AUTH_URL", "KEYSTONE_PUBLIC_URL", "PUBLIC_URL"])
@pytest.mark.parametrize("scheme", ["http", "ftp"])
def test_a_url_that_callers_are_told_holds_no_password(name: str, scheme: str) -> None:
    with pytest.raises(SettingsError, match=name) as error:
        from_environment({**KEYSTONE, f"DCAPI_{name}": f"{scheme}://porter:Bollard@example:5000"})
    assert "Bollard" not in str(error.value)


def test_the_password_for_keystone_does_not_show() -> None:
    assert "Ice*cream9" not in repr(from_environment(KEYSTONE))


@pytest.mark.parametrize(
    ("name", "registry"),
    [("DEPLOYER", DEPLOYERS), ("AUTH_STRATEGY", STRATEGIES), ("JOBS_ENGINE", ENGINES)],
)
def test_a_setting_takes_exactly_the_words_of_its_registry(name: str, registry: Mapping[str, object]) -> None:
    assert CHOICES[name] == tuple(registry)
