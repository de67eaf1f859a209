"""Pages; their names are in the namespace `page`."""

from django.urls import path

from tasks.views import group, task

urlpatterns = [
    path("groups/<uuid:pk>/", group.group, name="group"),
    path("tasks/<uuid:pk>/", task.task, name="task"),
    path("tasks/<uuid:pk>/events/", task.events, name="task-events"),
    path("tasks/<uuid:pk>/pause/", task.pause, name="pause-task"),
    path("tasks/<uuid:pk>/resume/", task.resume, name="resume-task"),
    path("tasks/<uuid:pk>/cancel/", task.cancel, name="cancel-task"),
]
