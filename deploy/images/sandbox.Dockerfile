# What a sandbox holds: Python, the worker, RestrictedPython, the packages of the shipped profiles. Build with `make images`.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
COPY jigsmith_worker /opt/jigsmith/jigsmith_worker
COPY RestrictedPython /opt/jigsmith/RestrictedPython
COPY packages /opt/jigsmith/packages
RUN python3 -I -S -m compileall -q /opt/jigsmith
USER 65534:65534
WORKDIR /tmp
