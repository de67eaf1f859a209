"""Every tunable of Firmlight, read from the environment. Limits carry their unit in their name.

A missing or bad value stops the start with its name (`ImproperlyConfigured`). `docs/reference/settings.md`
lists them for operators.
"""

from datetime import timedelta
from math import ceil
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from whitenoise.compress import Compressor

from firmlight import __version__, logs, redis, secret_key
from firmlight.moderation import look

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def number(name: str, default: float, least: float = 0) -> float:
    """A decimal number of at least `least`; environ's own cast would take "0.5s" for 0.5."""
    text = env.str(name, str(default))
    try:
        value = float(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {text!r}") from None
    if not least <= value < float("inf"):
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {text}")
    return value


def whole(name: str, default: int, least: int = 0) -> int:
    text = env.str(name, str(default))
    try:
        value = int(text)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text!r}") from None
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {value}")
    return value


# The essentials

SERVER_VERSION = __version__
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY")
if fault := secret_key.fault(SECRET_KEY, debug=DEBUG):
    raise ImproperlyConfigured(f"SECRET_KEY {fault}")
DATABASE_URL = env.str("DATABASE_URL")
REDIS_URL = env.str("REDIS_URL")
BROKER_URL = env.str("BROKER_URL", f"{REDIS_URL.rstrip('/')}/1")
CHANNEL_LAYER_URL = env.str("CHANNEL_LAYER_URL", f"{REDIS_URL.rstrip('/')}/2")
CACHE_URL = env.str("CACHE_URL", f"{REDIS_URL.rstrip('/')}/3")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")

# Leases (tasks/queue.py)

HEARTBEAT_SECONDS = number("HEARTBEAT_SECONDS", 5, 0.05)
LEASE_SECONDS = number("LEASE_SECONDS", 20, 0.1)
LEASE_TARGET_SECONDS = number("LEASE_TARGET_SECONDS", 2, 0.01)  # how much work one lease should be
LEASE_SECONDS_MIN = number("LEASE_SECONDS_MIN", 0.1)  # less is not worth a round trip
LEASE_SUBTASKS_MAX = whole("LEASE_SUBTASKS_MAX", 5000, 1)
LEASE_BYTES_MAX = whole("LEASE_BYTES_MAX", 4 * 2**20, 1)  # at least one subtask goes, whatever its size
LEASE_MEMORY_SECONDS = whole("LEASE_MEMORY_SECONDS", 24 * 3600, 60)  # how long a lost lease's result is still taken
MAX_ATTEMPTS = whole("MAX_ATTEMPTS", 3, 1)
MAX_LOSSES = whole("MAX_LOSSES", 10, 1)
RETRY_ELSEWHERE_SECONDS_MAX = number("RETRY_ELSEWHERE_SECONDS_MAX", 300)  # then who failed or lost it may take it again
SUSPEND_AFTER_SUBMITTERS = whole("SUSPEND_AFTER_SUBMITTERS", 3, 1)  # a worker failed on tasks of so many, in a row
COPIES_SHARE_MAX = number("COPIES_SHARE_MAX", 0.1)  # of a task's subtasks, run a second time at its tail; 0: none
IDLE_ASK_SECONDS = number("IDLE_ASK_SECONDS", 30, 0.1)
MEMBERSHIP_CHECK_SECONDS = number("MEMBERSHIP_CHECK_SECONDS", 30, 0.1)
SWEEP_SECONDS = number("SWEEP_SECONDS", 1, 0.1)  # how soon an overdue lease or a passed deadline is noticed
RECONCILE_SECONDS = number("RECONCILE_SECONDS", 10, 0.1)  # how soon a lost job is asked for again
SWEEP_LEASES_MAX = whole("SWEEP_LEASES_MAX", 1000, 1)  # expired leases requeued by one script call
AGGREGATING_SECONDS_MAX = number("AGGREGATING_SECONDS_MAX", 60, 0.1)
SPLIT_QUIET_SECONDS_MAX = number("SPLIT_QUIET_SECONDS_MAX", 30, 0.1)  # then the sweep splits again
HELLO_SECONDS_MAX = number("HELLO_SECONDS_MAX", 10, 0.1)
CLIENT_VERSION_MIN = env.str("CLIENT_VERSION_MIN", "0.1.0")  # older workers are told to update
CLIENT_UPDATE_COMMAND = env.str("CLIENT_UPDATE_COMMAND", "")  # "": pip install of the wheel that the server hands out
WORKER_CONNECTS_PER_MINUTE_MAX = whole("WORKER_CONNECTS_PER_MINUTE_MAX", 60, 1)  # of one token

