# warmprefix in a container: docker build -t warmprefix . ; how to run it: docker/README.md
#
# PYTHON_IMAGE may be any Linux image whose `python3` is 3.11 or newer and can make a venv. Both stages
# use the same one, so that the environment finds its interpreter where it was made.
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
# pip reads these from the environment: --build-arg PIP_INDEX_URL=... for a mirror of PyPI,
# PIP_CERT=/path/in/PYTHON_IMAGE for a proxy with a certificate of its own. Not in the final image.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ARG PIP_CERT
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Two environments: one with pip to install from, and one without it that is shipped.
RUN python3 -m venv /opt/build \
 && python3 -m venv --without-pip /opt/warmprefix
# The dependencies in a layer of their own: a change of the code does not download them again.
COPY requirements ./requirements
RUN /opt/build/bin/pip install --only-binary :all: --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/warmprefix/bin/python install --only-binary :all: --require-hashes \
    -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY proxy ./proxy
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/build/bin/pip --python /opt/warmprefix/bin/python install --no-deps /tmp/wheel/*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="warmprefix" \
      org.opencontainers.image.description="OpenAI-compatible reverse proxy that keeps a local model's prompt cache warm, and explains every miss" \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed number, so that a folder of the host can be given to it (chown 10001). Written by hand:
# Debian's useradd and Alpine's adduser take different options.
RUN echo 'warmprefix:x:10001:10001:warmprefix:/data:/sbin/nologin' >> /etc/passwd \
 && echo 'warmprefix:x:10001:' >> /etc/group \
 && mkdir -p /etc/warmprefix \
 && mkdir -m 0700 /data \
 && chown 10001:10001 /data
COPY --from=builder /opt/warmprefix /opt/warmprefix
# All interfaces of the container; who reaches them is decided by what `docker run -p` publishes. Requests of
# the container's own host come from another address, so its names for itself are allowed by name.
ENV PATH=/opt/warmprefix/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    WARMPREFIX_SERVER__HOST=0.0.0.0 \
    WARMPREFIX_SERVER__ALLOWED_HOSTS='["localhost","127.0.0.1","[::1]"]' \
    WARMPREFIX_MEMORY__PATH=/data/ledger.db
USER 10001:10001
# A warmprefix.toml mounted here is found without --config.
WORKDIR /etc/warmprefix
EXPOSE 8484
# /data is no VOLUME: without -v every run would leave an unnamed one behind.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-I", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('WARMPREFIX_SERVER__PORT', '8484')), timeout=3); c.request('GET', '/warmprefix/health'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["warmprefix"]
CMD ["serve"]
