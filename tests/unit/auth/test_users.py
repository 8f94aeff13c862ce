"""Users in identity.yaml: kept by commands or by hand, read at once, and the first one."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
from pathlib import Path

import pytest
import yaml

from dcapi.auth import passwords
from dcapi.auth.identity_file import IDENTITY_FILE, User
from dcapi.auth.users import ADMIN_PASSWORD_FILE, APPLIED_PASSWORD_FILE, Users, prepare_identity
from dcapi.errors import BadRequest, Conflict, NotFound, SettingsError
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

HASH = passwords.NOBODYS_HASH


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cost of a hash is no matter of these tests."""
    monkeypatch.setattr(passwords, "METHOD", "scrypt:1024:8:1")


@pytest.fixture
def users(folder: InstanceFolder) -> Users:
    return Users(folder)


def found(users: Users, name: str) -> User:
    user = users.find(name)
    assert user is not None
    return user


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_user_that_was_added_is_there_for_others_at_once(users: Users, folder: InstanceFolder) -> None:
    other = Users(folder)
    assert other.list() == []
    user = users.add("joan", "secret", ["reader", "operator", "reader"], ["admin", "services"])
    assert other.list() == [user]
    assert other.find_by_id(user.id) == user
    assert (user.roles, user.projects) == (("reader", "operator"), ("admin", "services"))
    assert other.verify(user, "secret")
    assert not other.verify(user, "Secret")


def test_the_file_is_for_this_user_alone_and_holds_no_password(users: Users, folder: InstanceFolder) -> None:
    users.add("joan", "very secret", ["reader"], ["admin"])
    path = folder.path / IDENTITY_FILE
    assert mode_of(path) == 0o600
    assert "very secret" not in path.read_text()
    assert yaml.safe_load(path.read_text())["users"]["joan"]["password"].startswith("scrypt:")


def test_adding_a_taken_name_is_refused_and_changes_nothing(users: Users) -> None:
    before = users.add("joan", "secret", ["reader"], ["admin"])
    with pytest.raises(Conflict, match="'joan' exists already: delete it first"):
        users.add("joan", "other", ["admin"], ["admin"])
    assert users.list() == [before]


def test_a_deleted_user_is_gone_and_cannot_be_deleted_again(users: Users) -> None:
    users.add("joan", "secret", ["reader"], ["admin"])
    users.delete("joan")
    assert users.find("joan") is None
    with pytest.raises(NotFound, match="no user 'joan'"):
        users.delete("joan")


@pytest.mark.parametrize("name", ["", " ", " joan", "joan\n", "jo\x00an", "x" * 256])
def test_a_name_that_nobody_can_type_is_refused(users: Users, name: str) -> None:
    with pytest.raises(BadRequest):
        users.add(name, "secret", ["reader"], ["admin"])


@pytest.mark.parametrize("password", ["", "x" * 1025, "\udcff"])
def test_a_password_of_no_use_is_refused(users: Users, password: str) -> None:
    with pytest.raises(BadRequest):
        users.add("joan", password, ["reader"], ["admin"])


@pytest.mark.parametrize("name", ["123", "no", "jöan", "a: b", "'", "#", "null"])
def test_a_name_survives_being_written_as_yaml(users: Users, folder: InstanceFolder, name: str) -> None:
    users.add(name, "pässword", ["reader"], ["admin"])
    assert Users(folder).verify(found(Users(folder), name), "pässword")


def test_the_file_is_read_only_when_it_changed(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    users.add("joan", "secret", ["reader"], ["admin"])
    first = found(users, "joan")
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"read {path}"))
    assert found(users, "joan") is first


def test_a_change_by_hand_counts_at_once(users: Users, folder: InstanceFolder) -> None:
    before = users.add("joan", "secret", ["reader"], ["admin"])
    path = folder.path / IDENTITY_FILE
    path.write_text(path.read_text().replace("- reader", "- admin"))
    assert found(users, "joan").roles == ("admin",)
    assert found(users, "joan").fingerprint != before.fingerprint


def test_a_change_of_the_same_length_in_the_same_instant_counts_too(
    users: Users, folder: InstanceFolder
) -> None:
    users.add("joan", "secret", ["reader"], ["admin"])
    path = folder.path / IDENTITY_FILE
    found(users, "joan")
    then = path.stat()
    folder.replace(IDENTITY_FILE, path.read_text().replace("joan", "jane"))
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))
    assert users.find("joan") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "users",
        "users: []",
        "users: {joan: 1}",
        "users: {joan: {id: a, password: secret, roles: [], projects: [admin]}}",
        f"users: {{1: {{id: a, password: '{HASH}', roles: [], projects: [admin]}}}}",
        f"users: {{joan: {{id: a, password: '{HASH}', roles: reader, projects: [admin]}}}}",
        f"users: {{joan: {{id: a, password: '{HASH}', roles: [], projects: []}}}}",
        f"users: {{joan: {{id: a, password: '{HASH}', roles: [], projects: [b], role: c}}}}",
        f"users: {{a: &same {{id: a, password: '{HASH}', roles: [], projects: [admin]}}, b: *same}}",
        "users: {",
        "users: !!python/object:os.system {}",
        "users: 2026-99-99",
        "users: !!bool maybe",
        "\ud800",
    ],
)
def test_a_file_that_makes_no_sense_stops_the_start_and_names_itself(
    folder: InstanceFolder, text: str
) -> None:
    (folder.path / IDENTITY_FILE).write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(SettingsError, match=r"identity\.yaml"):
        prepare_identity(folder, Settings())


