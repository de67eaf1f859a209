"""Third-party apps with auto-incremented keys; on MongoDB they get ObjectIds instead.

See core/databases.py.
"""

from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig
from django_celery_beat.apps import BeatConfig

from core import databases

KEYS = databases.MONGODB.auto_field


class MongoAuthConfig(AuthConfig):
    default_auto_field = KEYS


class MongoContentTypesConfig(ContentTypesConfig):
    default_auto_field = KEYS


class MongoBeatConfig(BeatConfig):
    default_auto_field = KEYS
