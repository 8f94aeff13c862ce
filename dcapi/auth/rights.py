"""The rules of one site at work: the defaults and what its policy file says instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from oslo_config import cfg
from oslo_policy.policy import Enforcer, RuleDefault

from dcapi.auth.context import Caller
from dcapi.auth.policy_file import CREDENTIALS, PolicyFile, leaves, read_policy_file
from dcapi.auth.rules import DEFAULTS, IMPLIED
from dcapi.settings import Settings

# Verdicts that are remembered: a check takes a fifth of a millisecond, and the same callers come again.
VERDICTS = 4096


@dataclass(frozen=True)
class Rule:
    """A rule in force; ``source`` is the path of the policy file, None for a default."""

    name: str
    check: str
    source: str | None


class Rights:
    """Judges callers by rules that stay as they were at the start."""

    def __init__(self, file: PolicyFile) -> None:
        self.file = file
        given = {name: RuleDefault(name, text) for name, text in file.checks.items()}
        self._rules: dict[str, RuleDefault] = {**DEFAULTS, **given}
        self._enforcer = _enforcer(self._rules)
        # A rule knows nothing but the caller, so that its verdict on the same caller is always the same.
        self.allows: Callable[[str, Caller], bool] = lru_cache(VERDICTS)(self._judge)

    @classmethod
    def of(cls, settings: Settings) -> Rights:
        """The rights that the settings give; raises SettingsError for a policy file that is wrong."""
        return cls(read_policy_file(settings))

    def _judge(self, rule: str, who: Caller) -> bool:
        credentials = {name: getattr(who, name) for name in CREDENTIALS}
        return bool(
            self._enforcer.authorize(rule, {}, {**credentials, "roles": sorted(with_implied(who.roles))})
        )

    def in_force(self) -> list[Rule]:
        """All rules, those first that others are made of."""
        return [
            Rule(name, rule.check_str, str(self.file.path) if name in self.file.checks else None)
            for name, rule in self._rules.items()
        ]

    def takes(self, rule: str) -> str:
        """What it takes to be let through, in words; empty when that is no matter of roles and projects."""
        asked = list(self._asked(rule))
        if any(kind not in ("role", "project_name") for kind, _ in asked):
            return ""
        roles = sorted({match for kind, match in asked if kind == "role"})
        projects = sorted({match for kind, match in asked if kind == "project_name"})
        said = [f"a role of {', '.join(roles)}"] if roles else []
        return " in ".join([*said, *([f"a project of {', '.join(projects)}"] if projects else [])])

    def _asked(self, rule: str) -> Iterator[tuple[str, str]]:
        """What a rule and those that it refers to ask of a caller; a denial is a question of its own."""
        check = self._rules[rule].check
        if {"not", "!", "@"} & {part.strip("()") for part in str(check).split()}:
            yield "denial", ""
        for kind, match in leaves(check):
            if kind == "rule":
                yield from self._asked(match)
            else:
                yield kind, match


def _enforcer(rules: dict[str, RuleDefault]) -> Enforcer:
    """An enforcer of its own for each site, which reads no file, no environment and no command line."""
    configuration = cfg.ConfigOpts()
    configuration([], project="dcapi", default_config_files=[], default_config_dirs=[], use_env=False)
    enforcer = Enforcer(configuration, use_conf=False)
    enforcer.register_defaults(list(rules.values()))
    enforcer.set_rules({name: rule.check for name, rule in rules.items()}, use_conf=False)
    return enforcer


def with_implied(roles: Iterable[str]) -> frozenset[str]:
    """The roles and those that they imply."""
    given = frozenset(roles)
    return given.union(*(IMPLIED.get(role, frozenset()) for role in given))
