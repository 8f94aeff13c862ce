"""Every call of the API in tables: ``METHOD path`` → what neither its route nor its schemas say.

A new route needs its line here. Paths are written as in the document: a variable part in braces, and one line
for each word of a converter ``any(…)``. A test fails for a route without a line, and for a line without one.
"""

from __future__ import annotations

from dcapi.api.description.forms import (
    DOCUMENTS,
    NEW_SUBCLOUD_PARTS,
    PRESTAGING_VALUES,
    REDEPLOYMENT_PARTS,
    SUBCLOUD_CHANGE_PARTS,
    NewSubcloudForm,
    RedeploymentForm,
    SubcloudChangeForm,
)
from dcapi.api.description.operation import (
    APPLIED,
    BROKEN_RULE,
    FORM,
    PREFER,
    UNDER_WAY,
    Body,
    Operation,
    Table,
    json_body,
)
from dcapi.api.description.operations_of_deployment import DEPLOY_FILES, PHASES
from dcapi.api.description.operations_of_site import IDENTITY, SITE
from dcapi.api.description.responses import NULL, TEXT, listing, named, or_null, record, words
from dcapi.schemas import system_peers
from dcapi.schemas.associations import AssociationCreate, AssociationPatch
from dcapi.schemas.peer_groups import PeerGroupAudit, PeerGroupCreate, PeerGroupMigration, PeerGroupPatch
from dcapi.schemas.subcloud_groups import SubcloudGroupCreate, SubcloudGroupPatch
from dcapi.schemas.subcloud_verbs import EndpointStatusSchema, PrestagingSchema

FROM_SITE = "FromAnotherSite"

TAKEN = "The name or the UUID is taken."
NOT_MOVED = (
    "A field is wrong, or manager_endpoint leads to another scheme, host or port without manager_password."
)
NOT_DELETED = "Something depends on it: the text says what."

SYSTEM_PEERS: Table = {
    "GET /v1.0/system-peers": Operation("List the system peers", listing("system_peers", "SystemPeer")),
    "GET /v1.0/system-peers/{reference}": Operation("Show a system peer", named("SystemPeer")),
    "GET /v1.0/system-peers/{reference}/subcloud-peer-groups": Operation(
        "List the subcloud peer groups that are associated with a system peer",
        listing("subcloud_peer_groups", "SubcloudPeerGroup"),
    ),
    "POST /v1.0/system-peers": Operation(
        "Create a system peer",
        named("SystemPeer"),
        bodies=(
            Body(
                "SystemPeerCreate",
                system_peers.create_schema,
                example={
                    "peer_uuid": "6f0f8d2c-4c39-4c51-9a6c-3c1f0a5f7f7e",
                    "peer_name": "site-b",
                    "manager_endpoint": "http://192.0.2.10:5000/v3",
                    "manager_username": "dcmanager",
                    "manager_password": "c2VjcmV0",
                    "peer_controller_gateway_address": "192.0.2.1",
                },
            ),
        ),
        errors={409: TAKEN},
    ),
    "PATCH /v1.0/system-peers/{reference}": Operation(
        "Change a system peer",
        named("SystemPeerChanged"),
        bodies=(Body("SystemPeerPatch", system_peers.patch_schema, example={"heartbeat_interval": 30}),),
        errors={400: NOT_MOVED, 409: TAKEN},
    ),
    "DELETE /v1.0/system-peers/{reference}": Operation(
        "Delete a system peer", NULL, errors={400: NOT_DELETED}
    ),
}

