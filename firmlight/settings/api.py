"""The API: REST framework, its tokens, its schema."""

from datetime import timedelta

from firmlight.settings.accounts import ACCESS_TOKEN_MINUTES, REFRESH_TOKEN_DAYS
from firmlight.settings.essentials import SERVER_VERSION

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.AccessTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": [
        "core.parsers.JSONBody",
        "rest_framework.parsers.FormParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "core.pagination.Pagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["core.throttling.ScopedThrottle"],
    "DEFAULT_SCHEMA_CLASS": "firmlight.schema.Schema",
    "EXCEPTION_HANDLER": "core.errors.exception_handler",
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
        "Verify": "tasks.verification.VERIFY",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "firmlight.schema.add_errors",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
