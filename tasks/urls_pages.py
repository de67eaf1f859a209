"""Pages; their names are in the namespace `page`."""

from django.urls import path

from tasks import views

urlpatterns = [path("groups/<uuid:pk>/", views.group, name="group")]
