# The parts of compose.scale.yaml from Debian's packages, for where no registry of images can be reached. DEBIAN_IMAGE:
# Debian 13 or newer (docker/README.md, "Building elsewhere").
ARG DEBIAN_IMAGE=debian:trixie-slim

FROM ${DEBIAN_IMAGE} AS valkey
RUN apt-get update -q && apt-get install -q -y --no-install-recommends valkey-server valkey-tools \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /data
CMD ["valkey-server"]

FROM ${DEBIAN_IMAGE} AS haproxy
RUN apt-get update -q && apt-get install -q -y --no-install-recommends haproxy \
 && rm -rf /var/lib/apt/lists/*
CMD ["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]

# llama-server is in Debian's newest packages alone. A mirror may be a copy of some weeks ago.
FROM ${DEBIAN_IMAGE} AS llama
RUN echo 'deb [check-valid-until=no] http://deb.debian.org/debian sid main' >/etc/apt/sources.list.d/sid.list \
 && apt-get update -q && apt-get install -q -y --no-install-recommends -t sid llama.cpp-tools curl \
 && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["llama-server"]
