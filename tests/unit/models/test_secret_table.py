"""The table of secrets, row by row, with their neighbours that are none."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from dcapi.models.secret_table import KEY_ROWS, TABLE, Row, is_secret_key
from dcapi.models.secret_values import is_secret

NUMBERS = "10.0.0.1"
PEM = "-----BEGIN {0} KEY-----\nMHcCAQEE\n-----END {0} KEY-----"
# How texts give a value under a name.
GIVEN = (
    "{}=x",
    "{}: x",
    "{} = x",
    "'{}': 'x'",
    "env['{}']='x'",
    '\\"{}\\":\\"x\\"',
    "a\n  {}:\n    x",
)
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB{}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.example[0])
def test_each_row_tells_a_secret_from_its_neighbour(row: Row) -> None:
    assert is_secret(*row.example)
    assert not is_secret(*row.neighbour)


@pytest.mark.parametrize("word", [word for row in KEY_ROWS for word in row.words])
def test_each_word_of_the_table_ends_a_key_in_every_spelling(word: str) -> None:
    for mark in ("_", "-", ".", " "):
        assert is_secret_key(f"site{mark}{word.replace(' ', mark)}")
    camel = word.title().replace(" ", "")
    spellings = (word, word.upper(), camel, f"site{camel}", f"SITE{camel}", f"root{word.replace(' ', '')}")
    for key in (*spellings, f"{word}1", f"{word}_2", f"{word} "):
        assert is_secret_key(key), key
    for key in (f"{word}_name", f"{word}Size", f"{word}s_path", f"{word}-url"):
        assert not is_secret_key(key), key


@pytest.mark.parametrize("word", [word for row in KEY_ROWS for word in row.words])
def test_each_word_of_the_table_tells_of_a_secret_in_a_text(word: str) -> None:
    for name in (word, word.upper(), word.replace(" ", "_"), word.replace(" ", "-"), f"root{word}"):
        for given in (
            "{}=x",
            "{}: x",
            "{} = x",
            "'{}': 'x'",
            "env['{}']='x'",
            '\\"{}\\":\\"x\\"',
            "a\n  {}:\n    x",
        ):
            assert is_secret("script", f"quiet {given.format(name)}"), (name, given)
    for text in (f"{word}_name=x", f"{word} x", f"{word}=", f"{word}: \n", f"{word}=''"):
        assert not is_secret("script", text), text


@pytest.mark.parametrize(
    "key",
    [
        "token_ttl",
        "password_min_length",
        "bmc_username",
        "secret_name",
        "password_file",
        "private_key_path",
        "ssh_public_key",
        "authorized_keys",
        "system_root_ca_cert",
        "ssl_ca_cert",
        "key",
        "keys",
        "key_type",
        "monkey",
        "bypass",
        "tls-bypass",
        "compass",
        "",
        "1",
        "_",
    ],
)
def test_a_key_of_no_secret_stays_readable(key: str) -> None:
    assert not is_secret(key, NUMBERS)


@pytest.mark.parametrize(
    "key", ["passWord", "PASSWORD", "pass_word", "adminpassword", "x.passwd ", "PaSsWoRd"]
)
def test_a_password_is_known_in_any_case_of_letters(key: str) -> None:
    assert is_secret_key(key)


@pytest.mark.parametrize(
    "kind", ["PRIVATE", "RSA PRIVATE", "EC PRIVATE", "OPENSSH PRIVATE", "ENCRYPTED PRIVATE"]
)
def test_a_private_key_of_each_kind_is_a_secret(kind: str) -> None:
    text = PEM.format(kind)
    encoded = base64.b64encode(text.encode()).decode()
    bundles = [CERTIFICATE.format("A" * length) + text for length in range(3)]
    more = [base64.encodebytes(bundle.encode()).decode() for bundle in bundles]
    for value in (text, f"before\n{text}", encoded, f"client-key-data: {encoded}", *bundles, *more):
        assert is_secret("file", value)


def test_certificates_and_public_keys_stay_readable() -> None:
    # In base64 the end may look like a word of the table with something after it.
    ends = ("pw==", "APW=", "psk=", "qualPwd=", "0pw=")
    for end in ends:
        certificate = CERTIFICATE.format("A" * 24 + end)
        for value in (certificate, certificate * 2, CERTIFICATE.format(f"{'A' * 60}\n{end}")):
            assert not is_secret("system_root_ca_cert", value), value
        assert not is_secret("ssh_public_key", f"ssh-rsa {'A' * 300}{end} mate@quay")
        assert not is_secret("digest", f"{'A' * 30}{end}")
    assert not is_secret("key", PEM.format("PUBLIC"))
    assert not is_secret("cert", base64.b64encode(CERTIFICATE.format("").encode()).decode())


@pytest.mark.parametrize(
    "url",
    [
        "http://u:p@h",
        "http://u:p/w@h",
        "http://u:p?w@h/x",
        "http://u:p@w@h",
        "redis://:p@h:6379/0",
        "//u:p@h",
        "HTTP://u:p@h",
        "http://u:@h",
        "see http://u:p@h and more",
        "http://u:p@registry/stx@sha256:" + "0a" * 32,
    ],
)
def test_a_url_with_user_and_password_is_a_secret(url: str) -> None:
    assert is_secret("proxy", url)
    assert is_secret("", url)


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.example:3128",
        "http://[fd01::1]:3128/x",
        "http://u@h",
        "mate@quay.example: see http://h",
        "http://h:1 mate@quay",
        "registry.example:9001/stx@sha256:" + "0a" * 32,
        "https://registry.example:9001/stx:1.0@sha256:" + "0a" * 32,
    ],
)
def test_a_url_without_a_password_stays_readable(url: str) -> None:
    assert not is_secret("proxy", url)


@pytest.mark.parametrize(
    "arguments",
    [
        "console=ttyS0,115200 intel_iommu=on iommu=pt crashkernel=2048M user_namespace.enable=1",
        "rd.net.timeout.ipv6dad=300 ip=10.0.0.2::10.0.0.1:255.255.255.0:node:eth0:none",
        "iommu.passthrough=1 vfio.bypass=1 inst.ks=http://h/x.cfg security_profile=standard",
        "multi-drivers-switch=cvl-2.54 hugepagesz=1G token_ttl=3 password_file=/etc/x",
        "a password is asked for at the console",
        "password: ******, token=***",
    ],
)
def test_texts_without_a_secret_stay_readable(arguments: str) -> None:
    assert not is_secret("extra_boot_params", arguments)


@pytest.mark.parametrize("value", [None])
def test_null_is_no_secret(value: Any) -> None:
    assert not is_secret("password", value)
