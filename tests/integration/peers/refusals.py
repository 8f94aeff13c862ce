"""What a site asks of another one and is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.groups import group_values
from tests.integration.peers.other_sites import HERE, OtherSite
from tests.integration.peers.story import GROUP, REGION, only, payload


def add_member(site: OtherSite) -> int:
    """A secondary subcloud in a group that the caller leads; returns the group's id."""
    group_id = site.peer.create_group(GROUP).id
    site.peer.add_secondary(payload())
    site.peer.update_subcloud(REGION, only(peer_group=str(group_id)))
    return group_id


def associated(site: OtherSite) -> int:
    """A group of the caller that is associated with it; returns the association's id."""
    group_id = site.peer.create_group(GROUP).id
    return site.peer.create_association(group_id, site.put_system_peer()).id


def create_twice(site: OtherSite) -> None:
    for _ in range(2):
        site.peer.create_group(GROUP)


def rename_to_a_taken_name(site: OtherSite) -> None:
    site.peer.create_group(GROUP)
    other = site.peer.create_group(replace(GROUP, name="rims"))
    site.peer.update_group(other.id, name="edges")


def change_a_primary_group(site: OtherSite) -> None:
    site.peer.create_group(group_values())
    site.peer.update_group("edges", state="disabled")


def delete_an_associated_group(site: OtherSite) -> None:
    associated(site)
    site.peer.delete_group("edges")


def associate_twice(site: OtherSite) -> None:
    association = site.peer.association(associated(site))
    assert association is not None
    site.peer.create_association(association.group_id, association.peer_id)


def associate_a_primary_group(site: OtherSite) -> None:
    group = site.peer.create_group(group_values())
    site.peer.create_association(group.id, site.put_system_peer())


def associate_without_a_peer(site: OtherSite) -> None:
    site.peer.create_association(site.peer.create_group(GROUP).id, 7)


def tell_a_primary_association(site: OtherSite) -> None:
    association_id = associated(site)
    site.set_association(association_type="primary")
    site.peer.tell_association(association_id, "in-sync")


def take_a_taken_name(site: OtherSite) -> None:
    site.peer.add_secondary(payload())
    site.peer.add_secondary(replace(payload(2, "b" * 32), name="quay-1"))


def take_a_taken_region(site: OtherSite) -> None:
    site.peer.add_secondary(payload())
    site.peer.add_secondary(payload(2))


def update_nothing(site: OtherSite) -> None:
    site.peer.add_secondary(payload())
    site.peer.update_subcloud(REGION, only())


def join_no_group(site: OtherSite) -> None:
    site.peer.add_secondary(payload())
    site.peer.update_subcloud(REGION, only(peer_group="7"))


def leave_a_group_led_elsewhere(site: OtherSite) -> None:
    add_member(site)
    site.peer.update_subcloud(REGION, only(peer_group="none"))


def leave_a_group_of_an_available_peer(site: OtherSite) -> None:
    group = site.peer.create_group(replace(GROUP, leader_id=site.peer.system_uuid()))
    site.peer.create_association(group.id, site.put_system_peer())
    site.peer.add_secondary(payload())
    site.peer.update_subcloud(REGION, only(peer_group="edges"))
    site.set_system_peer(availability_state="available")
    site.peer.update_subcloud(REGION, only(peer_group="none"))


def move_between_secondary_groups(site: OtherSite) -> None:
    for name in ("edges", "rims"):
        site.peer.create_group(replace(GROUP, name=name, leader_id=site.peer.system_uuid()))
    site.peer.add_secondary(payload())
    for name in ("edges", "rims"):
        site.peer.update_subcloud(REGION, only(peer_group=name))


def move_out_of_a_group_led_elsewhere(site: OtherSite) -> None:
    add_member(site)
    site.peer.create_group(replace(GROUP, name="rims"))
    site.peer.update_subcloud(REGION, only(peer_group="rims"))


