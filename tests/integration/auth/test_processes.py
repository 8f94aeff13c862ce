"""Several processes that start or change users at once agree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dcapi.auth.embedded import EmbeddedIdentity
from dcapi.auth.users import ADMIN_PASSWORD_FILE, Users
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

PROCESSES = 4

# Waits for a line, so that all begin at the same moment, makes what is missing, adds users of its own.
PROGRAM = """
import sys
from pathlib import Path
from dcapi.auth.embedded import EmbeddedIdentity
from dcapi.auth.users import prepare_identity
from dcapi.instance import InstanceFolder
from dcapi.settings import Settings

folder, number = InstanceFolder(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
prepare_identity(folder, Settings())
identity = EmbeddedIdentity(folder, Settings())
user = identity.users.find("admin")
print(identity.tokens.sign(identity.tokens.claims(user.name, user.fingerprint, "admin", "password")))
for turn in range(3):
    identity.users.add(f"user-{number}-{turn}", "secret", ["reader"], ["admin"])
"""


def started(folder: Path, number: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_one_makes_the_first_user_and_no_change_is_lost(tmp_path: Path) -> None:
    processes = [started(tmp_path, number) for number in range(PROCESSES)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * PROCESSES, outputs
    password = (tmp_path / ADMIN_PASSWORD_FILE).read_text().strip()
    assert "".join(shown for _, shown in outputs).count(password) == 1

    folder = InstanceFolder(tmp_path)
    identity = EmbeddedIdentity(folder, Settings())
    for token, _ in outputs:
        assert identity.caller_of(token.strip()).user_name == "admin"
    assert Users(folder).verify(Users(folder).find("admin"), password)
    expected = {f"user-{number}-{turn}" for number in range(PROCESSES) for turn in range(3)}
    assert {user.name for user in identity.users.list()} == expected | {"admin"}
    assert not list(tmp_path.glob(".draft-*"))
