"""What an operator lets happen to a simulated subcloud."""

from __future__ import annotations

from sqlalchemy.orm import Session

from dcapi.deploy.simulated_failures import PlannedFailures
from dcapi.errors import BadRequest
from dcapi.services.inventory.lookup import find_by_name
from dcapi.settings import Settings


def plan_failure(session: Session, settings: Settings, name: str, word: str) -> None:
    """Let the next phase of this name, or the next abort, of a subcloud fail, once.

    Raises NotFound, BadRequest where phases are not simulated, and OSError when it cannot be written down.
    """
    if settings.DEPLOYER != "simulated":
        raise BadRequest(
            f"Phases fail on demand with DCAPI_DEPLOYER=simulated alone, not with {settings.DEPLOYER}"
        )
    PlannedFailures.of(settings).plan(find_by_name(session, name).id, word)
