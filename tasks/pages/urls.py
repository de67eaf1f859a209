"""Pages; their names are in the namespace `page`."""

from django.urls import path

from tasks.pages import group, new, result, taking_out, task, workers

urlpatterns = [
    path("groups/<uuid:pk>/", group.group, name="group"),
    path("groups/<uuid:pk>/tasks/new/", new.new, name="new-task"),
    path("groups/<uuid:pk>/tasks/new/preview/", new.preview, name="preview-task"),
    path("workers/", workers.mine, name="workers"),
    path("workers/get/", workers.get_worker, name="get-worker"),
    path("workers/get/appeared/", workers.appeared, name="appeared"),
    path("workers/<uuid:pk>/drain/", workers.drain, name="drain-worker"),
    path("workers/<uuid:pk>/let-back/", workers.let_back, name="let-back"),
    path("tasks/", group.mine, name="my-tasks"),
    path("tasks/<uuid:pk>/", task.task, name="task"),
    path("tasks/<uuid:pk>/events/", task.events, name="task-events"),
    path("tasks/<uuid:pk>/parts/", task.parts_of, name="task-parts"),
    path("tasks/<uuid:pk>/result/", result.result, name="result"),
    path("tasks/<uuid:pk>/result.json", result.as_json, name="result-json"),
    path("tasks/<uuid:pk>/result.csv", result.as_csv, name="result-csv"),
    path("tasks/<uuid:pk>/pause/", task.pause, name="pause-task"),
    path("tasks/<uuid:pk>/resume/", task.resume, name="resume-task"),
    path("tasks/<uuid:pk>/take-out/", taking_out.take_out, name="take-out"),
    path("tasks/<uuid:pk>/cancel/", task.cancel, name="cancel-task"),
]