# Tasks

SPLIT_BATCH_FIRST = whole("SPLIT_BATCH_FIRST", 64, 1)  # workers start on this one
SPLIT_BATCH_SUBTASKS_MAX = whole("SPLIT_BATCH_SUBTASKS_MAX", 2000, 1)
SPLIT_BATCH_BYTES_MAX = whole("SPLIT_BATCH_BYTES_MAX", 4 * 2**20, 1)
TASK_SUBTASKS_MAX = whole("TASK_SUBTASKS_MAX", 1_000_000, 1)
PAYLOAD_BYTES_MAX = whole("PAYLOAD_BYTES_MAX", 8 * 2**20, 1)
PARTIAL_BYTES_MAX = whole("PARTIAL_BYTES_MAX", 8 * 2**20, 1)
RESULT_BYTES_MAX = whole("RESULT_BYTES_MAX", 256 * 2**20, 1)
RESULT_SHOWN_BYTES_MAX = whole("RESULT_SHOWN_BYTES_MAX", 64 * 2**20)  # a larger one is not drawn, only downloaded
RESULT_TTL_HOURS = number("RESULT_TTL_HOURS", 24, 0.001)
INPUT_TTL_HOURS = number("INPUT_TTL_HOURS", 7 * 24, 0.001)
FAILED_INPUT_HOURS = number("FAILED_INPUT_HOURS", 24, 0.001)  # so long a failed task can be submitted again
UPLOAD_BYTES_MAX = whole("UPLOAD_BYTES_MAX", 100 * 2**20, 1)
JSON_BODY_BYTES_MAX = whole("JSON_BODY_BYTES_MAX", 16 * 2**20, 1024)
SPLIT_BACKLOG_MAX = whole("SPLIT_BACKLOG_MAX", 3)  # a submitter's further tasks are split when others' are not waiting
FAILURES_SHOWN_MAX = whole("FAILURES_SHOWN_MAX", 10)  # of a task, the latest
TRACEBACK_SHOWN_CHARS_MAX = whole("TRACEBACK_SHOWN_CHARS_MAX", 1500)  # its end
PREVIEW_SECONDS_MAX = number("PREVIEW_SECONDS_MAX", 1, 0.01)  # spent on counting subtasks before a task is submitted
HISTORY_EVENTS_MAX = whole("HISTORY_EVENTS_MAX", 200)  # of a task that is over, the latest are kept
HISTORY_BARS_MAX = whole("HISTORY_BARS_MAX", 400, 1)  # its timeline's; about
LIVE_UPDATES_PER_SECOND = number("LIVE_UPDATES_PER_SECOND", 5, 0.1)
LIVE_CPU_SHARE_MAX = number(
    "LIVE_CPU_SHARE_MAX", 0.005, 0.0001
)  # of a core, for each watched thing; then updates come less often
LIVE_RESULT_BYTES_MAX = whole("LIVE_RESULT_BYTES_MAX", 64 * 2**10)  # a result as small comes with the last news
LIVE_NOTIFICATIONS_MAX = whole("LIVE_NOTIFICATIONS_MAX", 10, 1)  # new ones told in one message, the newest
LIVE_SUBSCRIPTIONS_MAX = whole("LIVE_SUBSCRIPTIONS_MAX", 200, 1)

# Accounts

