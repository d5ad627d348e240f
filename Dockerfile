# One image for workers, the API, migrations and tasks: `docker run … worker persist`, `… api`, `… migrate up`.
# Embedded Kafka, PostgreSQL and storage (`chatlog up`) are left out: they are for one machine without services.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /opt/chatlog \
    && /opt/chatlog/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/runtime.lock \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements/build.lock
COPY pyproject.toml README.md ./
COPY app/ app/
COPY agents/ agents/
COPY models/ models/
COPY sinks/ sinks/
COPY migrations/ migrations/
COPY samples/ samples/
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels . \
    && /opt/chatlog/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.11-slim-bookworm
# Group 0 may write what the user may: some orchestrators give each container a user of its own, in that group.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin chatlog \
    && install -d -o chatlog -g 0 -m 0775 /var/lib/chatlog
COPY --from=build /opt/chatlog /opt/chatlog
ENV PATH=/opt/chatlog/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/var/lib/chatlog
USER 10001
WORKDIR /var/lib/chatlog
VOLUME /var/lib/chatlog
# A worker's web views, and the API.
EXPOSE 6066 8000
# A worker that makes no progress is restarted. Commands other than worker and api end by themselves.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["python", "-m", "app.healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["chatlog"]
CMD ["--help"]
