"""Every HTTP address of the server."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from core import errors
from firmlight import health
from firmlight.metrics import views as metrics
from firmlight.schema_view import SchemaView

handler400, handler404, handler500 = errors.bad_request, errors.page_not_found, errors.server_error

admin.autodiscover()
admin.site.index_title = "Overview"

urlpatterns = [
    path("api/", include("accounts.api.urls")),
    path("api/", include("groups.api.urls")),
    path("api/", include("tasks.api.urls")),
    path("api/schema/", SchemaView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    # The admin's own page would count no wrong passwords and leave sessions open.
    path("admin/password_change/", RedirectView.as_view(pattern_name="page:profile")),
    path("admin/", admin.site.urls),
    path("", include("firmlight.pages.urls")),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics.show, name="metrics"),
]