PEER_GROUPS: Table = {
    "GET /v1.0/subcloud-peer-groups": Operation(
        "List the subcloud peer groups", listing("subcloud_peer_groups", "SubcloudPeerGroup")
    ),
    "GET /v1.0/subcloud-peer-groups/{reference}": Operation(
        "Show a subcloud peer group", named("SubcloudPeerGroup")
    ),
    "GET /v1.0/subcloud-peer-groups/{reference}/subclouds": Operation(
        "List the subclouds of a subcloud peer group", listing("subclouds", "Subcloud")
    ),
    "GET /v1.0/subcloud-peer-groups/{reference}/status": Operation(
        "Count the subclouds of a subcloud peer group by their states", named("SubcloudPeerGroupStatus")
    ),
    "POST /v1.0/subcloud-peer-groups": Operation(
        "Create a subcloud peer group",
        named("SubcloudPeerGroup"),
        bodies=json_body(PeerGroupCreate, example={"peer-group-name": "coast"}),
        errors={409: "The name is taken."},
    ),
    "PATCH /v1.0/subcloud-peer-groups/{reference}": Operation(
        "Change a subcloud peer group",
        named("SubcloudPeerGroup"),
        description=(
            "Name, state and max-subcloud-rehoming are sent to the peers of the group's associations first."
        ),
        bodies=json_body(PeerGroupPatch, example={"max-subcloud-rehoming": 20}),
        parameters=(FROM_SITE,),
        errors={
            403: "The caller may not do this, or no peer took the change: one that has the name is named.",
            409: "The name is taken, or another change of the group is under way.",
        },
    ),
    "PATCH /v1.0/subcloud-peer-groups/{reference}/migrate": Operation(
        "Take the subclouds of a subcloud peer group over, in the background",
        listing("subclouds", "Subcloud"),
        description="The answer lists the subclouds that will be rehomed.",
        bodies=json_body(
            PeerGroupMigration,
            required=("sysadmin_password",),
            example={"sysadmin_password": "c2VjcmV0"},
        ),
        parameters=(PREFER,),
        headers=(APPLIED,),
        errors={409: "The group is being migrated, or is not any more: another site leads it."},
    ),
    "PATCH /v1.0/subcloud-peer-groups/{reference}/audit": Operation(
        "Ask for a look at a peer's copy of the group; called by a peer",
        record({"message": or_null(TEXT)}),
        description="Only peer_uuid counts: the rest is read from that peer. The message says why not.",
        bodies=json_body(PeerGroupAudit),
    ),
    "DELETE /v1.0/subcloud-peer-groups/{reference}": Operation(
        "Delete a subcloud peer group; its subclouds stay",
        NULL,
        errors={400: NOT_DELETED, 409: "A change of the group is under way."},
    ),
}

ASSOCIATIONS: Table = {
    "GET /v1.0/peer-group-associations": Operation(
        "List the peer group associations", listing("peer_group_associations", "PeerGroupAssociationInList")
    ),
    "GET /v1.0/peer-group-associations/{reference}": Operation(
        "Show a peer group association",
        named("PeerGroupAssociationShown"),
        errors={400: "The reference is not an id."},
    ),
    "POST /v1.0/peer-group-associations": Operation(
        "Associate a subcloud peer group with a system peer",
        named("PeerGroupAssociation"),
        description=(
            "With a group of priority 0 the association is primary, and a sync begins, in the background. "
            "peer_group_priority is required then, and not allowed otherwise."
        ),
        bodies=json_body(
            AssociationCreate,
            example={"peer_group_id": 1, "system_peer_id": 1, "peer_group_priority": 1},
        ),
        parameters=(PREFER,),
        headers=(APPLIED,),
    ),
    "PATCH /v1.0/peer-group-associations/{reference}": Operation(
        "Change the priority of a primary association, or tell a non-primary one its status",
        named("PeerGroupAssociation"),
        bodies=json_body(AssociationPatch, example={"peer_group_priority": 2}),
        errors={
            409: "The association is being deleted, or something else must finish first.",
            422: "The peer refused the priority, or is away.",
        },
    ),
    "PATCH /v1.0/peer-group-associations/{reference}/sync": Operation(
        "Sync a primary association, in the background",
        named("PeerGroupAssociation"),
        parameters=(PREFER,),
        headers=(APPLIED,),
        errors={400: BROKEN_RULE, 409: "The association is being deleted."},
    ),
    "DELETE /v1.0/peer-group-associations/{reference}": Operation(
        "Delete a peer group association; a primary one cleans its peer first",
        {"anyOf": [NULL, record({"info_message": TEXT})]},
        parameters=("Force",),
        errors={
            400: BROKEN_RULE,
            409: "The association is being deleted, or something else must finish first.",
            422: "The peer could not be cleaned.",
        },
    ),
}

