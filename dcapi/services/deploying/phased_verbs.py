"""The verbs of a deployment phase by phase: in which statuses each is taken, and what it asks for, in order.

Source: "Checks of each verb, in this order" in the contract of deployment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from sqlalchemy.orm import Session

from dcapi.deploy.port import Phase
from dcapi.errors import BadRequest
from dcapi.models import Subcloud
from dcapi.models.bootstrap_forms import check_required
from dcapi.models.secret_values import data_install, deploy_config, shown
from dcapi.models.states import Deploy
from dcapi.models.taken_networks import TakenNetworks
from dcapi.services.deploying import enrolment
from dcapi.services.deploying.deployment_values import address_of, completed, given_values, install_values
from dcapi.services.deploying.phases import last_phase
from dcapi.services.inventory import networks
from dcapi.services.inventory.inputs import DeployRequest, Enrolment, NewSubcloud, Values
from dcapi.services.inventory.installation import NEEDED_KEYS
from dcapi.services.inventory.stored_values import stored_payload, without_address
from dcapi.sync.values.member import INSTALL_ADDRESS_KEY

EITHER = "Subcloud deploy status must be either: {}"
INITIAL_ONLY = "The deploy install command can only be used during initial deployment."
RESUME_INITIAL_ONLY = "The subcloud can only be resumed during initial deployment."
ABORT_INITIAL_ONLY = "The subcloud can only be aborted during initial deployment."
NO_BOOTSTRAP_VALUES = "Required bootstrap-values file was not provided and it was not previously available"
NO_ADDRESS = (
    "The bootstrap-address was not provided and it was not previously available. Please provide it in the "
    "request or update the subcloud with install-values and try again."
)
NO_DEPLOY_CONFIG = "Required deploy_config file was not provided and it was not previously available."
ONLY_CONFIG_LEFT = (
    f"Only deploy phase left is deploy config. {NO_DEPLOY_CONFIG} If manually configuring the subcloud, "
    "please run 'dcmanager subcloud deploy complete'"
)


# What these install, or take over as it was installed, is of the release of the request.
INSTALLING = frozenset({Phase.INSTALL, Phase.ENROLL})


@dataclass(frozen=True)
class Chain:
    """What a verb begins: the phases, and the values that they are run with."""

    phases: tuple[str, ...]
    new: NewSubcloud


@dataclass(frozen=True)
class Case:
    """A request about a locked subcloud, with what is stored of it. Every check raises BadRequest."""

    session: Session
    row: Subcloud
    wanted: DeployRequest

    @cached_property
    def given(self) -> Values | None:
        """The bootstrap values of the request."""
        return given_values(self.row, self.wanted)

    @cached_property
    def values(self) -> Values:
        """The bootstrap values that count: the given ones, else those stored."""
        return without_address(stored_payload(self.row)) if self.given is None else self.given

    @property
    def has_deploy_config(self) -> bool:
        return self.wanted.deploy_config is not None or deploy_config.read(self.row) is not None

    @property
    def has_install_values(self) -> bool:
        return self.wanted.install_values is not None or data_install.read(self.row) is not None

    def chain(self, *phases: str) -> Chain:
        """These phases, with what is given and stored; the release counts where it is installed."""
        install, release = data_install.read(self.row), None
        if INSTALLING.intersection(phases):
            install, release = self.install_values, self.wanted.release
        if Phase.BOOTSTRAP in phases and install is not None and self.wanted.bootstrap_address is not None:
            install = {**install, INSTALL_ADDRESS_KEY: self.wanted.bootstrap_address}
        new = completed(self.row, self.wanted, self.values, install)
        return Chain(phases, replace(new, release=release))

    @cached_property
    def install_values(self) -> Values | None:
        """The install values that count, of the release that is installed; None when there are none."""
        if not self.has_install_values:
            return None
        return install_values(self.row, self.wanted, self.values)

    def check_password(self) -> None:
        if self.wanted.password_error is not None:
            raise BadRequest(self.wanted.password_error)

    def check_install_values(self) -> None:
        """What is to be installed is there: given, or stored in full."""
        install = self.install_values
        if install is None:
            raise BadRequest("Failed to read data install from db")
        for key in NEEDED_KEYS:
            if install.get(key) in (None, ""):
                raise BadRequest(f"Failed to get {key} from data_install")

    def check_address(self) -> None:
        if address_of(self.row, self.wanted) is None:
            raise BadRequest(NO_ADDRESS)

    def check_bootstrap_values(self) -> None:
        """Given ones are of this subcloud and fit beside the others."""
        if self.given is None:
            return
        name = self.given.get("name")
        if name not in (None, "", self.row.name):
            raise BadRequest(
                f"The bootstrap-values 'name' value ({shown(name)}) must match the current subcloud name "
                f"({self.row.name})"
            )
        check_required(self.given)
        networks.check_networks(self.given, TakenNetworks(self.session, but=self.row))


def _install(case: Case) -> Chain:
    case.check_install_values()
    case.check_password()
    return case.chain(Phase.INSTALL)


def _bootstrap(case: Case) -> Chain:
    if not case.values:
        raise BadRequest(NO_BOOTSTRAP_VALUES)
    case.check_password()
    case.check_address()
    case.check_bootstrap_values()
    return case.chain(Phase.BOOTSTRAP)


def _configure(case: Case) -> Chain:
    if not case.has_deploy_config:
        raise BadRequest(NO_DEPLOY_CONFIG)
    case.check_password()
    case.check_address()
    return case.chain(Phase.CONFIG)


def _resume(case: Case) -> Chain:
    left = PHASES_LEFT[Deploy(case.row.deploy_status)]
    if left == (Phase.CONFIG,) and not case.has_deploy_config:
        raise BadRequest(ONLY_CONFIG_LEFT)
    if Phase.INSTALL not in left and case.wanted.install_values is not None:
        raise BadRequest("Install was already executed and install-values is not required")
    if Phase.BOOTSTRAP not in left and case.given is not None:
        raise BadRequest("Bootstrap was already executed and bootstrap-values is not required")
    if not case.values:
        raise BadRequest(NO_BOOTSTRAP_VALUES)
    case.check_password()
    phases = tuple(phase for phase in left if phase != Phase.INSTALL or case.has_install_values)
    if Phase.INSTALL in phases:
        case.check_install_values()
    case.check_address()
    case.check_bootstrap_values()
    return case.chain(*phases[:-1], last_phase(configures=case.has_deploy_config))


def _enroll(case: Case) -> Chain:
    wanted = case.wanted.enrolment or Enrolment()
    if not case.values:
        raise BadRequest(NO_BOOTSTRAP_VALUES)
    release = case.wanted.release or case.row.software_version
    enrolment.check(wanted, case.install_values, release)
    case.check_password()
    case.check_address()
    case.check_bootstrap_values()
    enrolment.check_nodes(case.values)
    configures = (Phase.CONFIG,) if case.has_deploy_config else ()
    return case.chain(*enrolment.phases_of(wanted), *configures)


@dataclass(frozen=True)
class Verb:
    """``wording`` says in which statuses it is taken. One that only writes has nothing to ``prepare``.

    ``initial_only`` is said of a deployment that is no initial one; None: that does not matter.
    """

    statuses: tuple[Deploy, ...]
    wording: str = EITHER
    prepare: Callable[[Case], Chain] | None = None
    needs_body: bool = False
    initial_only: str | None = None

    @property
    def refusal(self) -> str:
        return self.wording.format(", ".join(self.statuses))


# Where an initial deployment can be resumed, and what is left of it then.
_FROM_INSTALL = (
    Deploy.CREATE_COMPLETE,
    Deploy.PRE_INSTALL_FAILED,
    Deploy.INSTALL_FAILED,
    Deploy.INSTALL_ABORTED,
)
_FROM_BOOTSTRAP = (
    Deploy.INSTALL_COMPLETE,
    Deploy.PRE_BOOTSTRAP_FAILED,
    Deploy.BOOTSTRAP_FAILED,
    Deploy.BOOTSTRAP_ABORTED,
)
_FROM_CONFIG = (
    Deploy.BOOTSTRAP_COMPLETE,
    Deploy.PRE_CONFIG_FAILED,
    Deploy.CONFIG_FAILED,
    Deploy.CONFIG_ABORTED,
)
PHASES_LEFT: dict[Deploy, tuple[Phase, ...]] = {
    **dict.fromkeys(_FROM_INSTALL, (Phase.INSTALL, Phase.BOOTSTRAP, Phase.CONFIG)),
    **dict.fromkeys(_FROM_BOOTSTRAP, (Phase.BOOTSTRAP, Phase.CONFIG)),
    **dict.fromkeys(_FROM_CONFIG, (Phase.CONFIG,)),
}

VERBS: dict[str, Verb] = {
    "install": Verb(
        (
            Deploy.CREATE_COMPLETE,
            Deploy.PRE_INSTALL_FAILED,
            Deploy.INSTALL_FAILED,
            Deploy.INSTALL_COMPLETE,
            Deploy.INSTALL_ABORTED,
        ),
        prepare=_install,
        needs_body=True,
        initial_only=INITIAL_ONLY,
    ),
    "bootstrap": Verb(
        (*_FROM_BOOTSTRAP, Deploy.BOOTSTRAP_COMPLETE, Deploy.CREATE_COMPLETE),
        prepare=_bootstrap,
    ),
    "configure": Verb(
        (
            Deploy.COMPLETE,
            Deploy.PRE_CONFIG_FAILED,
            Deploy.CONFIG_FAILED,
            Deploy.BOOTSTRAP_COMPLETE,
            Deploy.ENROLL_COMPLETE,
            Deploy.CONFIG_ABORTED,
        ),
        wording="Subcloud deploy status must be {}",
        prepare=_configure,
        needs_body=True,
    ),
    "complete": Verb(
        (Deploy.BOOTSTRAP_COMPLETE, Deploy.ENROLL_COMPLETE),
        wording="Subcloud deploy can only be completed when its deploy status is: {}",
    ),
    "abort": Verb(
        (Deploy.INSTALLING, Deploy.BOOTSTRAPPING, Deploy.CONFIGURING),
        wording="Subcloud deploy status must be in one of the following states: {}",
        initial_only=ABORT_INITIAL_ONLY,
    ),
    "enroll": Verb(
        (
            Deploy.CREATE_COMPLETE,
            Deploy.ENROLL_FAILED,
            Deploy.PRE_ENROLL_FAILED,
            Deploy.PRE_INIT_ENROLL_FAILED,
            Deploy.INIT_ENROLL_FAILED,
            Deploy.FACTORY_RESTORE_COMPLETE,
        ),
        prepare=_enroll,
    ),
    "resume": Verb(
        (
            Deploy.CREATE_COMPLETE,
            Deploy.INSTALL_COMPLETE,
            *_FROM_INSTALL[1:],
            Deploy.BOOTSTRAP_COMPLETE,
            *_FROM_BOOTSTRAP[1:],
            *_FROM_CONFIG[1:],
        ),
        prepare=_resume,
        initial_only=RESUME_INITIAL_ONLY,
    ),
}