def test_an_unknown_user_costs_the_same_check_as_a_known_one(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def check(known: str, _: str) -> bool:
        checked.append(known)
        return True

    monkeypatch.setattr(passwords, "check_password_hash", check)
    monkeypatch.setattr(passwords, "METHOD", "scrypt:32768:8:1")
    assert not users.verify(None, "secret")
    assert users.verify(users.add("joan", "secret", ["reader"], ["admin"]), "secret")
    assert len(checked) == 2
    assert {known.split("$")[0] for known in checked} == {"scrypt:32768:8:1"}
    assert len({len(known) for known in checked}) == 1


def test_a_hash_of_an_impossible_cost_matches_nothing() -> None:
    assert not passwords.matches(HASH.replace("32768", "32767"), "secret")


def test_the_first_user_has_a_random_password_that_is_shown_once_and_kept(
    folder: InstanceFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_identity(folder, Settings())
    path = folder.path / ADMIN_PASSWORD_FILE
    password = path.read_text().strip()
    shown = capsys.readouterr().err
    assert shown.count(password) == 1
    assert str(path) in shown
    assert mode_of(path) == 0o600
    admin = found(Users(folder), "admin")
    assert Users(folder).verify(admin, password)
    assert (set(admin.roles), admin.projects) == ({"admin", "member", "reader"}, ("admin",))
    prepare_identity(folder, Settings())
    assert capsys.readouterr().err == ""
    assert found(Users(folder), "admin") == admin


def test_a_start_that_was_killed_half_way_goes_on_with_the_same_password(folder: InstanceFolder) -> None:
    prepare_identity(folder, Settings())
    password = (folder.path / ADMIN_PASSWORD_FILE).read_text().strip()
    (folder.path / IDENTITY_FILE).unlink()
    prepare_identity(folder, Settings())
    assert Users(folder).verify(found(Users(folder), "admin"), password)


def test_a_given_password_is_neither_shown_nor_kept(
    folder: InstanceFolder, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    prepare_identity(folder, Settings(ADMIN_PASSWORD="given-one"))
    assert Users(folder).verify(found(Users(folder), "admin"), "given-one")
    assert "given-one" not in capsys.readouterr().err + caplog.text
    assert not (folder.path / ADMIN_PASSWORD_FILE).exists()


def test_the_same_password_given_again_changes_nothing(folder: InstanceFolder) -> None:
    prepare_identity(folder, Settings(ADMIN_PASSWORD="given-one"))
    before = (folder.path / IDENTITY_FILE).stat()
    prepare_identity(folder, Settings(ADMIN_PASSWORD="given-one"))
    assert (folder.path / IDENTITY_FILE).stat() == before


def test_another_password_given_later_counts_and_the_log_says_so(
    folder: InstanceFolder, caplog: pytest.LogCaptureFixture
) -> None:
    prepare_identity(folder, Settings())
    users = Users(folder)
    users.add("joan", "secret", ["reader"], ["admin"])
    before = found(users, "admin")
    prepare_identity(folder, Settings(ADMIN_PASSWORD="given-one"))
    after = found(users, "admin")
    assert users.verify(after, "given-one")
    assert (after.id, after.roles) == (before.id, before.roles)
    assert after.fingerprint != before.fingerprint
    assert users.find("joan") is not None
    assert "DCAPI_ADMIN_PASSWORD" in caplog.text
    assert "given-one" not in caplog.text
    assert not (folder.path / ADMIN_PASSWORD_FILE).exists()


def test_a_deleted_admin_stays_deleted_until_a_password_is_given(folder: InstanceFolder) -> None:
    prepare_identity(folder, Settings())
    users = Users(folder)
    users.delete("admin")
    assert not (folder.path / ADMIN_PASSWORD_FILE).exists()
    prepare_identity(folder, Settings())
    assert users.list() == []
    prepare_identity(folder, Settings(ADMIN_PASSWORD="given-one"))
    assert users.verify(found(users, "admin"), "given-one")


def test_a_setting_that_stays_brings_back_neither_password_nor_user(folder: InstanceFolder) -> None:
    setting = Settings(ADMIN_PASSWORD="given-one")
    prepare_identity(folder, setting)
    users = Users(folder)
    users.set_password("admin", "another")
    prepare_identity(folder, setting)
    assert users.verify(found(users, "admin"), "another")
    prepare_identity(folder, Settings())
    users.delete("admin")
    prepare_identity(folder, setting)
    assert users.find("admin") is None


def test_the_setting_acts_once_for_each_change(folder: InstanceFolder) -> None:
    users = Users(folder)
    for password in ("given-one", "given-two", "given-one"):
        prepare_identity(folder, Settings(ADMIN_PASSWORD=password))
        assert users.verify(found(users, "admin"), password)
        users.set_password("admin", "another")
        prepare_identity(folder, Settings(ADMIN_PASSWORD=password))
        assert users.verify(found(users, "admin"), "another")


def test_the_note_of_the_setting_is_a_hash_for_this_user_alone(folder: InstanceFolder) -> None:
    note = folder.path / APPLIED_PASSWORD_FILE
    for password in ("given-one", "given-two"):
        prepare_identity(folder, Settings(ADMIN_PASSWORD=password))
        assert passwords.matches(note.read_text().strip(), password)
        assert mode_of(note) == 0o600


@pytest.mark.parametrize("setting", ["given-one", ""])
def test_the_first_start_after_an_upgrade_changes_no_user(folder: InstanceFolder, setting: str) -> None:
    prepare_identity(folder, Settings(ADMIN_PASSWORD="before"))
    users = Users(folder)
    before = found(users, "admin")
    (folder.path / APPLIED_PASSWORD_FILE).unlink()
    for _ in range(2):
        prepare_identity(folder, Settings(ADMIN_PASSWORD=setting))
        assert found(users, "admin") == before
    prepare_identity(folder, Settings(ADMIN_PASSWORD="given-two"))
    assert users.verify(found(users, "admin"), "given-two")


def test_a_disabled_user_stays_so_until_it_is_enabled(users: Users, folder: InstanceFolder) -> None:
    before = users.add("joan", "secret", ["reader"], ["admin"])
    users.disable("joan")
    disabled = found(Users(folder), "joan")
    assert (disabled.enabled, disabled.id, disabled.password_hash) == (False, before.id, before.password_hash)
    users.disable("joan")
    assert found(users, "joan") == disabled
    users.set_password("joan", "another")
    assert not found(users, "joan").enabled
    users.enable("joan")
    users.enable("joan")
    assert found(users, "joan").enabled
    for change in (users.disable, users.enable):
        with pytest.raises(NotFound, match="no user 'nobody'"):
            change("nobody")


def test_no_fingerprint_of_a_user_comes_back_when_it_is_enabled(users: Users) -> None:
    seen = [users.add("joan", "secret", ["reader"], ["admin"]).fingerprint]
    for change in (users.disable, users.enable, users.disable, users.enable):
        change("joan")
        seen.append(found(users, "joan").fingerprint)
    assert len({seen[0], seen[1], seen[3]}) == 3
    assert seen[0] not in seen[1:]


def test_the_fingerprint_of_a_user_that_was_never_disabled_is_as_before() -> None:
    user = User("id", "joan", HASH, ("reader",), ("admin",))
    known = repr(("id", "joan", HASH, ["reader"], ["admin"]))
    assert user.fingerprint == hashlib.sha256(known.encode()).hexdigest()[:24]


def test_a_password_is_not_changed_by_who_knows_one_from_before(users: Users) -> None:
    before = users.add("joan", "secret", ["reader"], ["admin"]).password_hash
    users.set_password("joan", "second", instead_of=before)
    after = found(users, "joan").password_hash
    with pytest.raises(NotFound):
        users.set_password("joan", "third", instead_of=before)
    users.disable("joan")
    with pytest.raises(NotFound):
        users.set_password("joan", "third", instead_of=after)
    assert users.verify(found(users, "joan"), "second")


@pytest.mark.parametrize("password", ["x" * 1025, "\udcff"])
def test_a_given_password_of_no_use_stops_the_start(folder: InstanceFolder, password: str) -> None:
    with pytest.raises(SettingsError, match="DCAPI_ADMIN_PASSWORD"):
        prepare_identity(folder, Settings(ADMIN_PASSWORD=password))


def test_another_password_replaces_the_first_one(users: Users, folder: InstanceFolder) -> None:
    (folder.path / ADMIN_PASSWORD_FILE).write_text("first")
    before = users.add("admin", "first", ["admin"], ["admin"])
    users.set_password("admin", "second")
    after = found(users, "admin")
    assert (after.id, after.roles, after.projects) == (before.id, before.roles, before.projects)
    assert users.verify(after, "second")
    assert not users.verify(after, "first")
    assert not (folder.path / ADMIN_PASSWORD_FILE).exists()


def test_a_password_of_no_use_changes_nothing(users: Users) -> None:
    users.add("joan", "secret", ["admin"], ["admin"])
    for password in ("", "x" * 1025, "\ud800"):
        with pytest.raises(BadRequest):
            users.set_password("joan", password)
    with pytest.raises(NotFound):
        users.set_password("nobody", "secret")
    assert users.verify(found(users, "joan"), "secret")