SUBCLOUDS: Table = {
    "GET /v1.0/subclouds": Operation("List the subclouds", listing("subclouds", "SubcloudInList")),
    "GET /v1.0/subclouds/{reference}": Operation(
        "Show a subcloud", named("SubcloudWithEndpoints"), parameters=(FROM_SITE,)
    ),
    "GET /v1.0/subclouds/{reference}/detail": Operation(
        "Show a subcloud with what is known of its system",
        named("SubcloudDetail"),
        parameters=(FROM_SITE,),
    ),
    "POST /v1.0/subclouds": Operation(
        "Add a subcloud",
        named("Subcloud"),
        description=(
            "It is deployed in the background, unless it is secondary: at its bootstrap-address, or else at "
            "that of its install values."
        ),
        bodies=(
            Body(
                "SubcloudCreate",
                lambda _: NewSubcloudForm(),
                media_type=FORM,
                beside=NEW_SUBCLOUD_PARTS,
                required=(),
            ),
        ),
        parameters=(FROM_SITE, PREFER),
        headers=(APPLIED,),
        errors={409: "The name or the region name is taken."},
    ),
    "PATCH /v1.0/subclouds/{reference}": Operation(
        "Change a subcloud",
        named("SubcloudChanged"),
        description=(
            "A change of nothing but management-state and force needs only the rule manage_unmanage."
        ),
        bodies=(
            Body(
                "SubcloudChange",
                lambda _: SubcloudChangeForm(),
                media_type=FORM,
                beside=SUBCLOUD_CHANGE_PARTS,
            ),
        ),
        parameters=(FROM_SITE,),
        errors={
            409: UNDER_WAY,
            422: "The state of the subcloud forbids it: the text says what is missing.",
        },
    ),
    "PATCH /v1.0/subclouds/{reference}/update_status": Operation(
        "Set the status of an endpoint, as the subcloud reports it",
        record({"result": words(["OK"])}),
        bodies=json_body(EndpointStatusSchema, example={"endpoint": "dc-cert", "status": "in-sync"}),
    ),
    "PATCH /v1.0/subclouds/{reference}/redeploy": Operation(
        "Deploy a subcloud again, in the background",
        named("Subcloud"),
        description=(
            "Stored values stand in for values that are not sent. Keys of the bootstrap values count as "
            "parts too. Its bootstrap address is the first that there is: of the form, of install values in "
            "the form, the stored one, of stored install values."
        ),
        bodies=(
            Body(
                "Redeployment",
                lambda _: RedeploymentForm(),
                media_type=FORM,
                beside=REDEPLOYMENT_PARTS,
            ),
        ),
        errors={409: UNDER_WAY},
    ),
    "PATCH /v1.0/subclouds/{reference}/prestage": Operation(
        "Bring a release to a subcloud before it is needed, in the background",
        named("SubcloudPrestaged"),
        bodies=(
            Body(
                "Prestaging",
                lambda _: PrestagingSchema(),
                beside=PRESTAGING_VALUES,
                example={"sysadmin_password": "c2VjcmV0", "release": "24.09"},
            ),
        ),
    ),
    **{
        f"PATCH /v1.0/subclouds/{{reference}}/{verb}": Operation(
            f"Formerly: {verb} a subcloud",
            NULL,
            errors={410: "Always: the text names another call, and says whether it is served yet."},
        )
        for verb in ("restore", "reconfigure", "reinstall")
    },
    "DELETE /v1.0/subclouds/{reference}": Operation(
        "Delete a subcloud",
        NULL,
        parameters=(FROM_SITE, "ForceSubcloud"),
        errors={400: BROKEN_RULE, 422: "The subcloud is online."},
    ),
}

SUBCLOUD_GROUPS: Table = {
    "GET /v1.0/subcloud-groups": Operation(
        "List the subcloud groups", listing("subcloud_groups", "SubcloudGroupInList")
    ),
    "GET /v1.0/subcloud-groups/{reference}": Operation("Show a subcloud group", named("SubcloudGroup")),
    "GET /v1.0/subcloud-groups/{reference}/subclouds": Operation(
        "List the subclouds of a subcloud group", listing("subclouds", "Subcloud")
    ),
    "POST /v1.0/subcloud-groups": Operation(
        "Create a subcloud group",
        named("SubcloudGroup"),
        bodies=json_body(
            SubcloudGroupCreate,
            example={"name": "north", "description": "Above the river", "update_apply_type": "parallel"},
        ),
    ),
    "PATCH /v1.0/subcloud-groups/{reference}": Operation(
        "Change a subcloud group",
        named("SubcloudGroup"),
        bodies=json_body(SubcloudGroupPatch, example={"update_apply_type": "serial"}),
    ),
    "DELETE /v1.0/subcloud-groups/{reference}": Operation(
        "Delete a subcloud group", NULL, errors={400: NOT_DELETED}
    ),
}

ALARMS: Table = {
    "GET /v1.0/alarms": Operation(
        "Summarize the subclouds' alarms", listing("alarm_summary", "AlarmSummary")
    ),
    "GET /v1.0/system-alarms": Operation(
        "List the alarms of this site", listing("system_alarms", "SystemAlarm")
    ),
}

# Tag → its calls, in the order in which they are shown.
TABLES: dict[str, Table] = {
    "System peers": SYSTEM_PEERS,
    "Subcloud peer groups": PEER_GROUPS,
    "Peer group associations": ASSOCIATIONS,
    "Subclouds": SUBCLOUDS,
    "Subcloud groups": SUBCLOUD_GROUPS,
    "Deployment in phases": PHASES,
    "Deploy files": DEPLOY_FILES,
    "Alarms": ALARMS,
    "Identity": IDENTITY,
    "Site": SITE,
}

# The media types of the parts of forms.
ENCODING = {part: {"contentType": media_type} for part, media_type in DOCUMENTS.items()}
