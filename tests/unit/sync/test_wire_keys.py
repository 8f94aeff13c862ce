"""How other sites spell what they answer, and are asked, is known to ``peers/`` alone."""

from __future__ import annotations

import ast
from pathlib import Path

from dcapi import sync
from dcapi.peers import answer_shapes
from dcapi.peers.remote import creation_request
from tests.groups import group_values

SHAPES = ("SYSTEM", "SYSTEM_PEER", "GROUP", "ASSOCIATION", "SUBCLOUD")
# Older sites keep fields of a form among the values of a subcloud.
AMONG_VALUES = {("merge.py", "management-state")}


def test_no_module_of_sync_spells_a_key_of_the_wire() -> None:
    keys = {key for name in SHAPES for key in getattr(answer_shapes, name)} | set(
        creation_request(group_values())
    )
    telling = {key for key in keys if "-" in key or "_" in key} - {"max_subcloud_rehoming"}
    spelled = {
        (path.name, node.value)
        for path in Path(sync.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in telling
    }
    assert spelled == AMONG_VALUES
