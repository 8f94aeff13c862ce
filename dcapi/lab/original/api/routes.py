"""Which view answers which request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Map, Rule

from dcapi.lab.operator import Json
from dcapi.lab.original.api import associations, groups, identity, subclouds, system_peers
from dcapi.lab.original.api.answers import alarm_answers
from dcapi.lab.original.api.incoming import Incoming

View = Callable[..., Any]

V1 = "/v1.0"
# What callers need no token for.
PUBLIC = {("GET", "/"), ("GET", "/v3"), ("POST", "/v3/auth/tokens")}


def list_versions(incoming: Incoming) -> Json:
    """The one version, which says nothing of what the site can do."""
    links = [{"rel": "self", "href": f"{incoming.site.url}{V1}/"}]
    return {"versions": [{"status": "CURRENT", "id": "v1.0", "updated": "2017-10-2", "links": links}]}


def list_alarms(incoming: Incoming) -> Json:
    """The summary of subclouds' alarms, which are none, and this site's own alarms beside it."""
    with incoming.life.rows() as rows:
        return {"alarm_summary": [], "system_alarms": alarm_answers(rows)}


VIEWS: dict[tuple[str, str], View] = {
    ("GET", "/"): list_versions,
    ("GET", "/v3"): identity.show_version,
    ("POST", "/v3/auth/tokens"): identity.create_token,
    ("GET", "/v3/auth/tokens"): identity.show_token,
    ("GET", "/v1/isystems"): identity.list_systems,
    ("GET", f"{V1}/alarms"): list_alarms,
    ("GET", f"{V1}/system-alarms"): list_alarms,
    ("GET", f"{V1}/system-peers"): system_peers.list_peers,
    ("POST", f"{V1}/system-peers"): system_peers.create_peer,
    ("GET", f"{V1}/system-peers/<ref>"): system_peers.show_peer,
    ("PATCH", f"{V1}/system-peers/<ref>"): system_peers.update_peer,
    ("DELETE", f"{V1}/system-peers/<ref>"): system_peers.delete_peer,
    ("GET", f"{V1}/system-peers/<ref>/subcloud-peer-groups"): system_peers.list_groups_of_peer,
    ("GET", f"{V1}/subcloud-peer-groups"): groups.list_groups,
    ("POST", f"{V1}/subcloud-peer-groups"): groups.create_group,
    ("GET", f"{V1}/subcloud-peer-groups/<ref>"): groups.show_group,
    ("PATCH", f"{V1}/subcloud-peer-groups/<ref>"): groups.update_group,
    ("DELETE", f"{V1}/subcloud-peer-groups/<ref>"): groups.delete_group,
    ("GET", f"{V1}/subcloud-peer-groups/<ref>/subclouds"): groups.list_members,
    ("GET", f"{V1}/subcloud-peer-groups/<ref>/status"): groups.show_status,
    ("PATCH", f"{V1}/subcloud-peer-groups/<ref>/migrate"): groups.migrate_group,
    ("PATCH", f"{V1}/subcloud-peer-groups/<ref>/audit"): groups.audit_group,
    ("GET", f"{V1}/peer-group-associations"): associations.list_associations,
    ("POST", f"{V1}/peer-group-associations"): associations.create_association,
    ("GET", f"{V1}/peer-group-associations/<ref>"): associations.show_association,
    ("PATCH", f"{V1}/peer-group-associations/<ref>"): associations.update_association,
    ("PATCH", f"{V1}/peer-group-associations/<ref>/sync"): associations.sync_association,
    ("DELETE", f"{V1}/peer-group-associations/<ref>"): associations.delete_association,
    ("GET", f"{V1}/subclouds"): subclouds.list_subclouds,
    ("POST", f"{V1}/subclouds"): subclouds.create_subcloud,
    ("GET", f"{V1}/subclouds/<ref>"): subclouds.show_subcloud,
    ("GET", f"{V1}/subclouds/<ref>/detail"): subclouds.show_detail,
    ("PATCH", f"{V1}/subclouds/<ref>"): subclouds.update_subcloud,
    ("DELETE", f"{V1}/subclouds/<ref>"): subclouds.delete_subcloud,
}

ROUTES = Map(
    [Rule(path, methods=[method], endpoint=view) for (method, path), view in VIEWS.items()],
    strict_slashes=False,
)
