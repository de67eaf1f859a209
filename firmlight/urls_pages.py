"""Every page, in the namespace `page`: the API has addresses of the same names."""

from django.urls import path

from accounts.urls_pages import urlpatterns as accounts
from firmlight import pages
from groups.urls_pages import urlpatterns as groups
from tasks.urls_pages import urlpatterns as tasks

app_name = "page"
urlpatterns = [
    path("", pages.landing, name="home"),
    path("favicon.ico", pages.favicon, name="favicon"),
    path("docs/", pages.docs, name="docs"),
    path("docs/<path:slug>/", pages.document, name="document"),
    path("download/", pages.downloads, name="downloads"),
    path("download/latest", pages.latest, name="latest-download"),
    path("download/<str:name>", pages.download, name="download"),
    path("about/", pages.about, name="about"),
    path("privacy/", pages.privacy, name="privacy"),
    path("terms/", pages.terms, name="terms"),
    *accounts,
    *groups,
    *tasks,
]
