"""Keys are changed while the site works: nothing is lost, nothing stays encrypted with the old one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from flask import Flask
from sqlalchemy import Text, select, type_coerce

import dcapi
from dcapi import create_app
from dcapi.api.database import db
from dcapi.api.request import EXTENSION
from dcapi.errors import Conflict, SettingsError
from dcapi.instance import PROJECT_ROOT
from dcapi.lab.polling import wait_until
from dcapi.models import DeployFile, SiteRecord, Subcloud, SystemPeer, Task
from dcapi.models.keyring import SECRETS_KEY_FILE, keys_in
from dcapi.models.secret_values import data_install, rehome_data
from dcapi.runtime import Runtime
from dcapi.services import secrets_rotation
from dcapi.services.secrets_rotation import rotate_secrets, secret_tables
from dcapi.settings import settings_from
from tests.conftest import ADMIN_PASSWORD, site_settings
from tests.site_client import SiteClient
from tests.subcloud_forms import bootstrap_values, form

MANY = 450


def subcloud(number: int) -> Subcloud:
    row = Subcloud(
        name=f"edge-{number}",
        region_name=f"region-{number}",
        software_version="24.09",
        management_subnet=f"10.{number // 256}.{number % 256}.0/24",
        management_start_ip="10.1.0.2",
        management_end_ip="10.1.0.9",
        management_gateway_ip="10.1.0.1",
        systemcontroller_gateway_ip="10.69.0.1",
        updated_at="2026-01-01 00:00:00.000000",
    )
    rehome_data.write(row, {"saved_payload": {"admin_password": f"secret-{number}"}})
    return row


@pytest.fixture
def filled(app: Flask, runtime: Runtime) -> Runtime:
    """Secrets in all of the tables, and more subclouds than one batch takes."""
    with runtime.unit_of_work() as session:
        session.add_all(subcloud(number) for number in range(MANY))
        # Of files one is taken at a time.
        session.add_all(
            DeployFile(release="24.09", part=f"part-{number}", file_name="f", content=b"\xff%d" % number)
            for number in range(3)
        )
        session.add(Task(kind="deploy", subject_id=1, payload={"p": 1}, created_at=0.0, due_at=1.0))
        session.add(
            SystemPeer(
                peer_uuid="11111111-2222-4333-8444-555555555555",
                peer_name="site-b",
                manager_endpoint="http://127.0.0.1:9/v3",
                manager_username="admin",
                manager_password="c2VhbA==",
                peer_controller_gateway_address="10.69.0.2",
            )
        )
        session.commit()
    return runtime


def key_file(app: Flask) -> Path:
    return Path(app.instance_path, SECRETS_KEY_FILE)


def settings_of(app: Flask) -> dict[str, Any]:
    uri = app.extensions[EXTENSION].settings.SQLALCHEMY_DATABASE_URI
    return site_settings(Path(app.instance_path), ADMIN_PASSWORD="", SQLALCHEMY_DATABASE_URI=uri)


def tokens(runtime: Runtime) -> list[str]:
    """Every encrypted text, as it is in the database."""
    found: list[str] = []
    with runtime.unit_of_work() as session:
        for _table, columns in secret_tables():
            for column in columns:
                found += session.scalars(select(type_coerce(column, Text)).where(column.is_not(None)))
    return found


def readable(runtime: Runtime, key: str) -> int:
    """How many of them this key alone can read."""
    count = 0
    for token in tokens(runtime):
        try:
            Fernet(key).decrypt(token.encode())
            count += 1
        except InvalidToken:
            pass
    return count


def test_every_table_with_secrets_is_known_from_its_columns() -> None:
    found = {f"{table.name}.{column.name}" for table, columns in secret_tables() for column in columns}
    assert {"system_peer.manager_password", "subcloud.secrets", "task.payload"} <= found
    assert {"pushed_member.digest", "deploy_file.content"} <= found


def test_all_secrets_get_a_new_key_and_the_old_one_can_be_dropped(app: Flask, filled: Runtime) -> None:
    old = key_file(app).read_text()
    before = len(tokens(filled))
    report = rotate_secrets(filled)
    assert (report.made_key, report.dropped) == (True, 0)
    assert report.tables["subcloud"].rows == report.tables["subcloud"].reencrypted == MANY
    assert report.tables["deploy_file"].rows == report.tables["deploy_file"].reencrypted == 3
    new, kept = keys_in(key_file(app).read_text())
    assert kept == old
    assert (readable(filled, new), readable(filled, old)) == (before, 0)

    again = rotate_secrets(filled, drop_old_keys=True)
    assert (again.made_key, again.dropped) == (False, 1)
    assert sum(count.reencrypted for count in again.tables.values()) == 0
    assert key_file(app).read_text() == new
    assert key_file(app).stat().st_mode & 0o077 == 0
    assert_all_there(filled)


def assert_all_there(runtime: Runtime) -> None:
    with runtime.unit_of_work() as session:
        files = session.scalars(select(DeployFile.content).order_by(DeployFile.id)).all()
        assert files == [b"\xff0", b"\xff1", b"\xff2"]
        rows = session.scalars(select(Subcloud).order_by(Subcloud.id)).all()
        for number, row in enumerate(rows):
            assert rehome_data.read(row) == {"saved_payload": {"admin_password": f"secret-{number}"}}
            assert row.updated_at == "2026-01-01 00:00:00.000000"
        assert session.scalars(select(SystemPeer.manager_password)).all() == ["c2VhbA=="]
        assert session.scalars(select(Task.payload)).all() == [{"p": 1}]


def test_a_site_starts_with_the_new_key_alone_and_not_with_the_old_one(app: Flask, filled: Runtime) -> None:
    old = key_file(app).read_text()
    rotate_secrets(filled)
    new = keys_in(key_file(app).read_text())[0]
    settings = settings_of(app)
    dcapi.prepare(settings_from({**settings, "SECRETS_KEYS": new}))
    with pytest.raises(SettingsError, match="another key"):
        dcapi.prepare(settings_from({**settings, "SECRETS_KEYS": old}))


def test_a_second_rotation_makes_a_third_key(app: Flask, filled: Runtime) -> None:
    rotate_secrets(filled)
    rotate_secrets(filled)
    newest, *others = keys_in(key_file(app).read_text())
    assert len(others) == 2
    assert readable(filled, newest) == len(tokens(filled))


def test_a_rotation_that_was_cut_off_goes_on_with_the_same_key(
    app: Flask, filled: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = iter(range(2))

    def cut_off(*args: Any) -> Any:
        if next(batches, None) is None:
            raise KeyboardInterrupt
        return whole(*args)

    whole = secrets_rotation._rotate_batch
    monkeypatch.setattr(secrets_rotation, "_rotate_batch", cut_off)
    with pytest.raises(KeyboardInterrupt):
        rotate_secrets(filled)
    monkeypatch.undo()
    begun = key_file(app).read_text()
    assert 0 < readable(filled, keys_in(begun)[0]) < len(tokens(filled))
    report = rotate_secrets(filled)
    assert not report.made_key
    assert key_file(app).read_text() == begun
    assert readable(filled, keys_in(begun)[0]) == len(tokens(filled))
    assert_all_there(filled)


def test_keys_of_the_settings_are_used_in_their_order(app: Flask, filled: Runtime) -> None:
    old, new = key_file(app).read_text(), Fernet.generate_key().decode()
    settings = settings_of(app)
    with site({**settings, "SECRETS_KEYS": f"{new}, {old}"}) as other:
        report = rotate_secrets(other, drop_old_keys=True)
    assert (report.made_key, report.dropped) == (False, 0)
    assert readable(filled, new) == len(tokens(filled))
    assert key_file(app).read_text() == old


class site:  # noqa: N801 (reads as a function)
    """Another process of the site, as far as its keys go: an application of its own on the same data."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.app = create_app(settings)

    def __enter__(self) -> Runtime:
        built: Runtime = self.app.extensions[EXTENSION]
        return built

    def __exit__(self, *_: object) -> None:
        with self.app.app_context():
            db.engine.dispose()


