"""Pages; their names are in the namespace `page`."""

from django.urls import path

from tasks.views import group, task

urlpatterns = [
    path("groups/<uuid:pk>/", group.group, name="group"),
    path("tasks/<uuid:pk>/", task.task, name="task"),
]
