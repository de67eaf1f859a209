"""Django: the parts of the site, and its pages."""

from pathlib import Path

from whitenoise.compress import Compressor

from core import databases
from firmlight.admin_site import look
from firmlight.settings.essentials import BASE_DIR, DATABASE_URL, DEBUG
from firmlight.settings.limits import JSON_BODY_BYTES_MAX
from firmlight.settings.read import env, whole
from firmlight.settings.storage import FILES

# Pages

PAGE_ROWS = whole("PAGE_ROWS", 25, 1)  # of a list on a page
# Longer lists are not counted to their end.
COUNT_ROWS_MAX = whole("COUNT_ROWS_MAX", 10_000, 1)

DATABASE = databases.family(DATABASE_URL)
INSTALLED_APPS = DATABASE.apps_for(
    [
        # Before the admin, whose templates it replaces; the admin site is ours.
        "unfold.apps.BasicAppConfig",
        "unfold.contrib.filters",
        "firmlight.admin_site.apps.SiteConfig",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "django.forms",  # its widgets' templates, for our own field template
        "django_htmx",
        "channels",
        "rest_framework",
        "django_filters",
        "drf_spectacular",
        "drf_spectacular_sidecar",  # Swagger UI from our own server: no page loads from elsewhere
        "django_celery_beat",
        "core",
        "accounts.apps.LoginLimitsConfig",
        "accounts",
        "groups",
        "tasks",
        "firmlight.apps.FirmlightConfig",
    ]
)
# axes counts in the cache and needs no tables, see LoginLimitsConfig.
MIGRATION_MODULES = {"axes": None, **DATABASE.migrations}
MIDDLEWARE = [
    "firmlight.health.Probes",
    "core.context.RequestContext",
    "accounts.middleware.AddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "firmlight.compression.PageCompression",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.BrowserSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "firmlight.policy.PolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "firmlight.error_pages.ErrorPages",
]
ROOT_URLCONF = "firmlight.urls"
ASGI_APPLICATION = "firmlight.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "firmlight.context_processors.of",
            ],
            "builtins": ["firmlight.templatetags.page_tags", "tasks.templatetags.task_tags"],
        },
    }
]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "var" / "static")))
# Where the wheel lies that the server hands out.
CLIENT_ROOT = Path(env.str("CLIENT_ROOT", str(STATIC_ROOT.parent / "client")))
STATICFILES_DIRS = [BASE_DIR / "static", ("docs/images", BASE_DIR / "docs" / "images")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "firmlight.static.HashedStaticFiles"},
    "files": FILES,
}
WHITENOISE_USE_FINDERS = DEBUG
# Source maps are megabytes that only debuggers ask for, and compressing them would take half of the
# time of `collectstatic`.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
DATA_UPLOAD_MAX_MEMORY_SIZE = JSON_BODY_BYTES_MAX
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
UNFOLD = look.UNFOLD  # the admin's name, colours and navigation
