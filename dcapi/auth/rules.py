"""The rules as they are unless a policy file says otherwise: the wire contract, "Who may call what", as data.

A check is written in the language of oslo.policy. The names of rules, roles and projects are the contract's.
"""

from __future__ import annotations

from collections.abc import Iterable

from oslo_policy.policy import DocumentedRuleDefault, RuleDefault

# Every role that means anything in the rules below.
ROLES: tuple[str, ...] = ("admin", "configurator", "member", "operator", "reader")

# A role that brings others with it.
IMPLIED: dict[str, frozenset[str]] = {"admin": frozenset({"member", "reader"})}

SYSTEM_PROJECT = "system_project"
ADMIN = "admin_in_system_project"
CHANGE = "admin_or_configurator_in_system_project"
OPERATE = "admin_or_configurator_or_operator_in_system_project"
READ = "reader_or_operator_or_configurator_in_system_project"

# What the other rules are made of: who overrides one of these overrides all that refer to it.
BASE: tuple[RuleDefault, ...] = (
    RuleDefault(
        SYSTEM_PROJECT,
        "project_name:admin or project_name:services",
        "The projects whose tokens count.",
    ),
    RuleDefault(ADMIN, f"rule:{SYSTEM_PROJECT} and role:admin", "Who may do everything."),
    RuleDefault(
        CHANGE,
        f"rule:{SYSTEM_PROJECT} and (role:admin or role:configurator)",
        "Who may change things; other sites need this too.",
    ),
    RuleDefault(
        OPERATE,
        f"rule:{SYSTEM_PROJECT} and (role:admin or role:configurator or role:operator)",
        "Who may operate what exists.",
    ),
    RuleDefault(
        READ,
        f"rule:{SYSTEM_PROJECT} and (role:reader or role:operator or role:configurator)",
        "Who may look; an admin is a reader too.",
    ),
)

# Verb → (method, who may, what the rule lets do).
VERBS: dict[str, tuple[str, str, str]] = {
    "create": ("POST", CHANGE, "Create {}."),
    "delete": ("DELETE", CHANGE, "Delete {}."),
    "get": ("GET", READ, "List {} and show a single one."),
    "modify": ("PATCH", CHANGE, "Change {}, and everything else that PATCH does to them."),
}

# (resource, what it is called): each has its path and a rule for each verb.
RESOURCES: tuple[tuple[str, str], ...] = (
    ("system_peers", "system peers"),
    ("subcloud_peer_groups", "subcloud peer groups"),
    ("peer_group_associations", "peer group associations"),
    ("subclouds", "subclouds"),
    ("subcloud_groups", "subcloud groups"),
)

# Verbs that other people may than is usual.
UNUSUAL: dict[str, str] = {"dc_api:subcloud_peer_groups:get": CHANGE}


def _documented(
    name: str, base: str, description: str, operations: Iterable[tuple[str, str]]
) -> DocumentedRuleDefault:
    """A rule with the methods and paths that it guards; a path stands for all below it as well."""
    listed = [{"method": method, "path": path} for method, path in operations]
    return DocumentedRuleDefault(name, f"rule:{base}", description, listed)  # type: ignore[arg-type]


def _rules_of(resource: str, title: str) -> Iterable[DocumentedRuleDefault]:
    path = "/v1.0/" + resource.replace("_", "-")
    for verb, (method, base, description) in VERBS.items():
        name = f"dc_api:{resource}:{verb}"
        yield _documented(name, UNUSUAL.get(name, base), description.format(title), [(method, path)])


OTHERS: tuple[DocumentedRuleDefault, ...] = (
    _documented(
        "dc_api:subclouds:manage_unmanage",
        OPERATE,
        "Manage and unmanage subclouds, by a PATCH that does nothing else.",
        [("PATCH", "/v1.0/subclouds")],
    ),
    _documented(
        "dc_api:subclouds:get_secrets",
        ADMIN,
        "See the passwords of subclouds, which are masked for everybody else.",
        [("GET", "/v1.0/subclouds"), ("GET", "/v1.0/subcloud-peer-groups")],
    ),
    _documented(
        "dc_api:alarm_manager:get",
        READ,
        "List alarms.",
        [("GET", "/v1.0/alarms"), ("GET", "/v1.0/system-alarms")],
    ),
    _documented(
        "dc_api:phased_subcloud_deploy:create",
        CHANGE,
        "Create a subcloud that is deployed phase by phase.",
        [("POST", "/v1.0/phased-subcloud-deploy")],
    ),
    _documented(
        "dc_api:phased_subcloud_deploy:modify",
        CHANGE,
        "Run, abort and resume the phases of a deployment.",
        [("PATCH", "/v1.0/phased-subcloud-deploy")],
    ),
    _documented(
        "dc_api:subcloud_deploy:upload", CHANGE, "Upload deploy files.", [("POST", "/v1.0/subcloud-deploy")]
    ),
    _documented(
        "dc_api:subcloud_deploy:delete", CHANGE, "Delete deploy files.", [("DELETE", "/v1.0/subcloud-deploy")]
    ),
    _documented(
        "dc_api:subcloud_deploy:get",
        READ,
        "See the names of deploy files.",
        [("GET", "/v1.0/subcloud-deploy")],
    ),
)

# Rules that views name.
RULES: dict[str, DocumentedRuleDefault] = {
    rule.name: rule for rule in (*(rule for resource in RESOURCES for rule in _rules_of(*resource)), *OTHERS)
}

DEFAULTS: dict[str, RuleDefault] = {**{rule.name: rule for rule in BASE}, **RULES}
