from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class FirmlightConfig(AppConfig):
    """The site. It comes last in INSTALLED_APPS: permissions must exist before it grants them."""

    name = "firmlight"

    def ready(self) -> None:
        from firmlight.admin_site.roles import keep_moderators

        post_migrate.connect(keep_moderators, sender=apps.get_app_config("tasks"))
