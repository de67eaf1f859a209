"""What of groups is kept in the audit log: who did it, to whom, in which group, and from where."""

import pytest

from accounts.models import AuditEntry
from groups import services


def entries():
    rows = AuditEntry.objects.order_by("created")
    return [(row.action, row.actor_name, row.target_type, row.target_label) for row in rows]


def test_what_is_done_to_members_is_kept(crew, alice, bob, carol):
    services.set_role(owner=alice, group_id=crew.pk, user_id=bob.pk, role="moderator")
    services.remove_member(remover=alice, group_id=crew.pk, user_id=carol.pk)
    services.hand_over(owner=alice, group_id=crew.pk, user_id=bob.pk)
    assert entries() == [
        ("role_changed", "alice", "user", "bob"),
        ("member_removed", "alice", "user", "carol"),
        ("ownership_handed_over", "alice", "user", "bob"),
    ]
    group = {"group": str(crew.pk), "group_name": "Lab Seven"}
    assert AuditEntry.objects.get(action="role_changed").details == {
        **group,
        "before": "member",
        "role": "moderator",
    }
    assert all(entry.details.items() >= group.items() for entry in AuditEntry.objects.all())


def test_links_are_recorded_without_their_code_and_so_is_a_deletion(group, alice, api):
    code = api(alice).post(f"/api/groups/{group.pk}/links/", {"days": 3, "uses": 5}).json()["code"]
    api(alice).delete(f"/api/groups/{group.pk}/")
    made, deleted = AuditEntry.objects.order_by("created")
    assert (made.action, made.actor_id, made.target_id) == ("link_made", alice.pk, str(group.pk))
    assert made.details == {"group": str(group.pk), "group_name": "Lab Seven", "days": 3, "uses": 5}
    assert code not in str(made.details)
    assert (deleted.action, deleted.target_label, deleted.details["members"]) == (
        "group_deleted",
        "Lab Seven",
        2,
    )
    assert {made.address, deleted.address} == {"127.0.0.1"}


def test_nobody_is_named_when_a_group_passes_on_by_itself(group, alice):
    services.leave_group(user=alice, group_id=group.pk)
    assert entries() == [("ownership_handed_over", "", "user", "bob")]


def test_what_was_refused_is_not_kept(crew, bob, carol):
    for refused in (
        lambda: services.set_role(owner=carol, group_id=crew.pk, user_id=bob.pk, role="moderator"),
        lambda: services.remove_member(remover=bob, group_id=crew.pk, user_id=carol.pk),
        lambda: services.make_link(maker=bob, group_id=crew.pk, days=1, uses=1),
        lambda: services.delete_group(user=carol, group_id=crew.pk),
    ):
        with pytest.raises(Exception, match=r"may|Only"):
            refused()
    assert entries() == []
