"""Addresses of the pages; their names are in the namespace `page`.

tasks.pages.urls has the page of a group itself, with its tasks.
"""

from django.urls import path

from groups.pages import groups, inbox, invitations, members, settings

GROUP = "groups/<uuid:pk>/"

urlpatterns = [
    path("groups/", groups.groups, name="groups"),
    path("groups/new/", groups.new_group, name="new-group"),
    path("groups/find/", groups.find, name="find-groups"),
    path("groups/code/", groups.enter_code, name="enter-code"),
    path("groups/requests/<uuid:pk>/withdraw/", groups.ask_no_more, name="withdraw-request"),
    path("join/<str:code>/", groups.join, name="join"),
    path("notifications/", inbox.inbox, name="notifications"),
    path("invitations/accept/", inbox.accept_all, name="accept-all"),
    path("invitations/decline/", inbox.decline_all, name="decline-all"),
    path("invitations/<uuid:pk>/accept/", inbox.accept, name="accept"),
    path("invitations/<uuid:pk>/decline/", inbox.decline, name="decline"),
    path(f"{GROUP}star/", groups.star, name="star"),
    path(f"{GROUP}ask/", groups.ask, name="ask"),
    path(f"{GROUP}members/", members.members, name="members"),
    path(f"{GROUP}members/<uuid:user>/role/", members.set_role, name="set-role"),
    path(f"{GROUP}members/<uuid:user>/submitting/", members.set_submitting, name="set-submitting"),
    path(f"{GROUP}members/<uuid:user>/remove/", members.remove, name="remove-member"),
    path(f"{GROUP}members/<uuid:user>/hand-over/", members.hand_over, name="hand-over"),
    path(f"{GROUP}invitations/", invitations.invitations, name="invitations"),
    path(f"{GROUP}invitations/people/", invitations.people, name="people"),
    path(f"{GROUP}invitations/<uuid:invitation>/withdraw/", invitations.withdraw, name="withdraw"),
    path(f"{GROUP}links/", invitations.make_link, name="make-link"),
    path(f"{GROUP}links/<uuid:link>/withdraw/", invitations.withdraw_link, name="withdraw-link"),
    path(
        f"{GROUP}requests/<uuid:asked>/answer/", invitations.answer_request, name="answer-request"
    ),
    path(f"{GROUP}settings/", settings.settings, name="group-settings"),
    path(f"{GROUP}leave/", settings.leave, name="leave"),
    path(f"{GROUP}delete/", settings.delete, name="delete-group"),
]