@pytest.fixture
def other_worker(app: Flask, runtime: Runtime) -> Iterator[Runtime]:
    uri = runtime.settings.SQLALCHEMY_DATABASE_URI
    with site(
        site_settings(Path(app.instance_path), ADMIN_PASSWORD="", SQLALCHEMY_DATABASE_URI=uri)
    ) as other:
        yield other


def test_a_worker_that_runs_takes_up_the_new_key(app: Flask, filled: Runtime, other_worker: Runtime) -> None:
    with other_worker.unit_of_work() as session:
        assert session.scalars(select(SystemPeer.manager_password)).all() == ["c2VhbA=="]
    rotate_secrets(filled)
    rotate_secrets(filled, drop_old_keys=True)
    with other_worker.unit_of_work() as session:
        session.add(subcloud(MANY))
        session.commit()
    assert_all_there(other_worker)
    assert_all_there(filled)
    assert readable(filled, key_file(app).read_text()) == len(tokens(filled))


def test_no_write_beside_a_rotation_is_lost(app: Flask, filled: Runtime, other_worker: Runtime) -> None:
    done, written = threading.Event(), {0: 0}

    def write() -> None:
        while not done.is_set():
            with other_worker.unit_of_work() as session:
                row = session.scalars(select(Subcloud).where(Subcloud.id == 7).with_for_update()).one()
                data_install.write(row, {"bmc_password": written[0] + 1})
                session.commit()
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            rotate_secrets(filled)
    finally:
        done.set()
        writer.join()
    with filled.unit_of_work() as session:
        row = session.get_one(Subcloud, 7)
        assert data_install.read(row) == {"bmc_password": written[0]}
    assert written[0] > 3
    rotate_secrets(filled, drop_old_keys=True)
    assert readable(filled, key_file(app).read_text()) == len(tokens(filled))