ACCESS_TOKEN_MINUTES = number("ACCESS_TOKEN_MINUTES", 15, 0.01)
REFRESH_TOKEN_DAYS = number("REFRESH_TOKEN_DAYS", 30, 0.001)
WORKER_TOKENS_PER_USER_MAX = whole("WORKER_TOKENS_PER_USER_MAX", 50, 1)
BROWSER_SESSION_DAYS = number("BROWSER_SESSION_DAYS", 30, 0.001)
LOGIN_FAILURES_MAX = whole("LOGIN_FAILURES_MAX", 10, 1)  # for one account from one address, then it is locked there
LOGIN_LOCK_MINUTES = number("LOGIN_LOCK_MINUTES", 15, 0.01)
PASSWORD_RESET_MINUTES = number("PASSWORD_RESET_MINUTES", 60, 0.02)
EMAIL_CONFIRM_HOURS = number("EMAIL_CONFIRM_HOURS", 48, 0.001)
AUDIT_DAYS = number("AUDIT_DAYS", 730, 0.001)
INVITATION_DAYS = number("INVITATION_DAYS", 14, 0.001)
INVITED_AT_ONCE_MAX = whole("INVITED_AT_ONCE_MAX", 50, 1)  # names in one request
JOIN_REQUEST_DAYS = number("JOIN_REQUEST_DAYS", 30, 0.001)  # unanswered, then it expires
LINKS_PER_GROUP_MAX = whole("LINKS_PER_GROUP_MAX", 20, 1)
LINK_DAYS_MAX = whole("LINK_DAYS_MAX", 30, 1)
LINK_USES_MAX = whole("LINK_USES_MAX", 1000, 1)
NOTIFICATION_DAYS = number("NOTIFICATION_DAYS", 90, 0.001)  # read or not, then they go

# How often somebody may do something (firmlight/throttling.py): each user, or where nobody is logged in each address

LOGIN_PER_MINUTE_MAX = whole("LOGIN_PER_MINUTE_MAX", 60, 1)
REGISTER_PER_HOUR_MAX = whole("REGISTER_PER_HOUR_MAX", 300, 1)
REFRESH_PER_MINUTE_MAX = whole("REFRESH_PER_MINUTE_MAX", 300, 1)
MAIL_PER_HOUR_MAX = whole("MAIL_PER_HOUR_MAX", 30, 1)  # letters asked for: forgotten password, confirmation
SUBMIT_PER_MINUTE_MAX = whole("SUBMIT_PER_MINUTE_MAX", 3000, 1)
UPLOAD_PER_MINUTE_MAX = whole("UPLOAD_PER_MINUTE_MAX", 300, 1)  # tasks submitted with a file
INVITE_PER_HOUR_MAX = whole("INVITE_PER_HOUR_MAX", 600, 1)
DEVICE_MINUTES = number("DEVICE_MINUTES", 10, 0.1)  # so long a code waits for its answer
DEVICE_POLL_SECONDS = number("DEVICE_POLL_SECONDS", 2, 0.1)  # a program that waits asks no more often
DEVICE_PER_HOUR_MAX = whole("DEVICE_PER_HOUR_MAX", 120, 1)  # programs that ask to be let in
DEVICE_CODE_PER_MINUTE_MAX = whole("DEVICE_CODE_PER_MINUTE_MAX", 30, 1)  # codes that one user types
JOIN_PER_HOUR_MAX = whole("JOIN_PER_HOUR_MAX", 120, 1)  # codes of links tried, and requests to join
SEARCH_PER_MINUTE_MAX = whole("SEARCH_PER_MINUTE_MAX", 300, 1)

# Mail: to the console (of the jobs) unless EMAIL_URL names a server, "smtp+tls://user:password@host:587"

EMAIL_URL = env.str("EMAIL_URL", "consolemail://")
MAIL_CONFIGURED = not EMAIL_URL.startswith(("consolemail:", "dummymail:", "memorymail:"))
vars().update(env.email_url_config(EMAIL_URL))
EMAIL_TIMEOUT = number("MAIL_SECONDS_MAX", 20, 0.1)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("MAIL_FROM", "Firmlight <firmlight@localhost>")

# Pages

PAGE_ROWS = whole("PAGE_ROWS", 25, 1)  # of a list on a page

