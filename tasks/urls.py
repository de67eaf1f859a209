"""Addresses of the tasks API, under /api/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tasks import api

router = SimpleRouter(use_regex_path=False)
router.register("tasks", api.TaskViewSet, basename="task")
router.register("workers", api.WorkerViewSet, basename="worker")

urlpatterns = [*router.urls, path("kinds/", api.KindList.as_view(), name="kind-list")]
