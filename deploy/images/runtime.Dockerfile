# The runtime and the sandbox launcher, which run as two containers. Build with `make images`.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
COPY site-packages /opt/jigsmith
ENV PYTHONPATH=/opt/jigsmith PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN python3 -m compileall -q /opt/jigsmith && mkdir -m 0700 /data && chown 10001:10001 /data
USER 10001:10001
VOLUME /data
EXPOSE 7433
ENTRYPOINT ["python3", "-m"]
CMD ["jigsmith_runtime", "serve", "--data", "/data", "--listen", "0.0.0.0:7433"]
