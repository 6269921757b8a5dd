"""The environment of the tests, set before Django reads its settings (loaded by `-p tests.environment`)."""

import os

os.environ.update(
    DEBUG="0",
    SECRET_KEY="a-key-for-tests-only-0123456789-abcdefghijklmnopqrstuvwxyz",
    FIELD_ENCRYPTION_KEYS="dGVzdHMtb25seS1maWVsZC1rZXktMDEyMzQ1Njc4OSE=",
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    DATABASE_POOL_SIZE="0",
    LOG_LEVEL="DEBUG",
    BEHIND_TLS="0",
    CSRF_TRUSTED_ORIGINS="",
    CORS_ALLOWED_ORIGINS="",
    WEBHOOK_ALLOWED_NETWORKS="",
    EMAIL_HOST="",
    REQUIRE_MFA="nobody",
)
os.environ.setdefault("DATABASE_URL", "sqlite:///tests.sqlite3")
