from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks

from core import databases


class SiteConfig(SimpleAdminConfig):
    """Django's admin in unfold's form.

    `firmlight.urls` loads its pages, so that jobs and beat start sooner without them.
    """

    default_site = "unfold.sites.UnfoldAdminSite"
    # MongoDB has no auto-incremented keys.
    if databases.family(settings.DATABASE_URL) is databases.MONGODB:
        default_auto_field = databases.MONGODB.auto_field

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_loaded_admin, checks.Tags.admin)


def check_loaded_admin(
    app_configs: Sequence[AppConfig] | None, **_: Any
) -> list[checks.CheckMessage]:
    """Load the pages first: Django's own check sees only what is registered by then."""
    admin.autodiscover()
    return check_admin_app(app_configs)
