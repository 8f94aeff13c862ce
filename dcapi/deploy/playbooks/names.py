"""Which keys of a caller's values may name a variable of a playbook.

Whatever is a variable at the top level of a playbook can be a switch of ansible itself: it reads its own
settings from variables, some of which make it write files or run programs on this host. A key inside a value
is none. So keys that ansible goes by, and our own names, are left out there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# How ansible's settings begin, the private ones with an underscore.
ANSIBLE_PREFIXES = ("_", "ansible")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Variables that ansible makes of what it knows itself (``constants.INTERNAL_STATIC_VARS``).
INTERNAL_NAMES = _words(
    """
    group_names groups hostvars inventory_dir inventory_file inventory_hostname inventory_hostname_short
    play_hosts playbook_dir role_name role_names role_path role_uuid
    """
)
# Words of a playbook and of its templates (``ansible.vars.reserved``).
RESERVED_NAMES = _words(
    """
    action always any_errors_fatal args async async_val become become_exe become_flags become_method
    become_user block changed_when check_mode collections connection cycler debugger delay delegate_facts
    delegate_to dict diff environment fact_path failed_when false force_handlers gather_facts gather_timeout
    handlers hosts ignore_errors ignore_unreachable joiner lipsum local_action lookup loop loop_control
    loop_with max_fail_percentage module_defaults name namespace no_log none not notify now omit order poll
    port post_tasks pre_tasks q query range register remote_user rescue retries roles run_once serial strategy
    tags tasks throttle timeout true undef until vars vars_files vars_prompt when with_ False None True
    """
)
# What this service tells a playbook itself.
OWN_NAMES = _words(
    """
    bootstrap_address bootstrap_values cloud_init_config_file deploy_config_file deploy_playbook_file
    deployment_config deployment_manager_chart deployment_manager_overrides deployment_phase image_list_file
    install_release_version install_values not_abortable_file region_name software_version subcloud_id
    subcloud_name sysadmin_password user_uploaded_artifacts
    """
)
LEFT_OUT = INTERNAL_NAMES | RESERVED_NAMES | OWN_NAMES


def variables_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of a caller's values a playbook gets as variables; the rest is left out."""
    return {key: value for key, value in values.items() if may_name_variable(key)}


def may_name_variable(key: str) -> bool:
    return bool(NAME.fullmatch(key)) and not key.startswith(ANSIBLE_PREFIXES) and key not in LEFT_OUT
