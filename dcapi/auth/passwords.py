"""Passwords of the embedded identity service: hashed with scrypt, compared at the same cost for everybody."""

from __future__ import annotations

import re

from werkzeug.security import check_password_hash, generate_password_hash

# Cost, block size and lanes: about 0.1 s and 32 MiB for each check.
METHOD = "scrypt:32768:8:1"
SALT_LENGTH = 16

# What a hash in a file must look like to be checked without an error.
HASH = re.compile(r"scrypt:\d{1,7}:\d{1,2}:\d{1,2}\$[^$]+\$[0-9a-f]{128}")

# No password has this hash; checking against it costs what a real check costs.
NOBODYS_HASH = f"{METHOD}${'-' * SALT_LENGTH}${'0' * 128}"


def hash_of(password: str) -> str:
    """The hash to keep in place of a password, with a salt of its own."""
    return generate_password_hash(password, method=METHOD, salt_length=SALT_LENGTH)


def matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the hashed one; with no hash (no such user) the same work, and False."""
    try:
        equal = check_password_hash(password_hash or NOBODYS_HASH, password)
    except ValueError:  # somebody wrote a cost into the file that scrypt does not take
        return False
    return equal and password_hash is not None
