"""A site is killed while many subclouds are each in another status: their deployments come to their ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from dcapi.deploy.port import Phase
from dcapi.lab.members import Member, member
from dcapi.lab.operator import Operator
from dcapi.lab.polling import wait_until
from dcapi.lab.site import LabSite
from dcapi.services.deploying.deployment import DEPLOYMENT_LOST
from tests.e2e.conftest import DATABASES, MakeSite
from tests.e2e.held_app import HELD
from tests.integration.deploy.playbooks import needs_ansible, write_playbook
from tests.postgres import SKIPPED, server_url, temporary_database, together

CONFIG = {"kind": "Host"}
WITHIN = 60.0
# Every call of the deployer that is held has a thread for itself. More workers would take more connections
# than a server has beside other tests.
SETTINGS = {"WORKERS": "1", "JOB_THREADS": "40", "RECONCILE_SECONDS": "0.5"}


@dataclass(frozen=True)
class Case:
    """A subcloud: what holds it where in its deployment, and where it comes to after the kill.

    Without ``verbs`` all phases are run one after the other. One that is ``lost`` has no passwords any more
    when the site starts again.
    """

    status: str
    end: str
    held: tuple[str, ...] = ()
    verbs: tuple[str, ...] | None = None
    lost: bool = False
    installs: bool = True

    def __str__(self) -> str:
        return "-".join((*self.held, *(self.verbs or ()), *(["lost"] if self.lost else []))) or "created"

    @property
    def aborted(self) -> bool:
        return self.status.startswith("aborting-")

    @property
    def status_before_abort(self) -> str:
        """What is waited for before the abort is asked for."""
        running = {"aborting-install": "installing", "aborting-bootstrap": "bootstrapping"}
        return running.get(self.status, "configuring") if self.aborted else self.status

    def member(self, number: int) -> Member:
        made = member(number, f"{self}-{number}", install=self.installs)
        made.bootstrap_values[HELD] = list(self.held)
        return made

    def ask(self, operator: Operator, new: Member) -> None:
        """Ask for the deployment; verbs but the last come to their end first."""
        documents = {"deploy_config": CONFIG} if self.installs else {}
        if self.verbs is None:
            operator.add_subcloud(new.creation() | documents)
            return
        operator.create_in_phases(new.phased_creation() | documents)
        for verb in self.verbs:
            wait_until("it to rest", lambda: status(operator, new.name).endswith("-complete"), within=WITHIN)
            operator.run_phase(new.name, verb, new.for_phase())


CHAIN = (
    Case("pre-deploy", "complete", ("begin-create",)),
    Case("creating", "complete", ("poll-create",)),
    Case("pre-install", "complete", ("begin-install",)),
    Case("installing", "complete", ("poll-install",)),
    Case("pre-bootstrap", "complete", ("begin-bootstrap",)),
    Case("bootstrapping", "complete", ("poll-bootstrap",)),
    Case("pre-config", "complete", ("begin-config",)),
    Case("configuring", "complete", ("poll-config",)),
)
PHASED = (
    Case("pre-install", "install-complete", ("begin-install",), ("install",)),
    Case("installing", "install-complete", ("poll-install",), ("install",)),
    Case("pre-bootstrap", "bootstrap-complete", ("begin-bootstrap",), ("install", "bootstrap")),
    Case("bootstrapping", "bootstrap-complete", ("poll-bootstrap",), ("bootstrap",)),
    Case("configuring", "complete", ("poll-config",), ("bootstrap", "configure")),
    Case("pre-bootstrap", "complete", ("begin-bootstrap",), ("resume",)),
)
ENROLLED = (
    Case("pre-init-enroll", "complete", ("begin-enroll-init",), ("enroll",)),
    Case("initiating-enroll", "complete", ("poll-enroll-init",), ("enroll",)),
    Case("pre-enroll", "complete", ("begin-enroll",), ("enroll",)),
    Case("enrolling", "complete", ("poll-enroll",), ("enroll",)),
    Case("pre-init-enroll", "pre-init-enroll-failed", ("begin-enroll-init",), ("enroll",), lost=True),
    Case("initiating-enroll", "pre-enroll-failed", ("poll-enroll-init",), ("enroll",), lost=True),
)
ABORTED = (
    Case("aborting-install", "install-aborted", ("poll-install", "abort-install")),
    Case("aborting-install", "install-aborted", ("poll-install", "poll-shutdown")),
    Case("aborting-install", "install-aborted", ("poll-install", "abort-install"), lost=True),
    Case("aborting-bootstrap", "bootstrap-aborted", ("poll-bootstrap", "abort-bootstrap")),
    Case("aborting-config", "config-aborted", ("poll-config", "abort-config")),
)
LOST = (
    Case("pre-deploy", "create-failed", ("begin-create",), lost=True),
    Case("pre-install", "pre-install-failed", ("begin-install",), lost=True),
    Case("installing", "pre-bootstrap-failed", ("poll-install",), lost=True),
    Case("bootstrapping", "pre-config-failed", ("poll-bootstrap",), lost=True),
    Case("pre-config", "pre-config-failed", ("begin-config",), lost=True),
    # Nothing is left that would need them.
    Case("configuring", "complete", ("poll-config",), lost=True),
    Case("installing", "install-complete", ("poll-install",), ("install",), lost=True),
)
RESTING = (
    Case("create-complete", "create-complete", verbs=()),
    Case("install-complete", "install-complete", verbs=("install",)),
    Case("bootstrap-complete", "bootstrap-complete", verbs=("bootstrap",)),
)
# Each playbook takes its second: a few of each kind.
PLAYED = (
    Case("installing", "complete", ("poll-install",)),
    Case("pre-bootstrap", "complete", ("begin-bootstrap",), installs=False),
    Case("bootstrapping", "bootstrap-complete", ("poll-bootstrap",), ("bootstrap",)),
    Case("aborting-bootstrap", "bootstrap-aborted", ("poll-bootstrap", "abort-bootstrap"), installs=False),
    Case("installing", "pre-bootstrap-failed", ("poll-install",), lost=True),
    Case("create-complete", "create-complete", verbs=()),
)
# Playbooks that each of these has begun and ended when all is over; an aborted one ends none.
LINES: tuple[list[str], ...] = (
    ["begin install", "end install", "begin bootstrap", "end bootstrap"],
    ["begin bootstrap", "end bootstrap"],
    ["begin bootstrap", "end bootstrap"],
    ["begin bootstrap"],
    ["begin install", "end install"],
    [],
)

Databases = Callable[[], str]


@pytest.fixture(params=[pytest.param(each, marks=together("kills", each)) for each in DATABASES])
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The setting that names a database of each kind."""
    if request.param == "postgresql" and server_url() is None:
        pytest.skip(SKIPPED)
    with ExitStack() as stack:
        is_ours = request.param == "postgresql"
        yield {"SQLALCHEMY_DATABASE_URI": stack.enter_context(temporary_database())} if is_ours else {}


