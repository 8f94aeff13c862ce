"""Looks for secrets in what sites leave behind: their logs, and the files that are not there to hold one."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from dcapi.lab.members import BMC_PASSWORD, SYSADMIN_PASSWORD
from dcapi.lab.site import LabSite
from dcapi.models.keyring import SECRETS_KEY_FILE

TOKEN_KEY_FILE = "token.key"
# Files that are there to hold a secret; they are for the site's user alone.
KEEPERS = {SECRETS_KEY_FILE, TOKEN_KEY_FILE, "identity.yaml", "admin-password"}

Place = tuple[str, bytes]


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, in base64 once and twice, and in a URL."""
    once = base64.b64encode(secret.encode())
    for form in (secret.encode(), once, base64.b64encode(once), quote(secret, safe="").encode()):
        yield form.rstrip(b"=")


def found_in(searched: Iterable[Place], secrets: Mapping[str, str]) -> set[tuple[str, str, bytes]]:
    """Which secret is where, and what stands around it."""
    wanted = [(secret, form) for secret, text in secrets.items() for form in forms(text)]
    return {
        (secret, place, content[max(0, content.find(form) - 80) : content.find(form) + 80])
        for place, content in searched
        for secret, form in wanted
        if form in content
    }


def places_of(site: LabSite) -> Iterator[Place]:
    """The log of a site, and its files but for those that hold secrets."""
    if site.log_file.exists():
        yield f"the log of {site.name}", site.log_file.read_bytes()
    instance = site.folder / "instance"
    for path in instance.rglob("*"):
        # What a killed playbook was told goes at the next start.
        told = "run" in path.relative_to(instance).parts
        if path.is_file() and path.name not in KEEPERS and not told:
            yield f"{site.name}: {path.name}", path.read_bytes()


def secrets_of(site: LabSite) -> dict[str, str]:
    """What every site of the lab has to keep to itself."""
    kept = {f"administrator's password of {site.name}": site.admin_password}
    for name in (SECRETS_KEY_FILE, TOKEN_KEY_FILE):
        file = site.folder / "instance" / name
        for number, key in enumerate(file.read_text().split(",") if file.exists() else ()):
            kept[f"{name} {number} of {site.name}"] = key
    return {**kept, "sysadmin": SYSADMIN_PASSWORD, "installer": BMC_PASSWORD}


def expect_nothing_told(*sites: LabSite) -> None:
    """See that these sites, which have ended, left no secret of any of them where it does not belong."""
    secrets = {name: text for site in sites for name, text in secrets_of(site).items()}
    searched = [place for site in sites for place in places_of(site)]
    assert found_in(searched, secrets) == set()
