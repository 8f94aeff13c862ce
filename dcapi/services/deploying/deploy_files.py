"""Deploy files: kept for each release, and read for the phases that take them.

Source: "Deploy files" in the contract of deployment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from dcapi.deploy.port import NamedFile
from dcapi.errors import NotFound
from dcapi.models.base import utc_now_text
from dcapi.models.deploy_file import DEPLOYMENT_PARTS, DeployFile, FilePart
from dcapi.models.engine import read_only
from dcapi.runtime import Runtime

Answer = dict[str, Any]


@dataclass(frozen=True)
class NewFile:
    """A file that was sent: its base name, and its content, which is in no ``repr``."""

    file_name: str
    content: bytes = field(repr=False)


def show(session: Session, release: str) -> Answer:
    """The names of a release's files, null for those that are not there."""
    query = select(DeployFile.part, DeployFile.file_name).where(DeployFile.release == release)
    names = {row.part: row.file_name for row in session.execute(query)}
    return {"software_version": release, **{part.value: names.get(part) for part in FilePart}}


def upload(session: Session, release: str, files: Mapping[FilePart, NewFile]) -> Answer:
    """Keep the files, each in the place of the one before; all of them, or none."""
    for part in FilePart:  # in one order, so that two uploads at once do not wait for each other
        if part in files:
            _put(session, release, part, files[part])
    session.commit()
    names = {part.value: files[part].file_name for part in FilePart if part in files}
    return {"software_version": release, **names}


def _put(session: Session, release: str, part: FilePart, new: NewFile) -> None:
    now = utc_now_text()
    row = {"file_name": new.file_name, "content": new.content, "created_at": now}
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    insert: Any = postgresql.insert if is_postgresql else sqlite.insert
    statement = insert(DeployFile).values(release=release, part=part.value, **row)
    kept = {name: statement.excluded[name] for name in ("file_name", "content")}
    unique = [DeployFile.release, DeployFile.part]
    session.execute(statement.on_conflict_do_update(index_elements=unique, set_={**kept, "updated_at": now}))


def remove(session: Session, release: str, parts: Iterable[FilePart]) -> None:
    """Forget these files; raises NotFound when there is none of the release at all, whatever its part."""
    found = session.scalar(select(DeployFile.id).where(DeployFile.release == release).limit(1))
    if found is None:
        raise NotFound(f"Directory not found: {release}")
    wanted = [part.value for part in parts]
    session.execute(delete(DeployFile).where(DeployFile.release == release, DeployFile.part.in_(wanted)))
    session.commit()


def for_configuration(runtime: Runtime, release: str) -> Callable[[], list[NamedFile]]:
    """Reads, when it is called, the files that the configuration of a subcloud of this release takes."""
    return partial(_read, runtime, release, DEPLOYMENT_PARTS)


def for_prestaging(runtime: Runtime, release: str) -> Callable[[], list[NamedFile]]:
    """Reads, when it is called, the file that prestaging of this release takes."""
    return partial(_read, runtime, release, (FilePart.IMAGES,))


def _read(runtime: Runtime, release: str, parts: Iterable[FilePart]) -> list[NamedFile]:
    wanted = [part.value for part in parts]
    query = select(DeployFile.part, DeployFile.file_name, DeployFile.content).where(
        DeployFile.release == release, DeployFile.part.in_(wanted)
    )
    with runtime.unit_of_work() as session:
        return [NamedFile(*row) for row in read_only(session).execute(query)]
