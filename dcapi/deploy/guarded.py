"""What a deployer raises is a phase that failed.

The rows that wait for a phase know three answers. An exception is none of them: it would leave the row as it
is, and come back at every step for ever.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from dcapi.deploy.playbooks.supervisor.diary import one_line
from dcapi.deploy.playbooks.supervisor.masking import Masker
from dcapi.deploy.playbooks.values import secrets_of
from dcapi.deploy.port import AbortState, Deployer, Failed, Phase, StepState, Target
from dcapi.log import fields

logger = logging.getLogger(__name__)

State = TypeVar("State")


class GuardedDeployer:
    """A deployer whose phases fail where it raises, and to which a subcloud that is gone is gone."""

    def __init__(self, deployer: Deployer) -> None:
        self._deployer = deployer

    @property
    def longest_pause(self) -> float:
        return self._deployer.longest_pause

    def begin(self, phase: Phase, target: Target) -> StepState:
        return _answer(self._deployer.begin, phase, target)

    def poll(self, phase: Phase, target: Target) -> StepState:
        return _answer(self._deployer.poll, phase, target)

    def abort(self, phase: Phase, target: Target) -> AbortState:
        return _answer(self._deployer.abort, phase, target)

    def delete(self, target: Target) -> None:
        try:
            self._deployer.delete(target)
        except Exception as error:  # noqa: BLE001 (the row is gone: nobody could be told, or try again)
            _log(target, "what the deployer keeps of it could not be removed", _told(error, target)[0])

    def close(self) -> None:
        self._deployer.close()


def _answer(ask: Callable[[Phase, Target], State], phase: Phase, target: Target) -> State | Failed:
    try:
        return ask(phase, target)
    except DBAPIError:  # the deploy files could not be read just now: the step is tried again
        raise
    except Exception as error:  # noqa: BLE001 (whatever it is, nobody else makes an answer of it)
        where, what = _told(error, target)
        message = f"the deployer failed in the phase {phase.value}"
        _log(target, message, where)
        return Failed(one_line(f"{message}: {what}"))


def _log(target: Target, message: str, where: str) -> None:
    """Not with the error itself, whose traceback may hold secrets."""
    logger.error("subcloud %s: %s", target.name, message, extra=fields({"traceback": where}))


def _told(error: Exception, target: Target) -> tuple[str, str]:
    """Where an error was raised and what it says, without secrets; no texts when these are not known."""
    name = type(error).__name__
    try:
        masker = Masker(secrets_of(target))
        where = masker.mask("".join(traceback.format_exception(error)))
        lines = masker.mask(str(error)).strip().splitlines()
    except Exception:  # noqa: BLE001 (an error about an error must not take its place)
        return "".join(traceback.format_tb(error.__traceback__)), name
    return where, f"{name}: {lines[0]}" if lines else name
