from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks
from django.db.models.signals import post_migrate


class SiteConfig(SimpleAdminConfig):
    """Django's admin, as unfold makes it. `firmlight.urls` loads its pages: jobs and beat start sooner without them."""

    default_site = "unfold.sites.UnfoldAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_loaded_admin, checks.Tags.admin)


def check_loaded_admin(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Django's own check sees only what is registered by then."""
    admin.autodiscover()
    return check_admin_app(app_configs)


class ModerationConfig(AppConfig):
    """Stands last in INSTALLED_APPS, so that permissions are made before they are given."""

    name = "firmlight.moderation"

    def ready(self) -> None:
        from firmlight.moderation.roles import keep_moderators

        post_migrate.connect(keep_moderators, sender=apps.get_app_config("tasks"))
