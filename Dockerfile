# The server's image: one static binary on an empty base, as an unprivileged user, on a root that may be read-only.
#   docker build -t drops:local .        or: make image

FROM docker.io/library/rust:1.95.0-slim-bookworm AS build
WORKDIR /src
# The allocator is written in C, and is built by make.
RUN command -v make >/dev/null \
    || { apt-get update && apt-get install -y --no-install-recommends make=4.3-* && rm -rf /var/lib/apt/lists/*; }
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY server server
# Members of the workspace, of which nothing is built here.
COPY deployer deployer
# --target keeps the flags from build scripts and procedural macros, which cannot be static.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(uname -m)-unknown-linux-gnu" \
    && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked -p server --target "$target" \
    && cp "target/$target/release/server" /server

FROM scratch
# The authorities by which a store's certificate (rediss://) is judged.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /server /server
USER 65532:65532
EXPOSE 8080
# For engines that ask the image; ECS and load balancers ask /healthcheck themselves.
HEALTHCHECK --interval=15s --timeout=5s --start-period=5s --retries=3 CMD ["/server", "--health"]
# The process itself gets SIGTERM, and drains.
ENTRYPOINT ["/server"]
