"""Apps of others whose keys count up elsewhere; MongoDB makes ObjectIds instead (see firmlight/databases.py)."""

from django.contrib.auth.apps import AuthConfig
from django.contrib.contenttypes.apps import ContentTypesConfig
from django_celery_beat.apps import BeatConfig

from firmlight import databases
from firmlight.moderation.apps import SiteConfig

KEYS = databases.MONGODB.auto_field


class MongoSiteConfig(SiteConfig):
    default_auto_field = KEYS


class MongoAuthConfig(AuthConfig):
    default_auto_field = KEYS


class MongoContentTypesConfig(ContentTypesConfig):
    default_auto_field = KEYS


class MongoBeatConfig(BeatConfig):
    default_auto_field = KEYS
