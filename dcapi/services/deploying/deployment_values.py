"""What a subcloud is deployed with: the values of a request, and those stored where it gives none."""

from __future__ import annotations

from sqlalchemy.orm import Session

from dcapi.models import Subcloud
from dcapi.models.secret_values import data_install, deploy_config, deploy_values, rehome_data
from dcapi.models.shown_span import show
from dcapi.services.inventory import installation
from dcapi.services.inventory.inputs import DeployRequest, NewSubcloud, Values
from dcapi.services.inventory.stored_values import (
    BMC_PASSWORD,
    check_size,
    saved_payload,
    stored_payload,
    with_secrets,
    without_address,
    write_texts,
)
from dcapi.sync.values.digest import same
from dcapi.sync.values.member import SAVED_PAYLOAD, bootstrap_address


def given_values(row: Subcloud, wanted: DeployRequest) -> Values | None:
    """The bootstrap values of a request, with the stored secrets for masks; None when it gives none.

    Texts beside the file win over it, or else over what is stored. Raises BadRequest.
    """
    stored = stored_payload(row)
    given: Values | None = with_secrets("bootstrap_values", wanted.bootstrap_values, stored)
    if given is None and not wanted.bootstrap_texts:
        return None
    return {**(without_address(stored) if given is None else given), **wanted.bootstrap_texts}


def address_of(row: Subcloud, wanted: DeployRequest) -> str | None:
    """The address at which a subcloud is deployed, given or stored; None when there is none."""
    return bootstrap_address(
        stored_payload(row),
        data_install.read(row),
        asked=wanted.bootstrap_address,
        install_asked=wanted.install_values,
    )


def completed(row: Subcloud, wanted: DeployRequest, values: Values, install: Values | None) -> NewSubcloud:
    """What is deployed, with these bootstrap and install values."""
    return NewSubcloud(
        name=row.name,
        # A stored name may be one of before. Where nothing is stored a name alone makes no values.
        bootstrap_values=values and values | {"name": row.name},
        bootstrap_address=address_of(row, wanted),
        description=wanted.description,
        location=wanted.location,
        install_values=install,
        deploy_config=deploy_config.read(row) if wanted.deploy_config is None else wanted.deploy_config,
        sysadmin_password=wanted.sysadmin_password,
        release=wanted.release,
    )


def install_values(row: Subcloud, wanted: DeployRequest, values: Values) -> Values:
    """The install values that are given, judged; or those stored, of which the release is installed now.

    ``values`` are the bootstrap values beside them. Raises BadRequest.
    """
    stored: Values = data_install.read(row) or {}
    release = wanted.release or row.software_version
    if wanted.install_values is not None:
        sent = with_secrets("install_values", wanted.install_values, stored)
        if BMC_PASSWORD in stored:  # an enrolment need not send it again
            sent = {BMC_PASSWORD: stored[BMC_PASSWORD], **sent}
        return installation.fitted(sent, values, release)
    changed = {} if wanted.bmc_password is None else {BMC_PASSWORD: wanted.bmc_password}
    return installation.of_release({**stored, **changed}, release)


def store(session: Session, row: Subcloud, new: NewSubcloud) -> bool:
    """Put the values into the row; returns whether one differs that secondaries get. Raises BadRequest."""
    changed = not same(data_install.read(row), new.install_values)
    data_install.write(row, new.install_values)
    deploy_config.write(row, new.deploy_config)
    changed = _store_payload(session, row, new) or changed
    check_size(row)
    if new.release is not None and new.release != row.software_version:
        row.software_version = new.release
        changed = True
    return write_texts(row, new) or changed


def _store_payload(session: Session, row: Subcloud, new: NewSubcloud) -> bool:
    if not new.bootstrap_values:
        return False
    payload = saved_payload(new.bootstrap_values, row.name, new.bootstrap_address)
    deploy_values.write(row, {SAVED_PAYLOAD: payload})
    show(session, row, new.bootstrap_values)
    rehome = rehome_data.read(row)
    if rehome is None or same(rehome.get(SAVED_PAYLOAD), payload):
        return False
    rehome_data.write(row, {**rehome, SAVED_PAYLOAD: payload})
    return True
