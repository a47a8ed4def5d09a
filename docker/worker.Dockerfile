# A worker on the CPU. Build from the repository's root: docker build -f docker/worker.Dockerfile .
# TORCH_INDEX: the package index of torch's CPU builds. Empty takes pip's default index, whose Linux build carries CUDA.
FROM python:3.11.11-slim-bookworm AS build
ARG TORCH=torch==2.13.0
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
# Its own layer, first: torch changes seldom and is nearly all of the image.
RUN /opt/venv/bin/pip install "$TORCH" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY service service
COPY workers workers
COPY model_store model_store
RUN /opt/venv/bin/pip install ".[worker,semantics,s3,telemetry]"

FROM python:3.11.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin retarget \
    && install --directory --owner=retarget --group=retarget /data
COPY --from=build /opt/venv /opt/venv
COPY docker/health_worker.py /opt/health.py
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RETARGET_DATA_DIR=/data \
    XDG_CACHE_HOME=/data/cache
USER 10001
VOLUME /data
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s --retries=3 CMD ["python", "/opt/health.py"]
ENTRYPOINT ["retarget"]
CMD ["worker"]
