"""The id that every answer bears, whoever asked and whatever came of it."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

HEADER = "X-Openstack-Request-Id"


@pytest.mark.parametrize("path", ["/", "/v1.0/subclouds", "/v1.0/no-such-thing", "/v3/auth/tokens"])
def test_each_answer_has_an_id_of_its_own(client: FlaskClient, path: str) -> None:
    ids = [client.get(path).headers[HEADER] for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(each.startswith("req-") for each in ids)


def test_a_body_that_is_too_large_is_refused_under_an_id_of_its_own(client: FlaskClient) -> None:
    ids = [
        client.post("/v3/auth/tokens", headers={"Content-Length": str(2**40)}).headers[HEADER]
        for _ in range(2)
    ]
    assert len({*ids, ""}) == 3
