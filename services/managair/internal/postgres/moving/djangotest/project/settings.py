"""Settings of a Django project like the predecessor's: its applications, and defaults."""
import json
import os

DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", **json.loads(os.environ["DATABASE"])}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.sites",
    "django.contrib.messages",
    "django.contrib.admin",
    "rest_framework",
    "rest_framework.authtoken",
    "allauth",
    "allauth.account",
    "core",
]
SITE_ID = 1
SECRET_KEY = "of a test"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
SILENCED_SYSTEM_CHECKS = ["admin.E403", "admin.E408", "admin.E409", "admin.E410"]  # no pages are served
