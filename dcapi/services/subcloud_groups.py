"""Subcloud groups: subclouds that are updated together, and the rules for changing them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from dcapi.errors import BadRequest, NotFound
from dcapi.models import Subcloud, SubcloudGroup
from dcapi.models.locks import locked
from dcapi.models.subcloud_group import DEFAULT_GROUP_ID
from dcapi.services.conflicts import flush
from dcapi.services.inventory.subcloud_answers import subclouds_of_subcloud_group
from dcapi.services.row_answers import SUBCLOUD_GROUP, Answer

NOT_FOUND = "Subcloud Group not found"
NAME_TAKEN = "A subcloud group with this name already exists"
DEFAULT_KEEPS_NAME = "Default group name cannot be changed"
DEFAULT_STAYS = "Default Subcloud Group may not be deleted"
NOT_EMPTY = "Subcloud Group not empty"


def list_groups(session: Session) -> list[Answer]:
    """All subcloud groups, each with the number of its subclouds."""
    counted = func.count(Subcloud.id)
    query = select(*SUBCLOUD_GROUP.columns, counted).outerjoin(
        Subcloud, Subcloud.group_id == SubcloudGroup.id
    )
    rows = session.execute(query.group_by(SubcloudGroup.id).order_by(SubcloudGroup.id))
    keys = (*SUBCLOUD_GROUP.keys, "subcloud_count")
    return [dict(zip(keys, row, strict=True)) for row in rows]


def show_group(session: Session, reference: int | str) -> Answer:
    """One subcloud group, by id or name; raises NotFound."""
    return SUBCLOUD_GROUP.of(find_group(session, reference))


def list_subclouds(session: Session, reference: int | str) -> list[Answer]:
    """The subclouds of a subcloud group, without secrets; raises NotFound."""
    return subclouds_of_subcloud_group(session, find_group(session, reference).id)


def create_group(session: Session, values: dict[str, Any]) -> Answer:
    """Create a subcloud group from all its values; raises BadRequest."""
    name = values["name"]
    _check_name_free(session, name)
    group = SubcloudGroup(**values)
    session.add(group)
    flush(session, lambda: _check_name_free(session, name))
    answer = SUBCLOUD_GROUP.of(group)
    session.commit()
    return answer


def update_group(session: Session, reference: int | str, values: dict[str, Any]) -> Answer:
    """Change the given values of a subcloud group; raises NotFound and BadRequest."""
    group = find_group(session, reference, lock=True)
    name = values.get("name", group.name)
    if name != group.name:
        if group.id == DEFAULT_GROUP_ID:
            raise BadRequest(DEFAULT_KEEPS_NAME)
        _check_name_free(session, name)
    for attribute, value in values.items():
        setattr(group, attribute, value)
    flush(session, lambda: _check_name_free(session, name))
    answer = SUBCLOUD_GROUP.of(group)
    session.commit()
    return answer


def delete_group(session: Session, reference: int | str) -> None:
    """Delete a subcloud group; raises NotFound, and BadRequest for the default one and one with subclouds."""
    group = find_group(session, reference, lock=True)
    group_id = group.id
    if group_id == DEFAULT_GROUP_ID:
        raise BadRequest(DEFAULT_STAYS)
    _check_empty(session, group_id)
    session.delete(group)
    flush(session, lambda: _check_empty(session, group_id))
    session.commit()


def find_group(session: Session, reference: int | str, *, lock: bool = False) -> SubcloudGroup:
    """The row of a subcloud group, by id or name; raises NotFound. ``lock`` keeps other writers off it."""
    column = SubcloudGroup.id if isinstance(reference, int) else SubcloudGroup.name
    query = select(SubcloudGroup).where(column == reference)
    group = session.scalars(locked(query) if lock else query).one_or_none()
    if group is None:
        raise NotFound(NOT_FOUND)
    return group


def _check_name_free(session: Session, name: str) -> None:
    if session.scalar(select(exists().where(SubcloudGroup.name == name))):
        raise BadRequest(NAME_TAKEN)


def _check_empty(session: Session, group_id: int) -> None:
    if session.scalar(select(exists().where(Subcloud.group_id == group_id))):
        raise BadRequest(NOT_EMPTY)
