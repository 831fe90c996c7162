# What a sandbox holds: Python, the worker, RestrictedPython. Build with `make images`.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
COPY jigsmith_worker /opt/jigsmith/jigsmith_worker
COPY RestrictedPython /opt/jigsmith/RestrictedPython
RUN python3 -I -S -m compileall -q /opt/jigsmith
USER 65534:65534
WORKDIR /tmp
