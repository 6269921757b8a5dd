# The service as one image: `web`, `migrate` and `maintain` are the same image with another command.

# --- Packages and static files ----------------------------------------------------------------------------------
FROM python:3.11-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH

COPY deploy/locks/requirements.txt /tmp/requirements.txt
RUN pip install --require-hashes -r /tmp/requirements.txt

WORKDIR /srv/controlplane
COPY . .
# Settings ask for keys; these live for this one command and stand in no layer.
RUN HASHED_STATIC_FILES=1 \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    FIELD_ENCRYPTION_KEYS="$(python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())')" \
    python manage.py collectstatic --no-input \
    && python -m compileall -q controlplane cameras telemetry

# --- The image --------------------------------------------------------------------------------------------------
FROM python:3.11-slim

RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin controlplane
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/controlplane /srv/controlplane

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HASHED_STATIC_FILES=1
WORKDIR /srv/controlplane
USER 10001:10001
EXPOSE 8000

# A process that is alive answers without the database: whether it is ready, /readyz tells.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]

CMD ["gunicorn", "-k", "asgi", "-w", "2", "-b", "0.0.0.0:8000", "controlplane.asgi:application"]
