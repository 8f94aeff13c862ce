"""Requests about subcloud groups."""

from __future__ import annotations

from typing import Any

from dcapi.schemas.base import PatchSchema, RequestSchema
from dcapi.schemas.fields import SHORTER_LENGTH, Choice, Name, PlainText, WholeNumber

APPLY_TYPES = ("parallel", "serial")


def _name(**options: Any) -> Name:
    return Name("Invalid group name", **options)


def _description(**options: Any) -> PlainText:
    return PlainText("Invalid group description", shortest=1, longest=SHORTER_LENGTH, **options)


def _apply_type(**options: Any) -> Choice:
    return Choice("Invalid group update_apply_type", APPLY_TYPES, **options)


def _max_parallel(**options: Any) -> WholeNumber:
    return WholeNumber("Invalid group max_parallel_subclouds", 1, 5000, **options)


class SubcloudGroupCreate(RequestSchema):
    name = _name(required=True)
    description = _description(required=True)
    update_apply_type = _apply_type(required=True)
    max_parallel_subclouds = _max_parallel(default=2)


class SubcloudGroupPatch(PatchSchema):
    name = _name()
    description = _description()
    update_apply_type = _apply_type()
    max_parallel_subclouds = _max_parallel()
