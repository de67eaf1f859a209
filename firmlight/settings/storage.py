"""Where state is stored and what moves it: database, Redis, files, channel layer, Celery."""

from math import ceil
from pathlib import Path
from typing import Any

from core import databases, redis
from firmlight.settings.essentials import (
    BASE_DIR,
    BROKER_URL,
    CACHE_URL,
    CHANNEL_LAYER_URL,
    DATABASE_URL,
)
from firmlight.settings.limits import RECONCILE_SECONDS, SWEEP_SECONDS
from firmlight.settings.read import env, number, whole

DATABASES = {
    "default": databases.config(
        DATABASE_URL,
        busy_seconds=number("SQLITE_BUSY_SECONDS", 20, 0.1),
        # Of one process; SQLite has no server and ignores it.
        connections_max=whole("DATABASE_CONNECTIONS_MAX", 20, 1),
    )
}
DATABASE_ROUTERS = databases.family(DATABASE_URL).routers
DEFAULT_AUTO_FIELD = databases.family(DATABASE_URL).auto_field

# Larger inputs and results are files. All processes of all machines share the folder or the bucket.
INLINE_BYTES_MAX = whole("INLINE_BYTES_MAX", 64 * 2**10, 1)
# Of a task that has ended: what is kept of it for hours, a result or the input of a failed one, is
# a file if it is larger.
KEPT_INLINE_BYTES_MAX = whole("KEPT_INLINE_BYTES_MAX", 2**10)
FILES_ROOT = Path(env.str("FILES_ROOT", str(BASE_DIR / "var" / "files")))
FILES_BUCKET = env.str("FILES_BUCKET", "")  # then FILES_ROOT is not used
FILES_ENDPOINT = env.str("FILES_ENDPOINT", "")  # "": Amazon's
FILES_PREFIX = env.str("FILES_PREFIX", "firmlight")
# How long a file that nothing names is kept.
FILE_GRACE_HOURS = number("FILE_GRACE_HOURS", 24, 1)
FILES: dict[str, Any] = {
    "BACKEND": "core.file_folder.FileFolder",
    "OPTIONS": {"location": str(FILES_ROOT)},
}
if FILES_BUCKET:
    FILES = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": FILES_BUCKET,
            "endpoint_url": FILES_ENDPOINT or None,
            "location": FILES_PREFIX,
            "default_acl": None,
            "file_overwrite": True,
        },
    }

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "OPTIONS": redis.patience(),
    }
}
# Of one process; a caller waits for a free one.
REDIS_CONNECTIONS_MAX = whole("REDIS_CONNECTIONS_MAX", 50, 2)
# The layer's pool does not wait for a free connection: beyond the limit, sending fails.
LAYER_CONNECTIONS_MAX = 5000
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": CHANNEL_LAYER_URL,
                    "max_connections": LAYER_CONNECTIONS_MAX,
                    **redis.patience_async(),
                }
            ],
            "prefix": "fl-layer",
        },
    }
}
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "short"
CELERY_TASK_ROUTES = {
    **{f"tasks.{name}": {"queue": "long"} for name in ("split", "fold")},
    **{f"tasks.{name}": {"queue": "sweep"} for name in ("sweep", "reconcile")},
    **{f"{app}.purge": {"queue": "sweep"} for app in ("accounts", "groups", "tasks")},
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# E-mails printed to the console are for people; the log would mask their links.
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # pub/sub messages that nothing here reads
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = min(5.0, SWEEP_SECONDS)
# Whole seconds: beat's table stores no fractions, and with half a second, stored as zero, it would
# sweep without a pause.
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "tasks.sweep",
        "schedule": ceil(SWEEP_SECONDS),
        "options": {"expires": ceil(SWEEP_SECONDS)},
    },
    "reconcile": {
        "task": "tasks.reconcile",
        "schedule": ceil(RECONCILE_SECONDS),
        "options": {"expires": ceil(RECONCILE_SECONDS)},
    },
    **{
        f"purge-{app}": {"task": f"{app}.purge", "schedule": 3600.0, "options": {"expires": 3600}}
        for app in ("accounts", "groups", "tasks")
    },
    "fold": {"task": "tasks.fold", "schedule": 600.0, "options": {"expires": 600}},
}
