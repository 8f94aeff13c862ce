"""Logins at a real server with several workers: guesses count for all, and tokens live and end at all."""

from __future__ import annotations

from tests.e2e.conftest import MakeSite
from tests.e2e.site_caller import SiteCaller

HOME, ELSEWHERE = "127.0.0.1", "127.0.0.2"
FREE = 10


def failures_until_a_wait(client: SiteCaller) -> int:
    """Guesses that were looked at before one was told to wait. The waits double, so that the next guess comes
    too early after few of them, however slow the machine is."""
    for failures in range(3 * FREE):
        code, headers = client.log_in("a guess")
        if code == 429:
            assert 1 <= int(headers["Retry-After"]) <= 60
            return failures
        assert code == 401
    raise AssertionError("nobody had to wait")


def test_guesses_slow_the_next_ones_at_every_worker_and_nobody_else(make_site: MakeSite) -> None:
    site = make_site({"WORKERS": "4", "THREADS": "2"})
    site.start()
    user, thief = SiteCaller(site, HOME), SiteCaller(site, ELSEWHERE)
    token = user.token(site.admin_password)

    # Were each worker to count for itself, it would take about four times as many.
    assert FREE <= failures_until_a_wait(thief) < 2 * FREE
    assert user.is_valid(token)
    assert user.log_in(site.admin_password)[0] == 201

    spare = user.token(site.admin_password)
    headers = {"X-Auth-Token": spare, "X-Subject-Token": spare}
    assert user.send("DELETE", "/v3/auth/tokens", None, headers)[0] == 204
    assert not any(user.is_valid(spare) for _ in range(12))
    assert user.is_valid(token)

    site.stop()
    site.start()
    assert failures_until_a_wait(thief) < FREE
    assert not user.is_valid(spare)
    assert user.is_valid(token)
    assert user.log_in(site.admin_password)[0] == 201
