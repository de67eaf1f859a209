"""Below /api/."""

from django.urls import path

from groups.api import groups, joining

urlpatterns = [
    path("groups/", groups.GroupsView.as_view(), name="groups"),
    path("groups/joinable/", groups.JoinableView.as_view(), name="joinable"),
    path("groups/join/", joining.JoinView.as_view(), name="join"),
    path("groups/<uuid:pk>/", groups.GroupView.as_view(), name="group"),
    path("groups/<uuid:pk>/star/", groups.StarView.as_view(), name="star"),
    path("groups/<uuid:pk>/leave/", groups.LeaveView.as_view(), name="leave"),
    path("groups/<uuid:pk>/hand-over/", groups.HandOverView.as_view(), name="hand-over"),
    path("groups/<uuid:pk>/members/", groups.MembersView.as_view(), name="members"),
    path("groups/<uuid:pk>/members/<uuid:user>/", groups.MemberView.as_view(), name="member"),
    path(
        "groups/<uuid:pk>/invitations/",
        joining.GroupInvitationsView.as_view(),
        name="group-invitations",
    ),
    path(
        "groups/<uuid:pk>/invitations/<uuid:invitation>/",
        joining.GroupInvitationView.as_view(),
        name="group-invitation",
    ),
    path(
        "groups/<uuid:pk>/join-requests/",
        joining.GroupRequestsView.as_view(),
        name="group-requests",
    ),
    path(
        "groups/<uuid:pk>/join-requests/<uuid:asked>/accept/",
        joining.AcceptRequestView.as_view(),
        name="accept-request",
    ),
    path(
        "groups/<uuid:pk>/join-requests/<uuid:asked>/decline/",
        joining.DeclineRequestView.as_view(),
        name="decline-request",
    ),
    path("groups/<uuid:pk>/links/", joining.LinksView.as_view(), name="links"),
    path("groups/<uuid:pk>/links/<uuid:link>/", joining.LinkView.as_view(), name="link"),
    path("invitations/", joining.InvitationsView.as_view(), name="invitations"),
    path("invitations/accept-all/", joining.AcceptAllView.as_view(), name="accept-all"),
    path("invitations/decline-all/", joining.DeclineAllView.as_view(), name="decline-all"),
    path("invitations/<uuid:pk>/accept/", joining.AcceptView.as_view(), name="accept"),
    path("invitations/<uuid:pk>/decline/", joining.DeclineView.as_view(), name="decline"),
    path("join-requests/", joining.RequestsView.as_view(), name="join-requests"),
    path("join-requests/<uuid:pk>/", joining.RequestView.as_view(), name="join-request"),
]
