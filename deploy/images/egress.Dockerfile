# A forward proxy (tinyproxy, from Debian) that leads to the LLM endpoint and nowhere else. Build with `make images`.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
COPY root/ /
USER 65534:65534
ENTRYPOINT ["/usr/bin/tinyproxy", "-d", "-c", "/etc/tinyproxy/tinyproxy.conf"]
