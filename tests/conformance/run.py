"""A run: schemathesis makes the requests, alone and in chains along the links, and checks every answer."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import hypothesis
import schemathesis
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import BaseSchema, Case
from schemathesis.engine import events, from_schema
from schemathesis.transport.wsgi import WSGITransport

from tests.conformance import values
from tests.conformance.site import Site

YAML = "application/yaml"
DOCUMENT = "/v1.0/openapi.json"

# Requests that one operation gets in the random part of a round, and chains of a round with their length.
EXAMPLES = 15
CHAINS = 25
STEPS = 12
# The part of the requests that are made in chains.
SHARE_OF_CHAINS = 0.35

# What the rules between rows refuse stands in no schema: a call that changes something may answer one of
# these to a request that keeps to the description. A call that only reads may not.
RULES_REFUSE = ["2xx", "400", "401", "403", "404", "409", "410", "422", "429"]
CHANGING = ["POST", "PATCH", "DELETE"]
# The usual ones, and 404, which Keystone answers when no token is asked about.
WITHOUT_HEADER = ["400", "401", "403", "404", "406", "415", "422"]

# Options of a socket, which schemathesis hands an application in this process when it repeats a request
# without its token.
SOCKET_OPTIONS = ("max_redirects", "verify", "cert", "proxies")


@dataclass
class Outcome:
    """What came of a run: requests by part and status, and failures by what failed where."""

    seed: int
    parts: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)


# What a round may consist of: examples and each limit of each schema, values at random, chains of calls.
SYSTEMATIC = ("examples", "coverage", "fuzzing")
RANDOM = ("fuzzing",)
IN_CHAINS = ("stateful",)
PHASES = ("examples", "coverage", "fuzzing", "stateful")


def configuration(seed: int, token: str, phases: tuple[str, ...]) -> dict[str, Any]:
    """How schemathesis is to work."""
    return {
        "seed": seed,
        "headers": {"X-Auth-Token": token},
        "workers": 1,
        "continue-on-failure": True,
        "cache": {"enabled": False},
        "generation": {
            "max-examples": EXAMPLES,
            "database": "none",
            "no-shrink": True,
            "with-security-parameters": False,
        },
        "phases": {name: {"enabled": name in phases} for name in PHASES},
        "checks": {
            "missing_required_header": {"expected-statuses": WITHOUT_HEADER},
            # Every call is tried without a token when it is tried alone; in a chain its token is not told
            # from one that was made up.
            "ignored_auth": {"enabled": phases != IN_CHAINS},
        },
        "operations": [
            {
                "include-method": CHANGING,
                "checks": {"positive_data_acceptance": {"expected-statuses": RULES_REFUSE}},
            }
        ],
    }


def run(site: Site, seed: int, requests: int) -> Outcome:
    """Make at least so many requests of a site, and check all answers."""
    outcome = Outcome(seed)
    seeds = random.Random(seed)
    schemathesis.openapi.media_type(YAML, values.documents())
    with _without_socket_options(), site.watched(outcome.statuses):
        _try_alone(site, outcome, _schema(site, seed, SYSTEMATIC))
        while site.requests < requests * (1 - SHARE_OF_CHAINS):
            _try_alone(site, outcome, _schema(site, seeds.getrandbits(32), RANDOM))
        before = site.requests
        while site.requests < max(requests, before + 1) and not outcome.failures:
            _try_chains(site, outcome, _schema(site, seed, IN_CHAINS), seeds.getrandbits(32))
    return outcome


def _schema(site: Site, seed: int, phases: tuple[str, ...]) -> BaseSchema:
    config = schemathesis.Config.from_dict(configuration(seed, site.token, phases))
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, site, config=config)

    @schema.hook
    def map_case(context: Any, case: Case) -> Case:
        return values.fit(case, in_a_chain=phases == IN_CHAINS)

    @schema.hook
    def filter_failure(context: Any, failure: Any, case: Case, response: Any) -> bool:
        return not (_is_no_failure(failure) or _is_text_in_form(failure, case))

    return schema


# What schemathesis calls wrong, and what is not: the parameters in headers and queries of this API take any
# text, and those that mean nothing here are ignored; documents of ours (``values.documents``) stand in a form
# also where it thinks that it sends others.
NO_VIOLATIONS = (
    re.compile(r"Invalid component: in (header|query|cookie) - "),
    re.compile(r"Invalid component: in body - multipart body with custom encoding"),
)


# In a form everything is a text or a file: a number is the text of it, an object the content of a file.
FORM = "multipart/form-data"
OTHER_TYPE = r"violates `type` at /properties/\w+ \(was string, became \w+\)"
OTHER_TYPES = re.compile(rf"Invalid component: in body(?:\s+- {OTHER_TYPE})+\s*(?:\n|$)")


def _is_no_failure(failure: Any) -> bool:
    return any(one.search(failure.message) for one in NO_VIOLATIONS)


def _is_text_in_form(failure: Any, case: Case) -> bool:
    found = OTHER_TYPES.search(failure.message) if case.media_type == FORM else None
    return found is not None and "- violates" not in failure.message[found.end() :]


def _try_alone(site: Site, outcome: Outcome, schema: BaseSchema) -> None:
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            outcome.parts[event.phase.value] += len(event.recorder.interactions)
            _collect(outcome, event)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            outcome.failures[f"error in {getattr(event, 'label', '')}"] = repr(_cause(event))


def _cause(event: Any) -> Any:
    return getattr(event, "value", None) or getattr(event, "exception", None) or event


def _collect(outcome: Outcome, event: events.ScenarioFinished) -> None:
    for checks in event.recorder.checks.values():
        for check in checks:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                key = f"{event.recorder.label}: {check.name}: {failure.title}"
                outcome.failures.setdefault(key, f"{failure.message}\n{check.failure_info.code_sample}")


def _try_chains(site: Site, outcome: Outcome, schema: BaseSchema, seed: int) -> None:
    machine: Any = schema.as_state_machine()

    class Chain(machine):
        def setup(self) -> None:
            site.begin_anew()

    settings = hypothesis.settings(
        max_examples=CHAINS,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    before = site.requests
    site.in_a_chain = True
    try:
        run_state_machine_as_test(hypothesis.seed(seed)(Chain), settings=settings)
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - whatever a chain raises is what the run tells of
        outcome.failures[f"chain of seed {seed}"] = "\n".join(
            [*getattr(error, "__notes__", []), _text(error)]
        )
    finally:
        site.in_a_chain = False
        outcome.parts["chains"] += site.requests - before


def _text(error: BaseException) -> str:
    inner = getattr(error, "exceptions", ())
    return "\n".join([str(error), *map(_text, inner)])


@contextmanager
def _without_socket_options() -> Iterator[None]:
    send = WSGITransport.send

    def send_in_process(self: Any, case: Case, **options: Any) -> Any:
        return send(self, case, **{key: one for key, one in options.items() if key not in SOCKET_OPTIONS})

    with patch.object(WSGITransport, "send", send_in_process):
        yield
