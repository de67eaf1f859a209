"""Writes: one module for each noun, one function for each use case."""

from groups.services.deletion import close_group, delete_group
from groups.services.departures import leave_all_groups, leave_group, remove_member
from groups.services.groups import create_group, star, update_group
from groups.services.invitation_answers import accept, accept_all, decline, decline_all
from groups.services.invitations import Answer, invite, withdraw
from groups.services.join_requests import answer_request, ask_to_join, withdraw_request
from groups.services.links import group_of_code, join_by_code, make_link, withdraw_link
from groups.services.permissions import require_leader, require_owner
from groups.services.roles import hand_over, set_role, set_submitting

__all__ = [
    "Answer",
    "accept",
    "accept_all",
    "answer_request",
    "ask_to_join",
    "close_group",
    "create_group",
    "decline",
    "decline_all",
    "delete_group",
    "group_of_code",
    "hand_over",
    "invite",
    "join_by_code",
    "leave_all_groups",
    "leave_group",
    "make_link",
    "remove_member",
    "require_leader",
    "require_owner",
    "set_role",
    "set_submitting",
    "star",
    "update_group",
    "withdraw",
    "withdraw_link",
    "withdraw_request",
]
