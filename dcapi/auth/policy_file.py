"""The policy file: rules that say something else than the defaults, judged before a site starts by them.

oslo.policy denies what it does not understand, and says so in the log only; a check for which it finds no
value fails inside a request. Here both stop the start.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml
from oslo_policy.policy import RuleDefault

from dcapi.auth.rules import DEFAULTS
from dcapi.errors import SettingsError
from dcapi.instance import PROJECT_ROOT
from dcapi.settings import Settings

SHIPPED = "config/policy.yaml"

# What a check can ask of a caller, beside its roles and other rules.
CREDENTIALS = ("project_name", "user_id", "user_name")
KINDS = ("rule", "role", *CREDENTIALS)

# It writes tracebacks about checks that it cannot parse; the error that stops the start says it better.
logging.getLogger("oslo_policy._parser").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class PolicyFile:
    """Checks by the name of their rule, and where they stand; none when there is no file."""

    path: Path
    checks: Mapping[str, str] = field(default_factory=dict)


def read_policy_file(settings: Settings) -> PolicyFile:
    """What DCAPI_POLICY_FILE names, or the shipped file if it is there.

    Raises SettingsError, which names everything that is wrong with it.
    """
    path = PROJECT_ROOT / (settings.POLICY_FILE or SHIPPED)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if not settings.POLICY_FILE:
            return PolicyFile(path)
        raise SettingsError(f"DCAPI_POLICY_FILE={settings.POLICY_FILE!r} does not exist") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the policy file {path} cannot be read: {error}") from error
    return PolicyFile(path, _checks(path, text))


def _checks(path: Path, text: str) -> dict[str, str]:
    try:
        loaded: Any = _Loader(text).get_single_data() or {}
    except (yaml.YAMLError, ValueError, LookupError, RecursionError) as error:
        raise SettingsError(f"the policy file {path} is not readable YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise SettingsError(f"the policy file {path} is not a table of rules: each line is RULE: CHECK")
    problems = list(_problems(loaded))
    if problems:
        raise SettingsError(f"the policy file {path} cannot be used: {'; '.join(problems)}")
    return loaded


class _Loader(yaml.SafeLoader):
    """A safe loader that refuses a rule that occurs twice, of which one would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} occurs twice")
        return super().construct_mapping(node, deep)


def _problems(loaded: dict[Any, Any]) -> Iterator[str]:
    wrong = [
        f"{name!r}: {check!r} is not text" for name, check in loaded.items() if not _are_texts(name, check)
    ]
    if wrong:
        yield from wrong
        return
    for name, text in loaded.items():
        yield from (f"{name}: {problem}" for problem in problems_of_check(text))
    yield from _problems_between({name: RuleDefault(name, text) for name, text in loaded.items()})


def _are_texts(name: Any, check: Any) -> bool:
    return isinstance(name, str) and isinstance(check, str)


def problems_of_check(text: str) -> Iterator[str]:
    """What is wrong with a check by itself."""
    check = RuleDefault("checked", text).check
    if not _is_understood(text, check):
        yield f"{text!r} cannot be understood"
        return
    for kind, match in leaves(check):
        if kind not in KINDS:
            yield f"{kind}:{match} is not known of a caller: a check asks for {', '.join(KINDS)}"
        elif not match or "%" in match:
            yield f"{kind}:{match} compares with a value that no caller can have"


def _is_understood(text: str, check: Any) -> bool:
    """Whether every part of the text became a check of its own; what is not understood becomes a ``!``."""
    before, after = _tokens(text), _tokens(str(check))
    if after == ["!"]:
        return before == ["!"]
    return before.count("!") == after.count("!")


def _tokens(text: str) -> list[str]:
    return [token for token in (part.strip("()") for part in text.split()) if token]


def leaves(check: Any) -> Iterator[tuple[str, str]]:
    """Kind and match of each comparison in a check, in their order."""
    for part in getattr(check, "rules", ()):
        yield from leaves(part)
    if hasattr(check, "rule"):
        yield from leaves(check.rule)
    if hasattr(check, "kind"):
        yield check.kind, check.match


def _problems_between(given: Mapping[str, RuleDefault]) -> Iterator[str]:
    """What is wrong with the rules together: names that mean nothing, and rules that go round in a circle."""
    references = {name: _referred(rule) for name, rule in {**DEFAULTS, **given}.items()}
    referred = set().union(*references.values())
    # A name of one's own is a part of other rules; one that nothing refers to is most likely misspelt.
    yield from (f"unknown rule {name}" for name in given if name not in DEFAULTS.keys() | referred)
    for name, others in references.items():
        yield from (f"{name}: unknown rule {other}" for other in others - references.keys())
    try:
        TopologicalSorter(references).prepare()
    except CycleError as error:
        circle: Iterable[str] = reversed(error.args[1])
        yield f"rules that refer to each other in a circle: {' → '.join(circle)}"


def _referred(rule: RuleDefault) -> set[str]:
    return {match for kind, match in leaves(rule.check) if kind == "rule"}
