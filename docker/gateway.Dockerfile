# The HTTP gateway: no torch. Build from the repository's root: docker build -f docker/gateway.Dockerfile .
FROM python:3.11.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY workers workers
COPY model_store model_store
RUN /opt/venv/bin/pip install ".[gateway,s3,telemetry]"

FROM python:3.11.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin retarget \
    && install --directory --owner=retarget --group=retarget /data
COPY --from=build /opt/venv /opt/venv
COPY docker/health_gateway.py /opt/health.py
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RETARGET_HOST=0.0.0.0 \
    RETARGET_PORT=8000 \
    RETARGET_DATA_DIR=/data
USER 10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "/opt/health.py"]
ENTRYPOINT ["retarget"]
CMD ["gateway"]