def test_a_rotation_that_is_killed_loses_nothing(app: Flask, filled: Runtime) -> None:
    with filled.unit_of_work() as session:
        session.add_all(subcloud(number) for number in range(MANY, 4 * MANY))
        session.commit()
    uri = filled.settings.SQLALCHEMY_DATABASE_URI
    environment = {
        **os.environ,
        "DCAPI_INSTANCE_PATH": app.instance_path,
        "DCAPI_SQLALCHEMY_DATABASE_URI": uri,
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "dcapi", "rotate-secrets"]
    rotating = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=subprocess.DEVNULL)

    def begun() -> bool:
        keys = keys_in(key_file(app).read_text())
        return len(keys) == 2 and readable(filled, keys[0]) > 0

    wait_until("some rows to be encrypted anew", begun, within=60)
    rotating.send_signal(signal.SIGKILL)
    rotating.wait()
    assert_all_there(filled)
    finished = subprocess.run(command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    keys = keys_in(key_file(app).read_text())
    assert len(keys) == 2
    assert f"subcloud: {4 * MANY} rows" in finished.stdout
    assert not [key for key in keys if key in finished.stdout + finished.stderr]
    assert readable(filled, keys[0]) == len(tokens(filled))
    assert_all_there(filled)


def test_a_secret_that_no_key_reads_is_named_and_nothing_is_called_done(app: Flask, filled: Runtime) -> None:
    with filled.unit_of_work() as session:
        before = session.scalars(select(SiteRecord.key_fingerprint)).one()
        session.connection().exec_driver_sql("UPDATE subcloud SET secrets = 'garbage' WHERE id = 3")
        session.commit()
    with pytest.raises(Conflict, match=r"subcloud\.secrets of row 3"):
        rotate_secrets(filled, drop_old_keys=True)
    assert len(keys_in(key_file(app).read_text())) == 1
    with filled.unit_of_work() as session:
        assert session.scalars(select(SiteRecord.key_fingerprint)).one() == before


def test_a_key_file_that_breaks_while_the_site_runs_stops_nothing(app: Flask, filled: Runtime) -> None:
    key_file(app).write_text("no key")
    operator = SiteClient.logged_in(app, "admin", ADMIN_PASSWORD)
    changed = form(bootstrap_values=bootstrap_values(name="edge-0"), bootstrap_address="10.71.9.20")
    assert operator.patch("/subclouds/1", **changed).status_code == 200
    assert operator.get("/subclouds/1").status_code == 200