def status(operator: Operator, name: str) -> str:
    return str(operator.one("subclouds", name)["deploy-status"])


@dataclass
class Killed:
    """A site with a subcloud for each case, by its name."""

    site: LabSite
    cases: dict[str, Case]

    def deploy(self) -> None:
        """Bring each subcloud to where it is held, and kill the site."""
        self.site.app = "tests.e2e.held_app:app"
        self.site.start()
        with Operator(self.site.url, self.site.admin_password) as operator:
            for number, (name, case) in enumerate(self.cases.items()):
                new = case.member(number)
                assert new.name == name
                case.ask(operator, new)
            wait_statuses(operator, {name: case.status_before_abort for name, case in self.cases.items()})
            for name in (name for name, case in self.cases.items() if case.aborted):
                operator.run_phase(name, "abort")
            wait_statuses(operator, {name: case.status for name, case in self.cases.items()})
            powered_off = [name for name, case in self.cases.items() if "poll-shutdown" in case.held]
            wait_until("the nodes to be powered off", lambda: self.powering_off() == powered_off)
        self.site.kill()

    def powering_off(self) -> list[str]:
        query = "SELECT name FROM subcloud JOIN task ON task.subject_id = subcloud.id WHERE begun"
        return [name for [name] in self.execute(query)]

    def lose(self) -> None:
        """Forget the passwords of those that are to have none."""
        for name in (name for name, case in self.cases.items() if case.lost):
            subject = "SELECT id FROM subcloud WHERE name = :name"
            self.execute(f"UPDATE task SET payload = NULL WHERE subject_id IN ({subject})", name=name)

    def execute(self, statement: str, **values: str) -> list[tuple[str, ...]]:
        """Execute a statement in the database of the site; returns rows."""
        file = Path(self.site.settings["INSTANCE_PATH"]) / "dcapi.sqlite3"
        engine = create_engine(self.site.settings.get("SQLALCHEMY_DATABASE_URI", f"sqlite:///{file}"))
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            rows = [tuple(row) for row in result] if result.returns_rows else []
        engine.dispose()
        return rows

    def go_on(self, gate: Path | None = None) -> None:
        """Start the site and wait until each has come to its end; ``gate`` is what playbooks wait for."""
        self.site.app = "wsgi:app"
        self.site.start()
        ends = {name: case.end for name, case in self.cases.items()}
        with Operator(self.site.url, self.site.admin_password) as operator:
            # What is aborted comes to its end while nothing else does.
            wait_statuses(operator, {name: ends[name] for name, case in self.cases.items() if case.aborted})
            if gate is not None:
                gate.touch()
            wait_statuses(operator, ends)
            reasons = {name: operator.one("subclouds", name)["error-description"] for name in ends}
        assert reasons == {
            name: DEPLOYMENT_LOST if end.endswith("-failed") else "No errors present"
            for name, end in ends.items()
        }


