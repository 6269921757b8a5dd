"""Starting: what is missing is named, all at once, and no value is shown."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controlplane.access.principals import ROLES_OF_PEOPLE

ROOT = Path(__file__).parents[2]
GOOD = {
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOP",
    "FIELD_ENCRYPTION_KEYS": "dGVzdHMtb25seS1maWVsZC1rZXktMDEyMzQ1Njc4OSE=",
    "DATABASE_URL": "sqlite:////tmp/never-made.sqlite3",
    "DEBUG": "0",
}


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**inherited, **GOOD, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_sound_environment_starts() -> None:
    assert start().returncode == 0


def test_a_value_may_stand_in_a_file_that_ends_with_a_line_end(tmp_path: Path) -> None:
    file = tmp_path / "secret_key"
    file.write_text(GOOD["SECRET_KEY"] + "\n")

    assert start(SECRET_KEY="", SECRET_KEY_FILE=str(file)).returncode == 0
    file.write_text("short\n")
    assert "SECRET_KEY" in start(SECRET_KEY="", SECRET_KEY_FILE=str(file)).stderr
    missing = start(SECRET_KEY_FILE=str(tmp_path / "missing"))
    assert missing.returncode == 1
    assert "SECRET_KEY_FILE must be a readable file path" in missing.stderr


def test_origins_of_other_pages_are_taken_with_and_without_a_port() -> None:
    assert (
        start(CORS_ALLOWED_ORIGINS="https://ui.example.com,http://10.0.0.5:8080,http://[::1]:3000").returncode == 0
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "short-S3CRET"),
        ("SECRET_KEY", "a" * 60),
        ("SECRET_KEY", "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz0123456789"),
        ("SECRET_KEY", "debug-only-secret-key-that-refuses-to-start-outside-debug"),
        ("FIELD_ENCRYPTION_KEYS", ""),
        ("FIELD_ENCRYPTION_KEYS", "short-S3CRET"),
        ("FIELD_ENCRYPTION_KEYS", "ZGVidWctb25seS1maWVsZC1rZXktbm90LXNlY3JldCE="),
        ("DATABASE_URL", "mysql://u:S3CRET@h/db"),
        ("DATABASE_URL", "postgresql://u:S3CRET/#@h/db"),
        ("DATABASE_URL", "postgresql://u:S3CRET@h:port/db"),
        ("DATABASE_URL", "postgresql://u:S3CRET@a:5432,b:port/db"),
        ("DEBUG", "perhaps"),
        ("DATABASE_POOL_SIZE", "many"),
        ("DATABASE_POOL_SIZE", "-1"),
        ("EMAIL_PORT", "65536"),
        ("LOG_LEVEL", "LOUD"),
        ("TELEMETRY_RETENTION_DAYS", "181"),  # longer than minutes are kept
        ("TELEMETRY_MAX_BYTES", "5"),
        ("CORS_ALLOWED_ORIGINS", "*"),
        ("CORS_ALLOWED_ORIGINS", "null"),
        ("CORS_ALLOWED_ORIGINS", "https://*.example.com"),
        ("CORS_ALLOWED_ORIGINS", "https://ui.example.com,ui.example.com"),
        ("CORS_ALLOWED_ORIGINS", "https://ui.example.com/"),
        ("CORS_ALLOWED_ORIGINS", "https://UI.example.com"),
        ("CORS_ALLOWED_ORIGINS", "https://ui.example.com:443"),
        ("CORS_ALLOWED_ORIGINS", "https://S3CRET@ui.example.com"),
    ],
)
def test_an_unsafe_or_unreadable_setting_refuses_to_start_and_is_named(name: str, value: str) -> None:
    answer = start(**{name: value})

    assert answer.returncode != 0
    assert name in answer.stderr.partition("The environment is not fit to start with:")[2]
    assert "S3CRET" not in answer.stderr


def test_all_faults_are_named_at_once() -> None:
    answer = start(SECRET_KEY="", FIELD_ENCRYPTION_KEYS="", LOG_LEVEL="LOUD")

    assert all(name in answer.stderr for name in ("SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "LOG_LEVEL"))


SINGLE_SIGN_ON = {
    "OIDC_ISSUER": "https://login.example.com/realms/cameras",
    "OIDC_CLIENT_ID": "control-plane",
    "OIDC_CLIENT_SECRET": "c1ient-S3CRET",
    "OIDC_ROLE_MAP": json.dumps({"all": [*ROLES_OF_PEOPLE, *(f"{role}@North" for role in ROLES_OF_PEOPLE)]}),
}


@pytest.mark.parametrize("issuer", ["https://[::1]:8443/", "http://127.0.0.1:9400", "http://localhost/realms/x"])
def test_single_sign_on_starts_with_each_role_of_people(issuer: str) -> None:
    assert start(**SINGLE_SIGN_ON | {"OIDC_ISSUER": issuer}).returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OIDC_ISSUER", "http://login.example.com", "loopback"),
        ("OIDC_ISSUER", "http://localhost.example.com", "loopback"),
        ("OIDC_ISSUER", "https://anna:S3CRET@login.example.com", "https address"),
        ("OIDC_ISSUER", "https://login.example.com/?realm=a", "query"),
        ("OIDC_ISSUER", "login.example.com", "https address"),
        ("OIDC_CLIENT_ID", "", "required with OIDC_ISSUER"),
        ("OIDC_CLIENT_SECRET", "", "required with OIDC_ISSUER"),
        ("OIDC_ROLES_CLAIM", "", "required with OIDC_ISSUER"),
        ("OIDC_ROLE_MAP", "", "required with OIDC_ISSUER"),
        ("OIDC_ROLE_MAP", "{}", "required with OIDC_ISSUER"),
        ("OIDC_ROLE_MAP", "{'a': ['viewer']}", "JSON object"),
        ("OIDC_ROLE_MAP", '["viewer"]', "JSON object"),
        ("OIDC_ROLE_MAP", '{"fine": ["viewer"], "ops": "operator"}', 'entry "ops" must be an array'),
        ("OIDC_ROLE_MAP", '{"ops": []}', 'entry "ops" must be an array'),
        ("OIDC_ROLE_MAP", '{"ops": ["viewer", "boss@North"]}', 'entry "ops", role 2'),
        ("OIDC_ROLE_MAP", '{"ops": ["operator@"]}', 'entry "ops", role 1'),
        ("OIDC_ROLE_MAP", '{"ops": ["worker"]}', 'entry "ops", role 1'),
        ("OIDC_ROLE_MAP", '{"ops": [["viewer"]]}', 'entry "ops", role 1'),
        ("OIDC_BACKDATED_SECONDS", "-1", "from 0"),
    ],
)
def test_what_is_wrong_with_single_sign_on_is_named_with_its_entry(name: str, value: str, words: str) -> None:
    answer = start(**SINGLE_SIGN_ON | {name: value})

    assert answer.returncode != 0
    faults = answer.stderr.partition("The environment is not fit to start with:")[2]
    assert name in faults
    assert words in faults
    assert "S3CRET" not in answer.stderr


def test_debug_starts_without_keys() -> None:
    assert start(DEBUG="1", SECRET_KEY="", FIELD_ENCRYPTION_KEYS="").returncode == 0
