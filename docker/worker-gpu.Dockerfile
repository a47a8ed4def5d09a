# A worker on an NVIDIA GPU. Build from the repository's root: docker build -f docker/worker-gpu.Dockerfile .
# TORCH_INDEX: the package index of the CUDA build that fits the driver; empty takes pip's default index. The CUDA
# libraries come with torch, the driver from the host (NVIDIA container toolkit), so the base image is the plain one.
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

# The CUDA compiler. torch refuses to build with one of another major version than its own: change it with TORCH_INDEX.
FROM nvidia/cuda:13.0.1-devel-ubuntu22.04 AS cuda

# pytorch3d has no wheel for Linux and Python 3.11: it is built from its public source, a tag whose commit is checked.
# The whole image of Python, not the slim one, since that has git and a C++ compiler. Tens of minutes.
FROM python:3.11.11-bookworm AS pytorch3d
ARG PYTORCH3D_SOURCE=https://github.com/facebookresearch/pytorch3d.git
ARG PYTORCH3D_TAG=v0.7.9
ARG PYTORCH3D_COMMIT=33824be3cbc87a7dd1db0f6a9a9de9ac81b2d0ba
ARG CUDA_ARCHITECTURES="7.5;8.0;8.6;8.9;9.0+PTX"
ARG JOBS=4
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 CUDA_HOME=/usr/local/cuda
COPY --from=build /opt/venv /opt/venv
COPY --from=cuda /usr/local/cuda /usr/local/cuda
WORKDIR /src
RUN git clone --quiet --depth 1 --branch "$PYTORCH3D_TAG" "$PYTORCH3D_SOURCE" . \
    && test "$(git rev-parse HEAD)" = "$PYTORCH3D_COMMIT"
# torch's headers are C++20; CUDA 13 hides kernels from the host code that starts them unless told not to.
RUN /opt/venv/bin/pip install setuptools wheel ninja \
    && sed -i 's/-std=c++17/-std=c++20/' setup.py \
    && FORCE_CUDA=1 MAX_JOBS="$JOBS" TORCH_CUDA_ARCH_LIST="$CUDA_ARCHITECTURES" \
       NVCC_FLAGS="--device-entity-has-hidden-visibility=false -static-global-template-stub=false" \
       /opt/venv/bin/pip install --no-build-isolation .

FROM python:3.11.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin retarget \
    && install --directory --owner=retarget --group=retarget /data
COPY --from=pytorch3d /opt/venv /opt/venv
COPY docker/health_worker.py /opt/health.py
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RETARGET_DATA_DIR=/data \
    XDG_CACHE_HOME=/data/cache \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001
VOLUME /data
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s --retries=3 CMD ["python", "/opt/health.py"]
ENTRYPOINT ["retarget"]
CMD ["worker"]
