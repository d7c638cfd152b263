# Stands in for the official nats:2.9.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nats-server \
    && rm -rf /var/lib/apt/lists/*
USER nobody
EXPOSE 4222
ENTRYPOINT ["nats-server"]
