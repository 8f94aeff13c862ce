"""Forty spellings of secrets among a subcloud's values, each with a canary, and neighbours that are none."""

from __future__ import annotations

import base64
from typing import Any

Values = dict[str, Any]

# Where a canary stands; PEM in base64 is told by what it begins with.
SPELLINGS: dict[str, str] = {
    "adminPass": "{}",
    "sysadmin-pass": "{}",
    "bind_pw": "{}",
    "rootpw": "{}",
    "db_pwd": "{}",
    "ldap-passwd": "{}",
    "registry_password": "{}",
    "ADMINPASSWORD": "{}",
    "password_2": "{}",
    "luksPassphrase": "{}",
    "door.passcode": "{}",
    "github_token": "{}",
    "oauthTokens": "{}",
    "client_secret": "{}",
    "root secrets": "{}",
    "aws_secret_access_key": "{}",
    "apiKey": "{}",
    "maps_api_key": "{}",
    "registry-credentials": "{}",
    "wifiPsk": "{}",
    "snmp_community": "{}",
    "system_local_ca_key": "{}",
    "ssl_key": "{}",
    "ssh_private_key": "{}",
    "disk_encryption_key": "{}",
    "django_secret_key": "{}",
    "proxy": "http://porter:{}@proxy.example:3128",
    "odd_proxy": "http://porter:{}/w@proxy.example",
    "odder_proxy": "http://porter:p@{}@proxy.example",
    "cache": "redis://:{}@cache.example:6379/0",
    "mirror": "first //porter:{}@mirror.example then http://mirror.example",
    "boot": "console=ttyS0,115200 rootpw={} quiet",
    "kickstart": "inst.ks=http://ks.example/a.cfg inst.sshpw={} ro",
    "ini": "[ldap]\nuser = mate\nbind_pw = {}\n",
    "json": '{{"name": "mate", "apiKey": "{}"}}',
    "yaml": "user: mate\nclient-secret:\n  {}\n",
    "shell": "export GITHUB_TOKEN='{}'; run",
    "query": "https://mirror.example/x?access_token={}",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n",
    "bundle": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n",
}
CANARIES = {name: f"Canary-{number:02d}-sings" for number, name in enumerate(SPELLINGS)}

# What must stay readable beside them.
READABLE: Values = {
    "token_ttl": 3600,
    "password_min_length": 12,
    "bmc_username": "mate",
    "secret_name": "registry-secret",
    "ssh_public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 mate@quay",
    "system_root_ca_cert": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "image": "registry.example:9001/stx@sha256:" + "0a" * 32,
    "arguments": "console=ttyS0,115200 intel_iommu=on user_namespace.enable=1",
    "no_token": None,
}


def spelled() -> Values:
    """Values with every canary and every neighbour: at the top, in objects and in lists."""
    values: Values = {name: text.format(CANARIES[name]) for name, text in SPELLINGS.items()}
    nested = {"registry-credentials": {"user": "mate", "text": values.pop("registry-credentials")}}
    items = [{name: values.pop(name)} for name in ("apiKey", "pem")] + [values.pop("proxy")]
    encoded = base64.b64encode(values["bundle"].encode()).decode()
    more = {"nested": nested, "items": items, "encoded": encoded}
    return {**values, **READABLE, **more, "oauthTokens": [values["oauthTokens"], 7]}
