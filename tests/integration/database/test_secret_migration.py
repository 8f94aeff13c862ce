"""An upgrade takes what became a secret out of what is stored, and knows what was sent as such."""

from __future__ import annotations

import copy
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from cryptography.fernet import Fernet
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from dcapi import migrations, prepare
from dcapi.instance import PROJECT_ROOT
from dcapi.migrations import head
from dcapi.models import Subcloud
from dcapi.models.engine import clear_sqlite_file, make_engine
from dcapi.models.secret_values import MASK, data_install, deploy_values, rehome_data
from dcapi.settings import Settings, settings_from
from dcapi.sync.values.canonical import canonical
from dcapi.sync.values.digest import hash_of, outline
from dcapi.sync.values.member import member_of
from tests.canary_values import CANARIES, READABLE, spelled
from tests.conftest import site_settings
from tests.integration.database.old_database import OldDatabase, _tables, keyring_of
from tests.postgres import dump

BEFORE = "0011"
OURS = 2
GATEWAY = "192.168.204.102"
OLD_KEY = re.compile(r".*(password|passwords|passwd|passphrase|_pass)$", re.IGNORECASE)
OLD_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
# Subclouds, more than one batch takes.
MANY = 60


def is_old_secret(key: str, value: Any) -> bool:
    url = isinstance(value, str) and OLD_URL.search(value)
    return value is not None and bool(OLD_KEY.match(key) or url)


