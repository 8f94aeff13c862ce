"""How to call the two sites of a lab that is left running."""

from __future__ import annotations

import json
import textwrap

from dcapi.lab.operator import password_authentication
from dcapi.lab.pair import Pair
from dcapi.lab.site import LabSite

USER = "admin"


def directions(pair: Pair) -> str:
    """Addresses, users and passwords, a login with curl, and the environment of the dcmanager client."""
    parts = [
        f"\nBoth sites run until Ctrl-C; their data and logs are in {pair.a.folder.parent}.",
        f"A calls B through {pair.proxy.url}, so does B's catalogue.",
    ]
    return "\n".join([*parts, *(_of_site(site) for site in (pair.a, pair.b))])


def client_environment(site: LabSite) -> dict[str, str]:
    """The variables from which the dcmanager client and its family know whom to call, and as whom."""
    return {
        "OS_AUTH_URL": f"{site.url}/v3",
        "OS_AUTH_TYPE": "password",
        "OS_USERNAME": USER,
        "OS_PASSWORD": site.admin_password,
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": "SystemController",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_INTERFACE": "public",
        "OS_ENDPOINT_TYPE": "publicURL",
        "DCMANAGER_URL": f"{site.url}/v1.0",
    }


def _of_site(site: LabSite) -> str:
    exports = "\n".join(f"export {name}='{value}'" for name, value in client_environment(site).items())
    body = json.dumps(password_authentication(USER, site.admin_password))
    text = f"""
        {site.name}: {site.url}, user {USER}, password {site.admin_password}

        Log in and list the subclouds:
        TOKEN=$(curl -s -D - -o /dev/null -H 'Content-Type: application/json' \\
          -d '{body}' \\
          {site.url}/v3/auth/tokens | tr -d '\\r' | sed -n 's/^X-Subject-Token: //ip')
        curl -s -H "X-Auth-Token: $TOKEN" -H 'Accept: application/json' {site.url}/v1.0/subclouds

        For the dcmanager client:
    """
    return textwrap.dedent(text).rstrip() + "\n" + exports
