"""Writes: one module per use case, one function per thing that a person does."""

from groups.services.closing import close_group, delete_group
from groups.services.inviting import accept, decline, invite, require_leader
from groups.services.leaving import leave_all_groups, leave_group, remove_member
from groups.services.making import create_group, update_group

__all__ = [
    "accept",
    "close_group",
    "create_group",
    "decline",
    "delete_group",
    "invite",
    "leave_all_groups",
    "leave_group",
    "remove_member",
    "require_leader",
    "update_group",
]
