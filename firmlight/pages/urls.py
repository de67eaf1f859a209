"""Every page, in the namespace `page`: the API has addresses of the same names."""

from django.urls import path

from accounts.pages.urls import urlpatterns as accounts
from firmlight.pages import public
from groups.pages.urls import urlpatterns as groups
from tasks.pages.urls import urlpatterns as tasks

app_name = "page"
urlpatterns = [
    path("", public.landing, name="home"),
    path("favicon.ico", public.favicon, name="favicon"),
    path("docs/", public.docs, name="docs"),
    path("docs/<path:slug>/", public.document, name="document"),
    path("download/", public.downloads, name="downloads"),
    path("download/latest", public.latest, name="latest-download"),
    path("download/<str:name>", public.download, name="download"),
    path("about/", public.about, name="about"),
    path("privacy/", public.privacy, name="privacy"),
    path("terms/", public.terms, name="terms"),
    *accounts,
    *groups,
    *tasks,
]