def wait_statuses(operator: Operator, wanted: dict[str, str]) -> None:
    def shown() -> dict[str, str]:
        listed = {each["name"]: each["deploy-status"] for each in operator.listed("subclouds")}
        return {name: listed[name] for name in wanted}

    def differing() -> dict[str, tuple[str, str]]:
        return {name: (seen, wanted[name]) for name, seen in shown().items() if seen != wanted[name]}

    wait_until("each to be where it is to come to", differing, lambda found: not found, within=WITHIN)


def killed(site: LabSite, cases: Iterable[Case]) -> Killed:
    made = Killed(site, {case.member(number).name: case for number, case in enumerate(cases)})
    made.deploy()
    made.lose()
    return made


def test_each_deployment_comes_to_its_end_after_a_kill(make_site: MakeSite, database: dict[str, str]) -> None:
    site = make_site(SETTINGS | database)
    killed(site, (*CHAIN, *PHASED, *ENROLLED, *ABORTED, *LOST, *RESTING)).go_on()


@needs_ansible
def test_playbooks_go_on_after_a_kill_and_run_once(
    make_site: MakeSite, database: dict[str, str], tmp_path: Path
) -> None:
    books, lines, gate = tmp_path / "books", tmp_path / "lines", tmp_path / "gate"
    books.mkdir()
    for phase in (Phase.INSTALL, Phase.BOOTSTRAP):
        write_playbook(books, phase, noted(phase, lines, gate))
    site = make_site(SETTINGS | database | {"DEPLOYER": "ansible", "PLAYBOOKS": str(books)})
    found = killed(site, PLAYED)
    found.go_on(gate)
    played: dict[str, list[str]] = {name: [] for name in found.cases}
    for line in lines.read_text().splitlines():
        name, _, what = line.partition(" ")
        played[name].append(what)
    assert list(played.values()) == list(LINES)


def noted(phase: Phase, lines: Path, gate: Path) -> dict[str, str]:
    """A task that notes its begin and its end, and waits in between where its subcloud is held."""
    begin, end = (f"echo '{{{{ subcloud_name }}}} {word} {phase}' >> '{lines}'" for word in ("begin", "end"))
    wait = f"while [ ! -e '{gate}' ]; do sleep 0.05; done"
    held = f"case ' {{{{ held | join(' ') }}}} ' in *' poll-{phase} '*) {wait};; esac"
    return {"name": "Note", "ansible.builtin.shell": f"{begin}; {held}; {end}"}
