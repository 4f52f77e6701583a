# syntax=docker/dockerfile:1

# Builds everything. Downloads and compiled dependencies are cached between builds.
FROM rust:1.95-bookworm AS build
# Versions are not pinned, so that the distribution's security updates are used.
# hadolint ignore=DL3008
RUN rustup target add wasm32-unknown-unknown \
    && apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /rowlock
COPY . .
# What `rowlock --version` names, because git's folder is not copied:
# docker build --build-arg ROWLOCK_COMMIT=$(git rev-parse --short=12 HEAD) .
ARG ROWLOCK_COMMIT=
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/rowlock/target \
    cargo xtask web \
    && cargo build --release --package rowlock \
    && install -D target/release/rowlock /out/rowlock \
    && cp -r web/dist /out/web

# Runs the program, which can't write to its own files.
FROM debian:bookworm-slim
# The certificates are for mail servers. Without a mail server, mails are files in /mail.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --no-create-home --shell /usr/sbin/nologin --uid 10001 rowlock \
    && install --directory --owner=rowlock /mail
COPY --from=build /out/rowlock /usr/local/bin/rowlock
COPY --from=build /out/web /srv/rowlock
ENV LISTEN_ADDR=0.0.0.0:8080 WEB_DIR=/srv/rowlock MAIL_DIR=/mail LOG_FORMAT=json
USER 10001
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["rowlock"]
CMD ["serve"]
