# syntax=docker/dockerfile:1
# The server (target `server`, the default) and an example worker (target `worker`).
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# Everything that has to be written is written here: libraries, static files, the client's wheel, bytecode.
FROM base AS build
ARG REQUIREMENTS=requirements/databases.txt
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /srv/firmlight
COPY requirements.txt ./
COPY requirements requirements
RUN pip install --require-hashes -r ${REQUIREMENTS}
COPY client client
RUN pip install --no-deps --no-build-isolation ./client
COPY manage.py pyproject.toml ./
COPY core core
COPY firmlight firmlight
COPY accounts accounts
COPY groups groups
COPY tasks tasks
COPY templates templates
COPY static static
COPY docs docs
ENV STATIC_ROOT=/srv/static CLIENT_ROOT=/srv/client
RUN SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(48))") DATABASE_URL=sqlite://:memory: \
    REDIS_URL=redis://127.0.0.1:1 python -m firmlight prepare files \
 && python -m compileall -q -j 0 /opt/venv /srv/firmlight

FROM base AS worker
COPY --from=build /srv/client /tmp/wheel
RUN pip install /tmp/wheel/*.whl && rm -r /tmp/wheel \
 && useradd --system --uid 10002 --create-home --home-dir /home/worker worker \
 && install -d -o worker -g worker /home/worker/firmlight
USER 10002
ENV FIRMLIGHT_HOME=/home/worker/firmlight PYTHONDONTWRITEBYTECODE=1
CMD ["firmlight", "work", "--plain", "--slots", "1"]

FROM base AS server
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv /srv
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin firmlight \
 && install -d -o firmlight -g firmlight -m 0700 /srv/files
USER 10001
WORKDIR /srv/firmlight
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=firmlight.settings \
    STATIC_ROOT=/srv/static CLIENT_ROOT=/srv/client FILES_ROOT=/srv/files HOST=0.0.0.0 PORT=8000 LOG_FORMAT=json
EXPOSE 8000
# For web. The other processes listen on no port; the compose file switches this off for them.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD ["python", "-m", "firmlight", "web"]