# Django

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin whose templates it replaces; the site is ours
    "unfold.contrib.filters",
    "firmlight.moderation.apps.SiteConfig",
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
    "accounts.apps.LoginLimitsConfig",
    "accounts",
    "groups",
    "tasks",
    "firmlight.moderation.apps.ModerationConfig",
]
MIGRATION_MODULES = {"axes": None}  # its counters lie in the cache, see LoginLimitsConfig
MIDDLEWARE = [
    "accounts.middleware.AddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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
    "firmlight.problems.ProblemPages",
]
ROOT_URLCONF = "firmlight.urls"
WEB_THREADS = whole("WEB_THREADS", 10, 1)  # requests that one web process works on at once
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
                "firmlight.frame.of",
            ],
            "builtins": ["firmlight.tags", "tasks.tags"],
        },
    }
]
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.backends.LoginBackend"]
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]  # by name alone anybody could lock anybody out
AXES_USERNAME_CALLABLE = "accounts.backends.account_key"
AXES_CLIENT_IP_CALLABLE = "accounts.audit.address_of"
AXES_FAILURE_LIMIT = "accounts.backends.failures_max"
AXES_COOLOFF_TIME = "accounts.backends.cool_off"
AXES_LOCKOUT_CALLABLE = "accounts.backends.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
PASSWORD_RESET_TIMEOUT = round(PASSWORD_RESET_MINUTES * 60)
SESSION_COOKIE_AGE = round(BROWSER_SESSION_DAYS * 24 * 3600)
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "page:login", "page:groups", "page:home"
CSRF_FAILURE_VIEW = "firmlight.problems.csrf_failure"
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"  # a page asks the database for other things
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "var" / "static")))
CLIENT_ROOT = Path(env.str("CLIENT_ROOT", str(STATIC_ROOT.parent / "client")))  # the wheel that is handed out
STATICFILES_DIRS = [BASE_DIR / "static", ("docs/images", BASE_DIR / "docs" / "images")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "firmlight.static.HashedStaticFiles"},
}
WHITENOISE_USE_FINDERS = DEBUG
# Source maps are megabytes that only debuggers ask for: compressing them is half the time of `collectstatic`.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map")
DATA_UPLOAD_MAX_MEMORY_SIZE = JSON_BODY_BYTES_MAX
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]

# Over https (production) every door is shut; plain http on one's own machine stays usable.

HTTPS = PUBLIC_URL.startswith("https://")
BEHIND_PROXY = env.bool("BEHIND_PROXY", False)  # ours: its word for the scheme and the client's address counts
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = whole("HSTS_SECONDS", 31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY, SESSION_COOKIE_SAMESITE, CSRF_COOKIE_SAMESITE = True, "Lax", "Lax"
CONTENT_SECURITY_POLICY = {  # of our own pages; firmlight/policy.py has what others' pages may
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# State: database, Redis, channel layer, Celery

DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"].get("ENGINE") == "django.db.backends.sqlite3":
    DATABASES["default"] |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": number("SQLITE_BUSY_SECONDS", 20, 0.1),
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16000;",
    }
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "OPTIONS": redis.patience(),
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": CHANNEL_LAYER_URL, **redis.patience_async()}], "prefix": "fl-layer"},
    }
}
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "short"
CELERY_TASK_ROUTES = {"tasks.split": {"queue": "long"}, "tasks.purge": {"queue": "long"}}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False  # letters to the console are for people; the log would hide their links
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # pub/sub chatter that nobody here reads
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = min(5.0, SWEEP_SECONDS)
# Whole seconds: beat's table keeps no others, and takes half a second for none, so that it would sweep without end.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "tasks.sweep", "schedule": ceil(SWEEP_SECONDS), "options": {"expires": ceil(SWEEP_SECONDS)}},
    "reconcile": {
        "task": "tasks.reconcile",
        "schedule": ceil(RECONCILE_SECONDS),
        "options": {"expires": ceil(RECONCILE_SECONDS)},
    },
    "purge": {"task": "tasks.purge", "schedule": 3600.0, "options": {"expires": 3600}},
}

# API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.AccessTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": [
        "firmlight.parsers.JSONBody",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "firmlight.pagination.Pagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["firmlight.throttling.ScopedThrottle"],
    "DEFAULT_SCHEMA_CLASS": "firmlight.schema.Schema",
    "EXCEPTION_HANDLER": "firmlight.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "PAGE_SIZE": 50,
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=ACCESS_TOKEN_MINUTES),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=REFRESH_TOKEN_DAYS),
    "UPDATE_LAST_LOGIN": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Firmlight",
    "DESCRIPTION": "Groups that pool their computers: submit, watch and collect tasks.",
    "VERSION": SERVER_VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "tasks.states.STATES",
        "InvitationStatus": "groups.states.INVITATION_STATES",
        "Role": "groups.states.ROLES",
        "GivenRole": "groups.states.GIVEN_ROLES",
        "GroupSubmitting": "groups.states.SUBMITTING",
        "MemberSubmitting": "groups.states.EXCEPTIONS",
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "firmlight.schema.add_errors"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

UNFOLD = look.UNFOLD  # the admin's name, colours and navigation

LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOG_JSON = env.bool("LOG_JSON", False)
LOGGING = logs.config(LOG_LEVEL, as_json=LOG_JSON)
