"""Log-ins, cookies, and what a browser must refuse."""

from csp.constants import NONE, SELF

from firmlight.settings.accounts import BROWSER_SESSION_DAYS, PASSWORD_RESET_MINUTES
from firmlight.settings.essentials import BEHIND_PROXY, HTTPS
from firmlight.settings.read import whole

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.backends.LoginBackend"]
AXES_HANDLER = "axes.handlers.cache.AxesCacheHandler"
# By name alone, anybody could lock anybody out.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "accounts.backends.account_key"
AXES_CLIENT_IP_CALLABLE = "accounts.backends.address_key"
AXES_FAILURE_LIMIT = "accounts.backends.failures_max"
AXES_COOLOFF_TIME = "accounts.backends.cool_off"
AXES_LOCKOUT_CALLABLE = "accounts.backends.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
PASSWORD_RESET_TIMEOUT = round(PASSWORD_RESET_MINUTES * 60)
SESSION_COOKIE_AGE = round(BROWSER_SESSION_DAYS * 24 * 3600)
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "page:login", "page:groups", "page:home"
CSRF_FAILURE_VIEW = "firmlight.error_pages.csrf_failure"
# Sessions are read from the cache, so that a page needs no query for them.
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = ["accounts.hashers.OneThreadArgon2"]

# With https (production) everything is strict; plain http on one's own machine stays usable.

SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS = whole("HSTS_SECONDS", 31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY, SESSION_COOKIE_SAMESITE, CSRF_COOKIE_SAMESITE = True, "Lax", "Lax"
CONTENT_SECURITY_POLICY = {  # of our own pages; firmlight/policy.py has the exceptions
    "DIRECTIVES": {
        "default-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
