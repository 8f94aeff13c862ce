"""``python -m docs.generate``: writes the generated parts of the documents anew.

A generated part stands between two marker lines; the text around it is written by hand. Each renderer reads
what the program itself goes by, so that a document cannot say something else.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from dcapi.api import BLUEPRINTS
from dcapi.auth.context import Caller
from dcapi.auth.policy import Access, access_of
from dcapi.auth.policy_file import PolicyFile
from dcapi.auth.rights import Rights
from dcapi.auth.rules import ROLES, RULES
from dcapi.models.secret_table import TABLE as SECRETS
from dcapi.models.secret_table import Row as SecretRow
from dcapi.settings import CHOICES, KINDS, LIMITS, PREFIX, Settings
from dcapi.sync.status import FAILED_AS_BEFORE, STATUSES, TABLE, Event, Standing
from docs import rights, values
from docs.rights import UNNAMED_METHODS, shown_path

DOCS = Path(__file__).resolve().parent
SETTINGS_SOURCE = DOCS.parent / "dcapi" / "settings.py"

CONFIG = DOCS.parent / "config"

# A heading above a group of settings: "-- The site --".
GROUP = re.compile(r"-- (?P<title>.+) --")

ENVIRONMENT_HEAD = """\
# The settings of a site with their defaults, as comments: to change one, remove the "#" and write another
# value. docs/settings.md says which values each of them takes.
#
# A site reads its settings from the environment only. Copy this file, for instance to dcapi.env, and have the
# copy read by what starts the site: systemd by EnvironmentFile=, a shell by `set -a; . ./dcapi.env; set +a`.
# Only the site's user should be able to read a copy with passwords (chmod 600).
#
# This file is written by `make docs`.
"""
# Characters of a line there.
ENVIRONMENT_WIDTH = 110

# A cell of the status table that says: this event cannot occur in this status.
NEVER = "\N{EN DASH}"


class NoMarkerError(Exception):
    """A document lacks the marker lines of a part that belongs into it."""


# -- Settings --


@dataclass(frozen=True)
class Setting:
    """One setting as its source describes it."""

    group: str
    name: str
    default: object
    comment: str


def read_settings(source: str) -> list[Setting]:
    """The settings in the text of dcapi/settings.py, each with the comment and the heading above it."""
    lines = source.splitlines()
    defaults = {field.name: field.default for field in dataclasses.fields(Settings)}
    described = _class_of_settings(source)
    found: list[Setting] = []
    group, end = "", described.lineno
    for name, first, last in _assignments(described):
        comments = [line.strip().lstrip("# ") for line in lines[end : first - 1] if "#" in line]
        headings = [match["title"] for match in map(GROUP.fullmatch, comments) if match]
        group = headings[-1] if headings else group
        said = " ".join(comment for comment in comments if not GROUP.fullmatch(comment))
        found.append(Setting(group, name, defaults[name], said))
        end = last
    return found


def _class_of_settings(source: str) -> ast.ClassDef:
    return next(
        node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )


def _assignments(described: ast.ClassDef) -> Iterable[tuple[str, int, int]]:
    """Name, first and last line of each annotated assignment in a class."""
    for node in described.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node.lineno, node.end_lineno or node.lineno


def settings_tables() -> str:
    """A table for each group of settings."""
    return "\n\n".join(
        f"## {title}\n\n{_settings_table(settings)}" for title, settings in _groups_of_settings()
    )


def _groups_of_settings() -> Iterable[tuple[str, list[Setting]]]:
    settings = read_settings(SETTINGS_SOURCE.read_text())
    for title in dict.fromkeys(setting.group for setting in settings):
        yield title, [setting for setting in settings if setting.group == title]


def _settings_table(settings: Iterable[Setting]) -> str:
    rows = [
        (
            f"`{setting.name}`",
            f"`{PREFIX}{setting.name}`",
            _shown_default(setting.default),
            _accepted(setting),
            setting.comment,
        )
        for setting in settings
    ]
    return table(("Setting", "Environment variable", "Default", "Takes", "What it is"), rows)


def _shown_default(default: object) -> str:
    if default == "":
        return "(empty)"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _accepted(setting: Setting) -> str:
    if setting.name in CHOICES:
        return ", ".join(f"`{word}`" for word in CHOICES[setting.name])
    kind = KINDS[type(setting.default)]
    for name, lowest, highest in LIMITS:
        if name == setting.name:
            return f"{kind.removesuffix(' of at least 0')} from {lowest} to {highest}"
    return kind


def environment_sample() -> str:
    """config/dcapi.env.example: every setting with its default, as comments."""
    return ENVIRONMENT_HEAD + "".join(
        f"\n\n# -- {title} --\n" + "".join(map(_environment_line, settings))
        for title, settings in _groups_of_settings()
    )


def _environment_line(setting: Setting) -> str:
    comment = textwrap.fill(
        setting.comment,
        ENVIRONMENT_WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"\n{comment}\n#{PREFIX}{setting.name}={_written_default(setting.default)}\n"


def _written_default(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else f"{default}"


# -- The status table --


def status_table() -> str:
    """What each event does to each status."""
    rows = [
        (event.value, f"`{short_name(event)}`", *(_cell(standing) for standing in TABLE[event]))
        for event in TABLE
    ]
    return table(("Event", "Short name", *STATUSES), rows)


def short_name(event: Event) -> str:
    return event.name.lower()


def _cell(standing: Standing | None) -> str:
    if standing is None:
        return NEVER
    if standing is FAILED_AS_BEFORE:
        return f"{standing.status} (as before)"
    return f"{standing.status} ({standing.cause})" if standing.cause else standing.status.value


def status_diagram() -> str:
    """The moves between statuses as a mermaid diagram; what leads from all of them to one is drawn once."""
    lines = [f'    state "{status}" as {_node(status)}' for status in STATUSES]
    lines.append('    state "any status" as any')
    lines.append(f"    [*] --> {_node(STATUSES[0])}: created")
    for (source, target), events in _moves().items():
        lines.append(f"    {source} --> {target}: {'<br/>'.join(map(short_name, events))}")
    return "```mermaid\nstateDiagram-v2\n" + "\n".join(lines) + "\n```"


def _moves() -> dict[tuple[str, str], list[Event]]:
    moves: dict[tuple[str, str], list[Event]] = {}
    for event, outcomes in TABLE.items():
        targets = {standing.status if standing else None for standing in outcomes}
        for source, standing in zip(STATUSES, outcomes, strict=True):
            if standing is None or (source == standing.status and len(targets) > 1):
                continue
            before = "any" if len(targets) == 1 else _node(source)
            events = moves.setdefault((before, _node(standing.status)), [])
            if event not in events:
                events.append(event)
    return moves


def _node(status: str) -> str:
    return status.replace("-", "_")


# -- Routes and rights --


def route_table() -> str:
    """Every call with the rule that lets callers in."""
    app = Flask("dcapi", static_folder=None)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    rows = []
    for route in sorted(app.url_map.iter_rules(), key=lambda route: route.rule):
        for method in sorted((route.methods or set()) - UNNAMED_METHODS):
            access = access_of(app.view_functions[route.endpoint], method)
            rows.append((method, f"`{shown_path(route.rule)}`", _who(access)))
    return table(("Method", "Path", "Who may call it"), rows)


def _who(access: Access | None) -> str:
    if access is None:
        return "nobody"
    if access.public:
        return "everyone"
    return " or ".join(f"`{rule}`" for rule in access.rules) or "every valid token"


def rights_table() -> str:
    """Every call with what each kind of caller gets from a site."""
    return table(rights.HEAD, rights.cells_of_defaults())


def site_rights_table() -> str:
    """The calls that answer otherwise when the caller says that it is another site."""
    return table(rights.HEAD, rights.cells_of_sites())


def rule_table() -> str:
    """Every rule with the roles that it lets through."""
    defaults = Rights(PolicyFile(Path()))
    rows = [
        (f"`{rule}`", ", ".join(f"`{role}`" for role in ROLES if defaults.allows(rule, _somebody(role))))
        for rule in RULES
    ]
    return table(("Rule", "Roles"), rows)


def _somebody(role: str) -> Caller:
    return Caller("", "", "admin", frozenset({role}))


# -- Secrets --


def secret_table() -> str:
    """What counts as a secret, with an example and a neighbour for each row."""
    rows = [(row.what, *(_shown(row, pair) for pair in (row.example, row.neighbour))) for row in SECRETS]
    return table(("A secret is", "such as", "but not"), rows)


def _shown(row: SecretRow, pair: tuple[str, str]) -> str:
    """A key, or a value that counts under any key; on one line."""
    key, value = pair
    return f"`{key if row.words else value}`".replace("\n", "\\n")


# -- Documents --


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


Renderer = Callable[[], str]

# Document → the parts between its markers.
PARTS: dict[str, dict[str, Renderer]] = {
    "sync.md": {"status table": status_table, "status diagram": status_diagram},
    "rights.md": {"rights": rights_table, "site rights": site_rights_table, "rules": rule_table},
    "deployers.md": {"left out": values.left_out_list},
    "settings.md": {"settings": settings_tables},
    "security.md": {"secrets": secret_table},
    "usage.md": {"routes": route_table},
    "values.md": {
        "bootstrap values": values.bootstrap_table,
        "install values": values.install_table,
        "samples": values.samples,
    },
}

# Files that are generated as a whole.
WHOLE: dict[Path, Renderer] = {
    CONFIG / "dcapi.env.example": environment_sample,
    CONFIG / "policy.yaml": rights.policy_sample,
}


def begin_marker(part: str) -> str:
    return f"<!-- begin {part}: generated by `make docs` -->"


def end_marker(part: str) -> str:
    return f"<!-- end {part} -->"


def refreshed(text: str, parts: dict[str, Renderer]) -> str:
    """The document with its generated parts anew; raises NoMarkerError."""
    for part, render in parts.items():
        begin, end = begin_marker(part), end_marker(part)
        if text.count(begin) != 1 or text.count(end) != 1:
            raise NoMarkerError(f"the markers of {part!r} are not there exactly once")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{render()}\n\n{end}{rest.partition(end)[2]}"
    return text


def stale() -> dict[Path, str]:
    """The documents that say something else than the program, each with the text that it should have."""
    texts = {DOCS / name: refreshed((DOCS / name).read_text(), parts) for name, parts in PARTS.items()}
    texts |= {path: render() for path, render in WHOLE.items()}
    return {path: text for path, text in texts.items() if path.read_text() != text}


def main() -> None:
    """Write what is stale, and name it."""
    for path, text in stale().items():
        path.write_text(text)
        sys.stdout.write(f"wrote {path.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()
