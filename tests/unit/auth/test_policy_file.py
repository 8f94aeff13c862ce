"""Rules of an operator's own: what they change, and what stops the start."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dcapi.auth.context import Caller
from dcapi.auth.policy_file import read_policy_file
from dcapi.auth.rights import Rights
from dcapi.auth.rules import DEFAULTS, RULES
from dcapi.errors import SettingsError
from dcapi.settings import Settings

GET = "dc_api:subclouds:get"
CREATE = "dc_api:subclouds:create"


def rights_of(folder: Path, text: str | bytes) -> Rights:
    path = folder / "policy.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Rights.of(Settings(POLICY_FILE=str(path)))


def somebody(*roles: str, project: str = "admin", name: str = "joan") -> Caller:
    return Caller("1", name, project, frozenset(roles))


def test_the_shipped_file_changes_nothing() -> None:
    shipped = read_policy_file(Settings())
    assert shipped.path.exists()
    assert shipped.checks == {}
    assert [(rule.name, rule.source) for rule in Rights(shipped).in_force()] == [
        (name, None) for name in DEFAULTS
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}"])
def test_an_empty_file_changes_nothing(tmp_path: Path, text: str) -> None:
    assert rights_of(tmp_path, text).allows(GET, somebody("reader"))


def test_a_rule_of_the_file_holds_instead_of_the_default(tmp_path: Path) -> None:
    rights = rights_of(tmp_path, f"{GET}: role:operator")
    assert rights.allows(GET, somebody("operator", project="demo"))
    assert not rights.allows(GET, somebody("reader"))
    assert rights.allows("dc_api:system_peers:get", somebody("reader"))


def test_another_project_can_be_let_in_by_one_rule(tmp_path: Path) -> None:
    rights = rights_of(tmp_path, "system_project: project_name:edge or project_name:admin")
    for rule in RULES:
        assert rights.allows(rule, somebody("admin", project="edge"))
        assert not rights.allows(rule, somebody("admin", project="services"))


@pytest.mark.parametrize(
    ("check", "who", "allowed"),
    [
        ("", somebody(project=""), True),
        ("'@'", somebody(project=""), True),
        ("'!'", somebody("admin"), False),
        ("user_name:joan", somebody(), True),
        ("user_name:joan", somebody(name="sam"), False),
        ("user_id:1", somebody(), True),
        ("not role:reader", somebody("admin"), False),
        ("not role:reader", somebody("operator"), True),
        ("role:Operator", somebody("operator"), True),
        ("role:member", somebody("admin"), True),
        ("(role:a or role:b) and not user_name:sam", somebody("b"), True),
        ("(role:a or role:b) and not user_name:sam", somebody("b", name="sam"), False),
    ],
)
def test_checks_mean_what_they_mean_to_oslo_policy(
    tmp_path: Path, check: str, who: Caller, allowed: bool
) -> None:
    text = f"{GET}: ''" if check == "" else f"{GET}: {check}"
    assert rights_of(tmp_path, text).allows(GET, who) is allowed


def test_a_rule_of_ones_own_can_be_a_part_of_others(tmp_path: Path) -> None:
    rights = rights_of(tmp_path, f"night_shift: role:night\n{GET}: rule:night_shift\n")
    assert rights.allows(GET, somebody("night"))
    assert rights.in_force()[-1].name == "night_shift"


def test_two_sites_in_one_process_have_rules_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    strict, usual = rights_of(tmp_path, f"{GET}: '!'"), Rights.of(Settings())
    open_to_all = rights_of(tmp_path / "b", f"{GET}: '@'")
    who = somebody("reader")
    assert [rights.allows(GET, who) for rights in (strict, usual, open_to_all)] == [False, True, True]


def test_the_file_is_not_looked_at_again(tmp_path: Path) -> None:
    rights = rights_of(tmp_path, f"{GET}: '@'")
    (tmp_path / "policy.yaml").write_text("nonsense")
    assert rights.allows(GET, somebody())
    (tmp_path / "policy.yaml").unlink()
    assert rights.allows(CREATE, somebody("admin"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "is not readable YAML"),
        ("a: b: c", "is not readable YAML"),
        (f"{GET}: !!bool maybe", "is not readable YAML"),
        (f"{GET}: !!int ''", "is not readable YAML"),
        (b"\xff\xfe\x00", "cannot be read"),
        (f"{GET}: '@'\n{GET}: '!'\n", f"'{GET}' occurs twice"),
        ("a: !!python/object:os.system x", "is not readable YAML"),
        ("- a", "is not a table of rules"),
        ("nonsense", "is not a table of rules"),
        ("42", "is not a table of rules"),
        (f"{GET}:", f"'{GET}': None is not text"),
        (f"{GET}: []", "is not text"),
        (f"{GET}: [[role:admin]]", "is not text"),
        (f"{GET}: 1", "is not text"),
        (f"{GET}: !!binary aGk=", "is not text"),
        ("1: '@'", "1: '@' is not text"),
        ("dc_api:subcloud:get: '@'", "unknown rule dc_api:subcloud:get"),
        ("system_projects: '@'", "unknown rule system_projects"),
        (f"{GET}: rule:readers", f"{GET}: unknown rule readers"),
        (f"{GET}: role:admin and", "'role:admin and' cannot be understood"),
        (f"{GET}: (role:admin", "cannot be understood"),
        (f"{GET}: role:admin)", "cannot be understood"),
        (f"{GET}: role:admin role:reader", "cannot be understood"),
        (f"{GET}: role:admin or reader", "cannot be understood"),
        (f"{GET}: admin", "cannot be understood"),
        (f"{GET}: '! or (role:admin'", "cannot be understood"),
        (f"{GET}: ' '", "cannot be understood"),
        (f"{GET}: '\"admin\"'", "cannot be understood"),
        (f"{GET}: rolle:admin", "rolle:admin is not known of a caller"),
        (f"{GET}: http://example.org/", "is not known of a caller"),
        (f"{GET}: True:%(enabled)s", "is not known of a caller"),
        (f"{GET}: not (role:admin or is_admin:1)", "is_admin:1 is not known"),
        (f"{GET}: 'role:'", "compares with a value"),
        (f"{GET}: role:100%", "compares with a value"),
        (f"{GET}: project_name:%(project)s", "compares with a value"),
        (f"{GET}: rule:{GET}", f"in a circle: {GET} → {GET}"),
        ("a: rule:b\nb: not rule:a", "rules that refer to each other in a circle"),
        (f"system_project: rule:{GET}", "rules that refer to each other in a circle"),
    ],
)
def test_a_file_that_is_wrong_stops_the_start_and_says_why(
    tmp_path: Path, text: str | bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(SettingsError) as error:
        rights_of(tmp_path, text)
    assert said in str(error.value)
    assert str(tmp_path / "policy.yaml") in str(error.value)
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"rolle:x is not known .*; unknown rule a"):
        rights_of(tmp_path, f"{GET}: rolle:x\na: '@'\n")


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"DCAPI_POLICY_FILE=.*nowhere.yaml' does not exist"):
        Rights.of(Settings(POLICY_FILE=str(tmp_path / "nowhere.yaml")))
    with pytest.raises(SettingsError, match="cannot be read"):
        Rights.of(Settings(POLICY_FILE=str(tmp_path)))


def test_without_the_shipped_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dcapi.auth.policy_file.PROJECT_ROOT", tmp_path)
    rights = Rights.of(Settings())
    assert rights.file.checks == {}
    assert rights.allows(GET, somebody("reader"))


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (None, "a role of configurator, operator, reader in a project of admin, services"),
        ("role:a or role:b", "a role of a, b"),
        ("project_name:edge", "a project of edge"),
        ("not role:a", ""),
        ("user_name:joan or role:a", ""),
        ("'!'", ""),
    ],
)
def test_what_a_rule_takes_is_said_in_words(tmp_path: Path, check: str | None, said: str) -> None:
    assert rights_of(tmp_path, f"{GET}: {check}" if check else "").takes(GET) == said


def test_a_verdict_is_that_of_the_caller_and_the_rule(tmp_path: Path) -> None:
    rights = Rights.of(Settings())
    for _ in range(2):
        assert rights.allows(GET, somebody("reader"))
        assert not rights.allows(CREATE, somebody("reader"))
        assert not rights.allows(GET, somebody("reader", project="demo"))
        assert not rights.allows(GET, somebody())
