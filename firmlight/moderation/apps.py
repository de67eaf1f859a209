from django.apps import AppConfig, apps
from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.db.models.signals import post_migrate


class SiteConfig(AdminConfig):
    """Django's admin, as unfold makes it."""

    default_site = "unfold.sites.UnfoldAdminSite"


class ModerationConfig(AppConfig):
    """Stands last in INSTALLED_APPS, so that permissions are made before they are given."""

    name = "firmlight.moderation"

    def ready(self) -> None:
        from firmlight.moderation import schedules  # noqa: F401  takes the place of django-celery-beat's own admin
        from firmlight.moderation.roles import keep_moderators

        admin.site.index_title = "Overview"
        post_migrate.connect(keep_moderators, sender=apps.get_app_config("tasks"))
