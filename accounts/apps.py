from axes.apps import AppConfig as AxesConfig
from django.apps import AppConfig
from django.conf import settings


class AccountsConfig(AppConfig):
    name = "accounts"
    default = True

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in, user_logged_out

        from accounts.services import browser_sessions

        user_logged_in.connect(browser_sessions.on_login)
        user_logged_out.connect(browser_sessions.on_logout)


class LoginLimitsConfig(AxesConfig):
    """django-axes. It counts in the cache, so its tables are never created (MIGRATION_MODULES)."""

    default = False
    default_auto_field = settings.DEFAULT_AUTO_FIELD
