"""Below /api/."""

from django.urls import path

from groups import api

urlpatterns = [
    path("groups/", api.GroupsView.as_view(), name="groups"),
    path("groups/<uuid:pk>/", api.GroupView.as_view(), name="group"),
    path("groups/<uuid:pk>/members/", api.MembersView.as_view(), name="members"),
    path("groups/<uuid:pk>/members/<uuid:user>/", api.MemberView.as_view(), name="member"),
    path("groups/<uuid:pk>/leave/", api.LeaveView.as_view(), name="leave"),
    path("groups/<uuid:pk>/invitations/", api.GroupInvitationsView.as_view(), name="group-invitations"),
    path("invitations/", api.InvitationsView.as_view(), name="invitations"),
    path("invitations/<uuid:pk>/accept/", api.AcceptView.as_view(), name="accept"),
    path("invitations/<uuid:pk>/decline/", api.DeclineView.as_view(), name="decline"),
]
