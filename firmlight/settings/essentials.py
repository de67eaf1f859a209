"""The required settings, how the server is reached, and its log."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from core import logs
from firmlight import __version__, secret_key
from firmlight.settings.read import beside, env, whole

BASE_DIR = Path(__file__).resolve().parent.parent.parent
SERVER_VERSION = __version__
DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY")
if fault := secret_key.fault(SECRET_KEY, debug=DEBUG):
    raise ImproperlyConfigured(f"SECRET_KEY {fault}")
DATABASE_URL = env.str("DATABASE_URL")
REDIS_URL = env.str("REDIS_URL")
BROKER_URL = beside("BROKER_URL", REDIS_URL, 1)
CHANNEL_LAYER_URL = beside("CHANNEL_LAYER_URL", REDIS_URL, 2)
CACHE_URL = beside("CACHE_URL", REDIS_URL, 3)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PUBLIC_URL = env.str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
# Whether a proxy of ours is in front: then its headers give the scheme and the client's address.
BEHIND_PROXY = env.bool("BEHIND_PROXY", False)

LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOG_FORMAT = env.str("LOG_FORMAT", "console")
if LOG_FORMAT not in ("console", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT must be console or json, not {LOG_FORMAT!r}")
LOG_REQUESTS = env.bool("LOG_REQUESTS", False)  # a line for each request and job
# Of one text in a line of the log; a longer one is cut.
LOG_TEXT_CHARS_MAX = whole("LOG_TEXT_CHARS_MAX", 8192, 500)
LOGGING = logs.config(LOG_LEVEL, as_json=LOG_FORMAT == "json")
