"""Addresses of the tasks API, under /api/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tasks.api import views

router = SimpleRouter(use_regex_path=False)
router.register("tasks", views.TaskViewSet, basename="task")
router.register("workers", views.WorkerViewSet, basename="worker")

urlpatterns = [
    *router.urls,
    path("kinds/", views.KindList.as_view(), name="kind-list"),
    path(
        "groups/<uuid:pk>/members/<uuid:user>/standing/",
        views.MemberStandingView.as_view(),
        name="member-standing",
    ),
]
