# syntax=docker/dockerfile:1

# Everything is built here; what it downloads and compiles is kept between builds.
FROM rust:1.95-bookworm AS build
# The newest of the distribution, as security updates are.
# hadolint ignore=DL3008
RUN rustup target add wasm32-unknown-unknown \
    && apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /rowlock
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/rowlock/target \
    cargo xtask web \
    && cargo build --release --package rowlock \
    && install -D target/release/rowlock /out/rowlock \
    && cp -r web/dist /out/web

# What runs: the program and the files for browsers, nobody's to write.
FROM debian:bookworm-slim
RUN useradd --no-create-home --shell /usr/sbin/nologin --uid 10001 rowlock
COPY --from=build /out/rowlock /usr/local/bin/rowlock
COPY --from=build /out/web /srv/rowlock
ENV LISTEN_ADDR=0.0.0.0:8080 WEB_DIR=/srv/rowlock LOG_FORMAT=json
USER 10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["rowlock"]
CMD ["serve"]