def update_a_subcloud_that_is_no_copy(site: OtherSite) -> None:
    site.peer.add_secondary(payload())
    site.set_subcloud(deploy_status="complete")
    site.peer.update_subcloud(REGION, only(location="Oulu"))


def update_a_subcloud_that_is_rehomed(site: OtherSite) -> None:
    add_member(site)
    site.set_subcloud(deploy_status="rehoming")
    site.peer.update_subcloud(REGION, only(location="Oulu"))


def delete_a_subcloud_that_is_rehomed(site: OtherSite) -> None:
    add_member(site)
    site.set_subcloud(deploy_status="pre-rehome")
    site.peer.delete_subcloud("quay-1")


def cede_a_subcloud_that_is_rehomed(site: OtherSite) -> None:
    add_member(site)
    site.set_subcloud(deploy_status="rehoming")
    site.peer.cede_subcloud(REGION)


def delete_a_subcloud_that_is_no_copy(site: OtherSite) -> None:
    site.peer.add_secondary(payload())
    site.set_subcloud(deploy_status="complete")
    site.peer.delete_subcloud("quay-1")


def cede_without_a_migration(site: OtherSite) -> None:
    add_member(site)
    site.set_subcloud(management_state="managed", deploy_status="complete", availability_status="online")
    site.peer.cede_subcloud(REGION)


def delete_a_managed_subcloud(site: OtherSite) -> None:
    add_member(site)
    site.set_subcloud(management_state="managed", deploy_status="complete", availability_status="online")
    site.peer.delete_subcloud("quay-1")


def delete_an_online_subcloud(site: OtherSite) -> None:
    site.peer.add_secondary(payload())
    site.set_subcloud(availability_status="online", deploy_status="complete")
    site.peer.delete_subcloud("quay-1")


def delete_a_member_that_is_no_copy(site: OtherSite) -> None:
    add_member(site)
    site.set_subcloud(deploy_status="complete")
    site.peer.delete_subcloud("quay-1")


REFUSED: dict[str, Callable[[OtherSite], object]] = {
    "the members of an unknown group": lambda site: site.peer.group_subclouds(7),
    "the members of a group of an unknown name": lambda site: site.peer.group_subclouds("edges"),
    "a change of an unknown group": lambda site: site.peer.update_group(7, state="enabled"),
    "a change of an unknown subcloud": lambda site: site.peer.update_subcloud(REGION, payload()),
    "an audit of an unknown group": lambda site: site.peer.audit_group("edges", HERE, 1, GROUP),
    "a status for an unknown association": lambda site: site.peer.tell_association(7, "in-sync"),
    "an unknown subcloud that is to be ceded": lambda site: site.peer.cede_subcloud(REGION),
    "a group without a name": lambda site: site.peer.create_group(replace(GROUP, name="")),
    "an association of no group": lambda site: site.peer.create_association(7, site.put_system_peer()),
    "a status that does not exist": lambda site: site.peer.tell_association(associated(site), "fine"),
    **{
        case.__name__.replace("_", " "): case
        for case in (
            create_twice,
            rename_to_a_taken_name,
            change_a_primary_group,
            delete_an_associated_group,
            associate_twice,
            associate_a_primary_group,
            associate_without_a_peer,
            tell_a_primary_association,
            take_a_taken_name,
            take_a_taken_region,
            update_nothing,
            join_no_group,
            leave_a_group_led_elsewhere,
            leave_a_group_of_an_available_peer,
            move_between_secondary_groups,
            move_out_of_a_group_led_elsewhere,
            update_a_subcloud_that_is_no_copy,
            update_a_subcloud_that_is_rehomed,
            delete_a_subcloud_that_is_rehomed,
            cede_a_subcloud_that_is_rehomed,
            delete_a_subcloud_that_is_no_copy,
            cede_without_a_migration,
            delete_a_managed_subcloud,
            delete_an_online_subcloud,
            delete_a_member_that_is_no_copy,
        )
    },
}
