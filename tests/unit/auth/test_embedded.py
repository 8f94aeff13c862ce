"""Who logs in with what, and which tokens end when a user changes."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest

from dcapi.auth import passwords
from dcapi.auth.embedded import EmbeddedIdentity, Reference, Token, stable_id
from dcapi.auth.identity_file import IDENTITY_FILE, User
from dcapi.errors import BadRequest, Unauthorized
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

JOAN = Reference(name="joan", domain_name="Default")
SERVICES = Reference(name="services", domain_id="default")


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a hash is no matter of these tests."""
    monkeypatch.setattr(passwords, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def identity(tmp_path: Path) -> EmbeddedIdentity:
    made = EmbeddedIdentity(InstanceFolder(tmp_path), Settings())
    made.users.add("joan", "secret", ["admin"], ["services", "admin"])
    made.users.add("sam", "secret", ["reader"], ["demo", "services"])
    return made


def log_in(identity: EmbeddedIdentity, project: Reference | None = None) -> Token:
    return identity.log_in(JOAN, "secret", project)


def joans_id(identity: EmbeddedIdentity) -> str:
    return next(user.id for user in identity.users.list() if user.name == "joan")


def test_a_token_says_who_calls(identity: EmbeddedIdentity) -> None:
    caller = identity.caller_of(log_in(identity, SERVICES).text)
    assert (caller.user_id, caller.user_name) == (joans_id(identity), "joan")
    assert caller.project_name == "services"
    assert caller.roles == {"admin", "member", "reader"}


def test_it_counts_in_another_process_and_after_a_restart(identity: EmbeddedIdentity, tmp_path: Path) -> None:
    other = EmbeddedIdentity(InstanceFolder(tmp_path), Settings())
    assert other.caller_of(log_in(identity).text).user_name == "joan"


def test_knowing_a_token_hashes_no_password(
    identity: EmbeddedIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = log_in(identity)
    monkeypatch.setattr(passwords, "check_password_hash", lambda *_: pytest.fail("hashed"))
    identity.caller_of(token.text)


@pytest.mark.parametrize(
    "who",
    [
        JOAN,
        Reference(name="joan"),
        Reference(name="joan", domain_id="default"),
        Reference(name="joan", domain_name="default"),
    ],
)
def test_a_user_logs_in_by_name(identity: EmbeddedIdentity, who: Reference) -> None:
    assert identity.log_in(who, "secret", None).user.name == "joan"


def test_a_user_logs_in_by_id(identity: EmbeddedIdentity) -> None:
    assert identity.log_in(Reference(id=joans_id(identity)), "secret", None).user.name == "joan"


@pytest.mark.parametrize(
    ("name", "expected"), [("joan", "admin"), ("sam", "demo")], ids=["admin if it may", "else the first"]
)
def test_a_login_without_a_project_gets_one(identity: EmbeddedIdentity, name: str, expected: str) -> None:
    assert identity.log_in(Reference(name=name), "secret", None).claims.project_name == expected


def test_a_project_can_be_named_by_its_id(identity: EmbeddedIdentity) -> None:
    by_id = Reference(id=stable_id("project", "services"))
    assert log_in(identity, by_id).claims.project_name == "services"


@pytest.mark.parametrize(
    ("who", "password", "project"),
    [
        (Reference(name="nobody"), "secret", None),
        (Reference(id="0" * 32), "secret", None),
        (Reference(name="joan", domain_name="other"), "secret", None),
        (Reference(name="joan", domain_id="other"), "secret", None),
        (Reference(name="joan"), "wrong", None),
        (Reference(name="joan"), "", None),
        (Reference(name="joan"), "secret", Reference(name="demo")),
        (Reference(name="joan"), "secret", Reference(name="admin", domain_name="other")),
        (Reference(name="joan"), "secret", Reference(id="admin")),
        (Reference(name="joan"), "secret", Reference()),
        (Reference(), "secret", None),
    ],
)
def test_whatever_does_not_fit_the_refusal_is_the_same(
    identity: EmbeddedIdentity,
    monkeypatch: pytest.MonkeyPatch,
    who: Reference,
    password: str,
    project: Reference | None,
) -> None:
    check = Mock(side_effect=passwords.check_password_hash)
    monkeypatch.setattr(passwords, "check_password_hash", check)
    with pytest.raises(Unauthorized, match=r"^Login failed: wrong user, password or project$"):
        identity.log_in(who, password, project)
    assert check.call_count == 1


def test_a_deleted_user_has_no_tokens(identity: EmbeddedIdentity) -> None:
    token = log_in(identity)
    identity.users.delete("joan")
    with pytest.raises(Unauthorized):
        identity.caller_of(token.text)


def test_a_user_that_was_added_again_does_not_get_the_old_tokens_back(identity: EmbeddedIdentity) -> None:
    token = log_in(identity)
    identity.users.delete("joan")
    identity.users.add("joan", "secret", ["admin"], ["services", "admin"])
    with pytest.raises(Unauthorized):
        identity.caller_of(token.text)
    log_in(identity)


def test_another_password_ends_older_tokens_and_no_others(identity: EmbeddedIdentity) -> None:
    token = log_in(identity)
    sams = identity.log_in(Reference(name="sam"), "secret", None)
    identity.users.set_password("joan", "another")
    with pytest.raises(Unauthorized):
        identity.caller_of(token.text)
    with pytest.raises(Unauthorized):
        identity.renew(token.text, None)
    assert identity.caller_of(identity.log_in(JOAN, "another", None).text).user_id == joans_id(identity)
    identity.caller_of(sams.text)


def test_other_roles_end_older_tokens(identity: EmbeddedIdentity, tmp_path: Path) -> None:
    token = log_in(identity)
    path = tmp_path / IDENTITY_FILE
    path.write_text(path.read_text().replace("- admin\n    projects", "- reader\n    projects"))
    with pytest.raises(Unauthorized):
        identity.caller_of(token.text)


def test_a_change_of_one_user_leaves_the_tokens_of_others(identity: EmbeddedIdentity) -> None:
    token = log_in(identity)
    identity.users.delete("sam")
    identity.caller_of(token.text)


def test_a_token_gets_a_token_of_another_project_of_the_user(identity: EmbeddedIdentity) -> None:
    first = log_in(identity)
    second = identity.renew(first.text, SERVICES)
    assert second.claims.project_name == "services"
    assert identity.renew(second.text, None).claims.project_name == "services"
    with pytest.raises(Unauthorized):
        identity.renew(first.text, Reference(name="demo"))
    with pytest.raises(Unauthorized):
        identity.renew("nonsense", None)


def test_a_disabled_user_logs_in_no_more_than_an_unknown_one_does(
    identity: EmbeddedIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    joan = Reference(id=joans_id(identity))
    identity.users.disable("joan")
    checked: list[str] = []

    def check(known: str, _: str) -> bool:
        checked.append(known)
        return True

    monkeypatch.setattr(passwords, "check_password_hash", check)
    texts = set()
    for who in (JOAN, joan, Reference(name="nobody"), Reference(id="nobody")):
        with pytest.raises(Unauthorized) as failure:
            identity.log_in(who, "secret", None)
        texts.add(failure.value.message)
    assert checked == [passwords.NOBODYS_HASH] * 4
    assert len(texts) == 1


def test_disabling_ends_tokens_and_enabling_revives_none(identity: EmbeddedIdentity) -> None:
    token = log_in(identity)
    sams = identity.log_in(Reference(name="sam"), "secret", None)
    identity.users.disable("joan")
    for _ in range(2):
        with pytest.raises(Unauthorized):
            identity.caller_of(token.text)
        with pytest.raises(Unauthorized):
            identity.renew(token.text, None)
        identity.users.enable("joan")
    identity.caller_of(log_in(identity).text)
    identity.caller_of(sams.text)


def test_a_revoked_token_ends_alone_and_everywhere(identity: EmbeddedIdentity, tmp_path: Path) -> None:
    other = EmbeddedIdentity(InstanceFolder(tmp_path), Settings())
    token, stays = log_in(identity), log_in(identity)
    renewed = identity.renew(token.text, None)
    identity.revoke(token)
    for one in (identity, other):
        with pytest.raises(Unauthorized):
            one.caller_of(token.text)
        with pytest.raises(Unauthorized):
            one.renew(token.text, None)
        one.caller_of(stays.text)
        one.caller_of(renewed.text)


def test_tokens_outlive_a_new_key_in_all_processes(identity: EmbeddedIdentity, tmp_path: Path) -> None:
    other = EmbeddedIdentity(InstanceFolder(tmp_path), Settings())
    before = log_in(identity)
    identity.rotate_token_key()
    for one in (identity, other):
        assert one.caller_of(before.text).user_name == "joan"
        assert one.caller_of(log_in(other).text).user_name == "joan"
    (tmp_path / "token.key").unlink()
    again = EmbeddedIdentity(InstanceFolder(tmp_path), Settings())
    with pytest.raises(Unauthorized):
        again.caller_of(before.text)


def test_a_password_is_changed_by_who_knows_it_and_ends_the_tokens(identity: EmbeddedIdentity) -> None:
    token = log_in(identity)
    joan = Reference(id=joans_id(identity))
    for who, password in ((joan, "wrong"), (Reference(id="nobody"), "secret")):
        with pytest.raises(Unauthorized, match="Login failed"):
            identity.change_password(who, password, "another")
    identity.caller_of(token.text)
    identity.change_password(joan, "secret", "another")
    with pytest.raises(Unauthorized):
        identity.caller_of(token.text)
    with pytest.raises(Unauthorized):
        log_in(identity)
    identity.log_in(JOAN, "another", None)


def test_a_password_that_was_changed_meanwhile_stays(
    identity: EmbeddedIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = identity.users.verify

    def verify_slowly(user: User | None, password: str) -> bool:
        verified = verify(user, password)
        identity.users.set_password("joan", "of the operator")
        return verified

    monkeypatch.setattr(identity.users, "verify", verify_slowly)
    with pytest.raises(Unauthorized, match="Login failed"):
        identity.change_password(Reference(id=joans_id(identity)), "secret", "of the thief")
    monkeypatch.undo()
    identity.log_in(JOAN, "of the operator", None)


def test_a_new_password_of_no_use_is_no_try(
    identity: EmbeddedIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    joan = Reference(id=joans_id(identity))
    monkeypatch.setattr(passwords, "check_password_hash", lambda *_: pytest.fail("hashed"))
    for new in ("", "x" * 1025, "\ud800"):
        with pytest.raises(BadRequest):
            identity.change_password(joan, "secret", new)
