"""What a deployer raises is a failed phase."""

from __future__ import annotations

import logging

import pytest

from dcapi.deploy.guarded import GuardedDeployer
from dcapi.deploy.port import Aborted, Done, Failed, Phase, Running, StepState, Target
from dcapi.deploy.registry import deployer_of
from dcapi.deploy.simulated import SimulatedDeployer
from dcapi.settings import settings_from

TARGET = Target(
    1, "quay-1", "0" * 32, "24.09", bootstrap_values={"admin_password": "Gull*1"}, sysadmin_password="SGk="
)


class Broken(SimulatedDeployer):
    def __init__(self, error: BaseException) -> None:
        super().__init__(0)
        self.error = error

    def begin(self, *_asked: object) -> StepState:
        raise self.error

    def poll(self, *_asked: object) -> StepState:
        raise self.error

    def delete(self, target: Target) -> None:  # noqa: ARG002 (the port names it)
        raise self.error


def failed(error: BaseException, target: Target = TARGET) -> Failed:
    state = GuardedDeployer(Broken(error)).begin(Phase.INSTALL, target)
    assert state == GuardedDeployer(Broken(error)).poll(Phase.INSTALL, target)
    assert isinstance(state, Failed)
    return state


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (ValueError("\nfirst\nsecond"), "ValueError: first"),
        (AttributeError(), "AttributeError"),
        (RuntimeError("the password Gull*1 is wrong"), "RuntimeError: the password ****** is wrong"),
        (RuntimeError("R3VsbCox and Hi"), "RuntimeError: ****** and ******"),
        (RuntimeError("x" * 1000), "RuntimeError: " + "x" * 100),
    ],
)
def test_the_reason_names_the_error_on_one_line_without_secrets(error: Exception, told: str) -> None:
    reason = failed(error).reason
    assert reason.startswith(f"the deployer failed in the phase install: {told}")
    assert len(reason) <= 500
    assert reason.isprintable()


def test_where_it_was_raised_is_in_the_log_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError("the password Gull*1 is wrong")
    error.__cause__ = KeyError("Gull*1")
    failed(error)
    [record, _] = [one for one in caplog.records if one.levelno == logging.ERROR]
    told = str(vars(record))
    assert "quay-1" in record.getMessage()
    assert "in begin" in told
    assert "raise self.error" in told
    assert "Gull" not in told


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("Gull*1")


@pytest.mark.parametrize("target", [TARGET, Target(1, "quay-1", "r", "1", bootstrap_values={7: "Gull*1"})])  # type: ignore[dict-item]
def test_what_cannot_be_told_without_secrets_is_not_told(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    error = Unspeakable() if target is TARGET else RuntimeError("Gull*1")
    assert failed(error, target).reason.endswith(f"in the phase install: {type(error).__name__}")
    assert "Gull" not in str([vars(record) for record in caplog.records])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_the_end_of_the_process_is_no_failure(error: BaseException) -> None:
    with pytest.raises(type(error)):
        failed(error)


def test_what_a_deleted_subcloud_leaves_behind_is_no_error_of_its_deletion(
    caplog: pytest.LogCaptureFixture,
) -> None:
    GuardedDeployer(Broken(OSError(30, "Read-only file system: Gull*1"))).delete(TARGET)
    [record] = caplog.records
    assert record.getMessage() == "subcloud quay-1: what the deployer keeps of it could not be removed"
    assert "Gull" not in str(vars(record))


def test_everything_else_is_the_deployers_own() -> None:
    deployer = deployer_of(settings_from({"DEPLOY_PHASE_SECONDS": 0}))
    assert isinstance(deployer, GuardedDeployer)
    assert deployer.begin(Phase.CREATE, TARGET) == Running(0.0)
    assert deployer.poll(Phase.CREATE, TARGET) == Done()
    assert deployer.abort(Phase.CREATE, TARGET) == Aborted()
    deployer.delete(TARGET)
    deployer.close()
