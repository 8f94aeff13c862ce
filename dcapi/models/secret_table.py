"""What counts as a secret: one table, by the key of a value and by the value itself. Pure.

Whoever masks, encrypts, compares or hides values asks here. docs/security.md shows the table.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Row:
    """One line of the table: what it is about, key and value of an example, and of a neighbour that is none.

    ``words`` are the last words of a key, two of them with a blank between.
    """

    what: str
    example: tuple[str, str]
    neighbour: tuple[str, str]
    words: tuple[str, ...] = ()


def _of_key(example: str, neighbour: str, *words: str) -> Row:
    what = "a key that ends in " + " or ".join(f"`{word}`" for word in words)
    return Row(what, (example, "x"), (neighbour, "x"), words)


KEY_ROWS = (
    _of_key("admin_password", "password_min_length", "password", "passwords"),
    _of_key("ldap-passwd", "passwd_file", "passwd"),
    _of_key("luksPassphrase", "passphrase_path", "passphrase", "passphrases"),
    _of_key("door.passcode", "passcode_length", "passcode", "passcodes"),
    _of_key("adminPass", "bypass", "pass"),
    _of_key("db_pwd", "pwd_policy", "pwd"),
    _of_key("bind_pw", "pw_length", "pw"),
    _of_key("client_secret", "secret_name", "secret", "secrets"),
    _of_key("github_token", "token_ttl", "token", "tokens"),
    _of_key("registry-credentials", "credential_type", "credential", "credentials"),
    _of_key("wifiPsk", "psk_length", "psk"),
    _of_key("snmp_community", "community_url", "community", "communities"),
    _of_key("apiKey", "api_key_id", "api key", "api keys"),
    _of_key("aws_secret_access_key", "access_key_id", "access key", "access keys"),
    _of_key("ssh_private_key", "ssh_public_key", "private key", "private keys"),
    _of_key("system_local_ca_key", "system_local_ca_cert", "ca key"),
    _of_key("ssl_key", "ssl_cert", "ssl key"),
    _of_key("tls_key", "tls_cert", "tls key"),
    _of_key("disk-encryption-key", "encryption_key_size", "encryption key", "encryption keys"),
    _of_key("django_secret_key", "secret_key_path", "secret key", "secret keys"),
    _of_key("signingKey", "signing_key_id", "signing key", "signing keys"),
)
VALUE_ROWS = (
    Row(
        "a private key in PEM",
        ("file", "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----"),
        ("file", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"),
    ),
    Row(
        "the same in base64",
        ("client-key-data", "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1IY0MK"),
        ("client-certificate-data", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIK"),
    ),
    Row(
        "a URL with user and password: a `:` between `//` and the last `@` before a blank",
        ("docker_http_proxy", "http://porter:p/w@proxy.example:3128"),
        ("image", "http://registry.example:9001/stx@sha256:" + "0a" * 32),
    ),
    Row(
        "a text in which one of the words above ends before `=` or `:` and a value",
        ("extra_boot_params", "console=ttyS0 rootpw=abc quiet"),
        ("extra_boot_params", "console=ttyS0 password_file=/etc/x bypass=1"),
    ),
)
TABLE = (*KEY_ROWS, *VALUE_ROWS)

# Words that end like one of the table and are no secret.
PLAIN_WORDS = ("bypass", "compass", "encompass", "overpass", "surpass", "trespass", "underpass")

_WORDS = tuple(word for row in KEY_ROWS for word in row.words)
# One that is written together counts at the end of a longer word, too.
_ENDS = tuple(word for word in _WORDS if " " not in word)
_TWO_WORD_ENDS = tuple(word for word in _WORDS if " " in word)
_JOINED_ENDS = tuple(word.replace(" ", "") for word in _TWO_WORD_ENDS)
# So long that they mean nothing else, however the letters of a key change their case.
_LONG_ENDS = tuple(word for word in _ENDS if word.startswith("passw") or len(word) > len("password"))

_WORD_OF_KEY = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# Of a longer key only the end is judged.
_LONGEST_KEY = 128


def is_secret_key(key: str) -> bool:
    """Whether a key says that its value is a secret, however deep it stands."""
    return _is_known_key(key) if len(key) <= _LONGEST_KEY else _ends_in_word(key[-_LONGEST_KEY:])


def _ends_in_word(key: str) -> bool:
    words = [word.lower() for word in _WORD_OF_KEY.findall(key)]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[-1].endswith(PLAIN_WORDS):
        return False
    return (
        words[-1].endswith((*_ENDS, *_JOINED_ENDS))
        or " ".join(words[-2:]).endswith(_TWO_WORD_ENDS)
        or "".join(words).endswith(_LONG_ENDS)
    )


# Values of members have the same few keys again and again.
_is_known_key = lru_cache(maxsize=4096)(_ends_in_word)


def is_secret_text(text: str) -> bool:
    """Whether a text is a secret by itself, or holds one."""
    # What a URL and a named secret have, to be done with most values at once.
    if ("=" in text or ":" in text) and (_holds_url_with_password(text) or _names_a_secret(text)):
        return True
    return _holds_private_key(text)


# -- Keys in PEM --


def _in_base64(text: str) -> tuple[str, ...]:
    """What base64 makes of a text, wherever it stands: without the characters in which others have a part."""
    return tuple(
        base64.b64encode(b" " * before + text.encode()).decode()[
            -(-before * 8 // 6) : (before + len(text)) * 8 // 6
        ]
        for before in range(3)
    )


_PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY")
_PEM_BEGIN = "-----BEGIN"
_BASE64_BEGIN = _in_base64(_PEM_BEGIN)[0]
_BASE64_KEY = _in_base64("PRIVATE KEY")


def _holds_private_key(text: str) -> bool:
    if _PEM_BEGIN in text and _PEM.search(text):
        return True
    # It may be broken into lines.
    return _BASE64_BEGIN in text and any(key in "".join(text.split()) for key in _BASE64_KEY)


# -- URLs --

_IMAGE_DIGEST = re.compile(r"@(?=sha[0-9]+:[0-9a-f]{32})")
# The password as a strict reader of URLs finds it.
_PASSWORD = re.compile(r"//[^/\s:@]*:([^/\s]+)@")


def passwords_of_urls(text: str) -> Iterator[str]:
    """The passwords in the URLs of a text, in each way to read them: what should be escaped may not be."""
    if _holds_url_with_password(text):
        yield from dict.fromkeys((*_PASSWORD.findall(text), *_userinfo_passwords(text)))


def _holds_url_with_password(text: str) -> bool:
    return "@" in text and "//" in text and next(_userinfo_passwords(text), None) is not None


def _userinfo_passwords(text: str) -> Iterator[str]:
    for word in text.split():
        userinfo, at, _host = _IMAGE_DIGEST.sub("", word).partition("//")[2].rpartition("@")
        if at and ":" in userinfo:
            yield userinfo.partition(":")[2]


# -- Longer texts --

# Each word has one of them in it: most texts have none, and are not looked through.
_STEMS = ("pass", "pw", "psk", "secret", "token", "credential", "communit", "key")
_LAST_PARTS = tuple({word.rpartition(" ")[2] for word in _WORDS})
# Before a value, which may be quoted, also in a text that is quoted itself. A mask is none, and neither is
# the end of a certificate.
_GIVES = re.compile(r"""[=:]+(?=>?\s*[\\"']*(?!-----|\*+(?:[\\"'\s,;&})\]]|$))[^\s\\"'=:>])""")
_VALUE = re.compile(r"""[>\s\\"']*([^\s\\"']{1,256})""")
# More than any name at the end of which a word of the table counts.
_LONGEST_NAME = 40
# The end of a certificate in base64, with a filling of "=".
_BASE64_END = re.compile(r"[a-z0-9+/]{24}(?:pw|pwd|psk)$", re.IGNORECASE)


def named_secrets(text: str) -> Iterator[str]:
    """What a longer text (kernel arguments, a configuration) gives under a word of the table."""
    for place in _places_of_named_secrets(text):
        found = _VALUE.match(text, place)
        if found:
            yield from dict.fromkeys((found.group(1), re.split("[;&,]", found.group(1))[0]))


def _names_a_secret(text: str) -> bool:
    return _has_stem(text) and next(_places_of_named_secrets(text), None) is not None


def _places_of_named_secrets(text: str) -> Iterator[int]:
    """Where in a text the values stand that have a name of the table before them."""
    if _has_stem(text):
        for sign in _GIVES.finditer(text):
            if _is_name(text[max(0, sign.start() - _LONGEST_NAME) : sign.start()]):
                yield sign.end()


def _has_stem(text: str) -> bool:
    lower = text.lower()
    for stem in _STEMS:  # noqa: SIM110 (three times as fast as any(), and every address comes here)
        if stem in lower:
            return True
    return False


def _is_name(before: str) -> bool:
    """Whether a name of the table ends here, in quotes and brackets or not."""
    name = before.rstrip().rstrip("\\\"')]").rstrip("_-0123456789")
    return name.lower().endswith(_LAST_PARTS) and not _BASE64_END.search(name) and _ends_in_word(name)
