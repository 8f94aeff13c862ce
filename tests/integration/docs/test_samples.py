"""The samples of docs/values.md are taken by a site as they stand."""

from __future__ import annotations

import base64
from typing import Any

from docs.values import SAMPLE_NAMES, SAMPLES
from tests.site_client import SiteClient
from tests.subcloud_forms import form

SECRET = base64.b64encode(b"Gale*force9").decode()
# The network that is shown of each: of two the primary one, and the admin network where there is one.
SHOWN = {
    "ipv4": "10.65.1.0/24",
    "ipv6": "fd41:2::/64",
    "dual-stack": "10.65.3.0/24",
    "admin-network": "10.97.4.0/24",
    "duplex": "10.65.5.0/24",
}


def post(operator: SiteClient, name: str) -> Any:
    """Add a subcloud with both files of a sample."""
    files = {part: (SAMPLES / f"{part}-{name}.yaml").read_bytes() for part in ("bootstrap", "install")}
    parts = {f"{part}_values": content for part, content in files.items()}
    passwords = {"sysadmin_password": SECRET, "bmc_password": SECRET}
    return operator.post("/subclouds", **form(**parts, **passwords))


def test_a_site_takes_every_sample(operator: SiteClient) -> None:
    assert tuple(SHOWN) == SAMPLE_NAMES
    for name, subnet in SHOWN.items():
        answer = post(operator, name)
        assert answer.status_code == 200, (name, answer.text)
        assert answer.json["management-subnet"] == subnet
