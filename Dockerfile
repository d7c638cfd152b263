# The images of Belfry: build once, then one small image for each process.
#
#   docker build --target edge -t belfry-edge .
#
# Targets: edge, core, migrate, welcome, balancer.

FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        build-essential cmake ninja-build pkg-config protobuf-compiler protobuf-c-compiler \
        libprotobuf-dev libprotobuf-c-dev libwebsockets-dev libwebsockets-evlib-uv libnng-dev \
        libpq-dev libjwt-dev libssl-dev libuv1-dev libjansson-dev libnats-dev libhiredis-dev \
        postgresql-client-15 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake --preset release -DBELFRY_TESTS=OFF \
    && cmake --build build/release --target belfry-edge belfry-core belfry \
    && mkdir -p /out/share/edge \
    && strip -o /out/belfry-edge build/release/edge/belfry-edge \
    && strip -o /out/belfry-core build/release/core/belfry-core \
    && strip -o /out/belfry build/release/cli/belfry \
    && cp -r edge/web /out/share/edge/web \
    && cp -r migrations /out/share/migrations

# What edge, core and the tool have in common: libraries, a user without rights, a check.
FROM debian:bookworm-slim AS runtime
RUN apt-get update && apt-get install -y --no-install-recommends \
        libnng1 libprotobuf-c1 libuv1 libjansson4 libssl3 libnats3.4 libhiredis0.14 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/belfry --create-home belfry
COPY deploy/docker/http-ok /usr/local/bin/

FROM runtime AS edge
RUN apt-get update && apt-get install -y --no-install-recommends \
        libwebsockets17 libwebsockets-evlib-uv libjwt0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/belfry-edge /usr/local/bin/
COPY --from=build /out/share/edge /usr/share/belfry
ENV BELFRY_WEB_DIR=/usr/share/belfry/web
USER belfry
EXPOSE 8080
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s CMD ["http-ok", "8080", "/readyz"]
ENTRYPOINT ["belfry-edge"]

FROM runtime AS core
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/belfry-core /usr/local/bin/
USER belfry
EXPOSE 7400 7401 7402
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s CMD ["http-ok", "7402", "/readyz"]
ENTRYPOINT ["belfry-core"]

FROM runtime AS migrate
RUN apt-get update && apt-get install -y --no-install-recommends libpq5 libreadline8 \
    && rm -rf /var/lib/apt/lists/*
# psql alone: its package would bring all of Perl
COPY --from=build /out/belfry /usr/lib/postgresql/15/bin/psql /usr/local/bin/
COPY --from=build /out/share/migrations /usr/share/belfry/migrations
COPY deploy/docker/migrate deploy/docker/welcome /usr/local/bin/
USER belfry
ENTRYPOINT ["migrate"]
CMD ["up"]

FROM migrate AS welcome
ENTRYPOINT ["welcome"]
CMD []

FROM debian:bookworm-slim AS balancer
RUN apt-get update && apt-get install -y --no-install-recommends haproxy \
    && rm -rf /var/lib/apt/lists/*
COPY deploy/docker/http-ok /usr/local/bin/
COPY deploy/haproxy /etc/belfry
ENV BALANCER_BIND=0.0.0.0:8080
USER haproxy
EXPOSE 8080
HEALTHCHECK --interval=2s --timeout=3s --start-period=60s CMD ["http-ok", "8080", "/readyz"]
# haproxy takes SIGTERM as "at once"; SIGUSR1 lets open connections end.
ENTRYPOINT ["haproxy", "-db", "-f", "/etc/belfry/base.cfg", "-f", "/etc/belfry/compose.cfg"]
