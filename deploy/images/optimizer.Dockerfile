# The optimizer: no runtime, no sandbox, no engine in it. Build with `make images`.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
COPY site-packages /opt/jigsmith
ENV PYTHONPATH=/opt/jigsmith PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN python3 -m compileall -q /opt/jigsmith && mkdir /training && chown 10001:10001 /training
USER 10001:10001
WORKDIR /training
ENTRYPOINT ["python3", "-m", "jigsmith_optimizer"]
