"""Texts around a playbook: its inventory and variables, and the output without secrets."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dcapi.deploy import ansible
from dcapi.deploy.playbooks.supervisor.diary import Diary, Output, one_line
from dcapi.deploy.playbooks.supervisor.masking import Masker
from dcapi.deploy.playbooks.values import RunPaths, decoded, host_name, inventory_of, secrets_of, variables_of
from dcapi.deploy.port import Phase, Target
from dcapi.deploy.registry import deployer_of
from dcapi.errors import SettingsError
from dcapi.settings import settings_from

PATHS = RunPaths(deploy_config="/c", not_abortable="/n")


def target(**changes: Any) -> Target:
    values: dict[str, Any] = {
        "subcloud_id": 7,
        "name": "quay-7",
        "region_name": "7" * 32,
        "software_version": "24.09",
        **changes,
    }
    return Target(**values)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class KnowsUnsafe(yaml.SafeLoader):
    """Reads ansible's tag for values that are no templates."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> Any:
    return loader.construct_mapping(node, deep=True)


KnowsUnsafe.add_constructor("!unsafe", _mapping)


def test_an_inventory_has_the_subcloud_as_its_one_host() -> None:
    text = inventory_of(target(bootstrap_values={"bootstrap-address": "fd00::7"}))
    assert text.startswith("!unsafe\n")
    assert yaml.load(text, KnowsUnsafe) == {
        "all": {"vars": {"ansible_user": "sysadmin"}, "hosts": {"quay-7": {"ansible_host": "fd00::7"}}}
    }


@pytest.mark.parametrize(
    "name",
    ["quay[1:3]", "quay:22", "{{ quay }}", "-quay", "quay 7", "quay,pier", "all!", "all", "localhost"],
)
def test_a_name_that_is_more_than_a_name_to_ansible_is_replaced(name: str) -> None:
    assert host_name(target(name=name)) == "subcloud-7"


@pytest.mark.parametrize("text", ["", "no base64!", "/w==", None, 7, ["YWJj"]])
def test_what_is_no_base64_stays_as_it_is(text: Any) -> None:
    assert decoded(text) == text or text == ""


def test_the_administrators_password_stands_in_for_one_that_is_not_given() -> None:
    found = variables_of(Phase.REHOME, target(sysadmin_password=encoded("Gull*1")), PATHS)
    assert (found["admin_password"], found["ansible_become_pass"]) == ("Gull*1", "Gull*1")


def test_without_a_password_none_is_made_up() -> None:
    found = variables_of(
        Phase.DELETE, target(bootstrap_values={"admin_password": encoded("Bollard*7")}), PATHS
    )
    assert found["admin_password"] == "Bollard*7"
    assert "ansible_ssh_pass" not in found
    assert "sysadmin_password" not in found


def test_options_of_a_phase_win_over_bootstrap_values_and_facts_over_both() -> None:
    values = {"management_subnet": "10.0.0.0/24", "subcloud_id": 9, "not-a-name": 1}
    found = variables_of(
        Phase.RECONFIGURE,
        target(bootstrap_values=values, options={"management_subnet": "10.9.0.0/24"}),
        PATHS,
    )
    assert (found["management_subnet"], found["subcloud_id"]) == ("10.9.0.0/24", 7)
    assert "not-a-name" not in found


def test_configuration_that_is_no_yaml_tells_no_secrets() -> None:
    assert secrets_of(target(deploy_config="{ not: [yaml")) == []


# Secrets and what stands around them share no character, so that what is left of one is seen.
SECRETS = st.text(alphabet="abcXYZ\"\\'\n\t é✓&$", min_size=1, max_size=40)
AROUND = st.lists(st.text(alphabet="0123456789<>", max_size=30), min_size=2, max_size=5)


@settings(deadline=None)
@given(SECRETS, AROUND, st.integers(1, 60))
def test_a_secret_is_masked_however_the_output_is_cut(secret: str, around: list[str], size: int) -> None:
    text = secret.join(around)
    file = Kept()
    # The second one begins like the first one.
    output = Output(file, Masker([secret, secret[: len(secret) // 2]]), 10**6)
    for start in range(0, len(text), size):
        output.write(text[start : start + size])
    output.close()
    # Some secrets twice in a row are the same secret quoted once: one mask then stands for both, and may
    # leave the line end of the second one.
    assert re.sub(r"\*[*\n]*", "*", file.text) == re.sub(r"\*+", "*", "*".join(around))


class Kept(io.StringIO):
    """A file whose text can be read after it was closed."""

    text = ""

    def close(self) -> None:
        self.text = self.getvalue()
        super().close()


@settings(deadline=None)
@given(SECRETS)
def test_a_secret_is_masked_in_every_spelling(secret: str) -> None:
    masker = Masker([secret])
    in_url = (quote(secret), quote(secret, safe=""), quote_plus(secret))
    for spelling in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], encoded(secret), *in_url):
        assert spelling not in masker.mask(f"<{spelling}>")


def test_a_secret_that_was_broken_into_two_lines_is_masked() -> None:
    assert Masker(["Harbour*crane 9"]).mask("x Harbour*cr\nane 9 y") == "x ****** y"


def test_lines_of_a_key_are_masked_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nabcdef\nghijkl\n-----END KEY-----\n"
    assert "ghijkl" not in Masker([key]).mask("second line: ghijkl")


def test_an_output_that_is_too_long_keeps_its_beginning_and_its_end(tmp_path: Path) -> None:
    path = tmp_path / "output"
    output = Output(path.open("w"), Masker([]), 100)
    for number in range(100):
        output.write(f"line {number}\n")
    output.close()
    text = path.read_text()
    assert text.startswith("line 0\nline 1\n")
    assert text.endswith("line 98\nline 99\n")
    assert "output omitted" in text
    assert len(text) < 250


def test_an_output_that_fits_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "output"
    output = Output(path.open("w"), Masker([]), 100)
    for _ in range(10):
        output.write("123456789\n")
    output.close()
    assert path.read_text() == "123456789\n" * 10


def diary() -> Diary:
    return Diary(Output(io.StringIO(), Masker([]), 1000))


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "it wrote no output"),
        ([{"stdout": "what\nnow\n"}], "now"),
        ([{"stdout": "[ERROR]: no such file"}, {"stdout": "usage"}], "[ERROR]: no such file"),
        (
            [{"event": "runner_on_unreachable", "event_data": {"task": "Ping", "res": {"msg": "no route"}}}],
            "task 'Ping': no route",
        ),
        (
            [{"event": "runner_on_failed", "event_data": {"task": None, "res": None}}],
            "task 'without a name': no message",
        ),
    ],
)
def test_the_reason_is_found_in_what_ansible_tells(events: list[dict[str, Any]], reason: str) -> None:
    told = diary()
    for event in events:
        assert told.note(event) is False
    assert told.reason == reason


@settings(deadline=None)
@given(st.text(max_size=2000))
def test_a_reason_is_always_one_line_that_fits(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 500


def test_a_site_without_ansible_runner_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ansible.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"pip install -r requirements-ansible\.txt"):
        deployer_of(settings_from({"DEPLOYER": "ansible", "PLAYBOOKS": "."}))