def old_outline(key: str, value: Any) -> Any:
    """As the version before outlined what it sent."""
    if is_old_secret(key, value):
        return f"*{hash_of(value)}"
    if isinstance(value, dict):
        return {name: old_outline(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [old_outline("", inner) for inner in value]
    return hash_of(canonical(value))


def old_split(value: Any) -> tuple[Any, list[Any]]:
    """As the version before took values apart: masks for its secrets, and these with their paths."""
    shown, secrets = copy.deepcopy(value), []
    waiting: list[Any] = [(shown, [])]
    while waiting:
        place, path = waiting.pop()
        for key in list(place) if isinstance(place, dict) else range(len(place)):
            inner, name = place[key], key if isinstance(key, str) else ""
            if is_old_secret(name, inner):
                secrets.append([[*path, key], inner])
                place[key] = MASK
            elif isinstance(inner, dict | list):
                waiting.append((inner, [*path, key]))
    return shown, secrets


def payload(number: int) -> dict[str, Any]:
    """The saved values of a subcloud, with secrets of both rules."""
    return {
        **spelled(),
        "admin_password": f"old-{number}",
        "name": f"quay-{number}",
        "community": "FD01:0::1",
    }


def fill(old: OldDatabase, count: int = 2) -> None:
    """Subclouds as the version before stored them, and what their peer was sent of them."""
    for _ in range(count):
        old.add_subcloud("complete", peer_group_id=OURS)
    old.write()
    old.go_to(BEFORE)
    engine = old.engine()
    with engine.begin() as connection:
        tables = _tables(connection)
        for number in range(1, count + 1):
            columns = stored(old, {"saved_payload": payload(number)}, {"boot": spelled()["boot"]})
            connection.execute(
                update(tables["subcloud"]).where(tables["subcloud"].c.id == number).values(columns)
            )
            connection.execute(tables["pushed_member"].insert().values(pushed(old, number)))
    engine.dispose()


def stored(old: OldDatabase, saved: Any, install: Any) -> dict[str, Any]:
    """The columns of a row as the version before wrote them."""
    wholes = {"rehome_data": saved, "deploy_values": saved, "data_install": install}
    parts = {name: old_split(whole) for name, whole in wholes.items()}
    secrets = {name: held for name, (_, held) in parts.items() if held} | {"deploy_config": "kind: x"}
    texts = {name: json.dumps(shown, ensure_ascii=False) for name, (shown, _) in parts.items()}
    return texts | {"secrets": encrypted(old, secrets)}


def pushed(old: OldDatabase, number: int) -> dict[str, Any]:
    """A row of the ledger: the values that are here arrived."""
    sent = {**payload(number), "systemcontroller_gateway_address": GATEWAY, "bootstrap-address": None}
    digest = {
        "name": hash_of(f"quay-{number}"),
        "saved_payload": old_outline("", sent),
        "install_values": old_outline("", {"boot": spelled()["boot"]}),
    }
    return {
        "association_id": OURS,
        "region_name": f"region-of-quay-{number}",
        "name": f"quay-{number}",
        "digest": encrypted(old, digest),
        "sending": None,
        "removed": False,
    }


def encrypted(old: OldDatabase, value: Any) -> str:
    return old.keyring.encrypt(json.dumps(value, sort_keys=True).encode()).decode()


def digests(old: OldDatabase) -> list[Any]:
    return [old.decrypted(row["digest"]) for row in rows(old, "pushed_member")]


def rows(old: OldDatabase, table: str) -> list[dict[str, Any]]:
    return sorted(old.read(table), key=lambda row: row["id"])


def settings(old: OldDatabase, instance: Path) -> dict[str, Any]:
    return site_settings(instance, SQLALCHEMY_DATABASE_URI=old.uri, ADMIN_PASSWORD="")


@pytest.fixture
def instance(prepared_instance: Path, tmp_path: Path) -> Path:
    """A folder with keys and users, and no database."""
    folder = tmp_path / "instance"
    shutil.copytree(prepared_instance, folder, ignore=shutil.ignore_patterns("*.sqlite3*"))
    return folder


def contents(old: OldDatabase) -> bytes:
    """All that a thief of the database has: its files, or its dump."""
    if old.uri.startswith("sqlite"):
        file = Path(old.uri.removeprefix("sqlite:///"))
        return b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    tables = [old.read(table) for table in ("subcloud", "pushed_member", "task")]
    return (dump(old.uri) + repr(tables)).encode()


def readable(old: OldDatabase) -> list[str]:
    found = contents(old)
    assert READABLE["image"].encode() in found
    return [name for name, canary in CANARIES.items() if canary.encode() in found]


def test_there_are_forty_canaries_which_the_version_before_left_readable(old: OldDatabase) -> None:
    fill(old)
    assert len(CANARIES) == 40
    assert len(readable(old)) >= 30, readable(old)


def test_no_canary_is_readable_in_the_database_after_an_upgrade(old: OldDatabase, instance: Path) -> None:
    fill(old)
    engine = old.engine()
    # What was there before lies in the free space of a file still.
    for value in (json.dumps(["".join(CANARIES.values())] * 500), None):
        with engine.begin() as connection:
            if old.uri.startswith("sqlite"):  # which some systems build so that it wipes what is free
                connection.execute(text("PRAGMA secure_delete=OFF"))
            connection.execute(text("UPDATE subcloud SET data_upgrade = :value"), {"value": value})
    engine.dispose()
    assert set(readable(old)) >= {"github_token", "boot", "pem"}
    prepare(settings_from(settings(old, instance)))
    assert old.revision() == head()
    assert readable(old) == []


def test_an_upgrade_loses_no_value(old: OldDatabase) -> None:
    fill(old)
    old.go_to("head")
    engine = old.engine()
    with Session(engine) as session:
        for row in session.scalars(select(Subcloud)):
            assert rehome_data.read(row) == deploy_values.read(row) == {"saved_payload": payload(row.id)}
            assert data_install.read(row) == {"boot": spelled()["boot"]}
            assert row.secrets["deploy_config"] == "kind: x"
            assert row.updated_at is None
            shown = json.loads(row.rehome_data or "")["saved_payload"]
            assert {shown[name] for name in ("github_token", "boot", "oauthTokens", "encoded")} == {MASK}
            assert READABLE.items() <= shown.items()
    engine.dispose()


def test_what_was_sent_is_known_by_the_table_after_an_upgrade(old: OldDatabase) -> None:
    fill(old)
    assert digests(old)[0]["saved_payload"]["github_token"] == hash_of(CANARIES["github_token"])
    old.go_to("head")
    known = digests(old)
    engine = old.engine()
    with Session(engine) as session:
        found = session.scalars(select(Subcloud).order_by(Subcloud.id)).all()
        for row, digest in zip(found, known, strict=True):
            wanted = json.loads(member_of(row, GATEWAY).digest)
            assert digest["saved_payload"] == wanted["saved_payload"]
            assert digest["install_values"] == wanted["install_values"]
    engine.dispose()


def change_ledger(old: OldDatabase, **columns: Any) -> None:
    engine = old.engine()
    with engine.begin() as connection:
        connection.execute(update(_tables(connection)["pushed_member"]).values(columns))
    engine.dispose()


@pytest.mark.parametrize("region", ["region-of-quay-1", "region-of-one-that-left"])
def test_of_values_that_are_here_no_more_the_keys_tell(old: OldDatabase, region: str) -> None:
    fill(old, 1)
    sent = {"github_token": "a", "proxy": "b", "tokens": {"x": "y"}, "no_token": None, "list": [{"pw": "c"}]}
    outlined = old_outline("", sent)
    change_ledger(
        old,
        region_name=region,
        digest=None,
        sending=encrypted(old, {"saved_payload": outlined, "name": "n"}),
    )
    old.go_to("head")
    [row] = old.read("pushed_member")
    assert row["digest"] is None
    after = old.decrypted(row["sending"])
    assert after["name"] == "n"
    saved = after["saved_payload"]
    now = outline(sent)
    assert isinstance(now, dict)
    for key in ("github_token", "proxy", "no_token", "list"):
        assert saved[key] == now[key], key
    assert saved["tokens"].startswith("*")


def test_the_way_back_of_secrets_leaves_all_as_it_was(old: OldDatabase) -> None:
    fill(old)
    before = everything(old)
    old.go_to("head")
    assert everything(old) != before
    go_back(old)
    assert everything(old) == before


def everything(old: OldDatabase) -> Any:
    found = rows(old, "subcloud")
    for row in found:
        row["secrets"] = in_order(old.decrypted(row["secrets"]))
        # An object among the secrets is one with its keys in order.
        row |= {name: json.loads(row[name]) for name in ("rehome_data", "data_install", "deploy_values")}
    return found, digests(old)


def in_order(secrets: dict[str, Any]) -> dict[str, Any]:
    return {
        name: sorted(held, key=repr) if isinstance(held, list) else held for name, held in secrets.items()
    }


def go_back(old: OldDatabase) -> None:
    engine = old.engine()
    with engine.begin() as connection:
        command.downgrade(migrations._config(connection), BEFORE)
    engine.dispose()


@pytest.mark.parametrize("broken", ["lost key", "no JSON", "no such place"])
def test_values_that_cannot_be_read_stay_and_are_named(
    old: OldDatabase, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    fill(old)
    lost = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    columns = {
        "lost key": {"secrets": lost},
        "no JSON": {"rehome_data": "{"},
        "no such place": {"secrets": encrypted(old, {"rehome_data": [[["gone", "password"], "x"]]})},
    }[broken]
    engine = old.engine()
    with engine.begin() as connection:
        table = _tables(connection)["subcloud"]
        connection.execute(update(table).where(table.c.id == 1).values(columns))
    engine.dispose()
    before = rows(old, "subcloud")[0]
    old.go_to("head")
    first, second = rows(old, "subcloud")
    assert {name: first[name] for name in before} == before
    assert CANARIES["github_token"] not in second["rehome_data"]
    assert "the values of subcloud 1 cannot be read and stay as they are" in caplog.text


KILLED = """
import json, os, signal, sys
from sqlalchemy import Engine, event
from dcapi import prepare
from dcapi.models.engine import clear_sqlite_file, make_engine
from dcapi.settings import Settings, settings_from

def count(connection, cursor, statement, *_):
    global left
    left -= statement.startswith("UPDATE subcloud SET")
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

left = int(sys.argv[1])
event.listen(Engine, "after_cursor_execute", count)
prepare(settings_from(json.loads(sys.argv[2])))
"""


@pytest.mark.parametrize("after", [1, MANY // 2, MANY])
def test_an_upgrade_that_is_killed_is_done_by_the_next_start(
    old: OldDatabase, instance: Path, after: int
) -> None:
    fill(old, MANY)
    given = settings(old, instance)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(after), json.dumps(given)], cwd=PROJECT_ROOT)
    assert killed.returncode == -signal.SIGKILL
    prepare(settings_from(given))
    assert old.revision() == head()
    assert readable(old) == []
    marks = [digest["saved_payload"]["github_token"] for digest in digests(old)]
    assert marks == [f"*{hash_of(CANARIES['github_token'])}"] * MANY


def test_a_busy_file_is_written_anew_by_the_next_start(
    prepared_instance: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"sqlite:///{tmp_path / 'busy.sqlite3'}"
    engine = make_engine(uri, Settings(SQLITE_BUSY_TIMEOUT=0.0), keyring_of(prepared_instance))
    with engine.begin() as writer:
        clear_sqlite_file(engine)
        assert writer.scalar(text("PRAGMA user_version")) == 0
    assert "could not be written anew: database is locked" in caplog.text
    clear_sqlite_file(engine)
    with engine.begin() as connection:
        assert connection.scalar(text("PRAGMA user_version")) == 1
    engine.dispose()
