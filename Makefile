.PHONY: test tools lint deny advisories docs up image push fuzz soak bench

# Builds and runs every test, installing what they talk to. Most of the time they wait: more threads than cores.
# The image first: its build would slow the others down.
test: tools
	tools/test-image
	RUST_TEST_THREADS=8 cargo test --workspace --locked
	tools/test-clients

# Everything that the tests need beyond Rust, Node and Python.
tools:
	tools/install

# The whole thing on this machine: nodes behind a model of the load balancer, until Ctrl-C.
up:
	cargo build --locked -p server -p deployer
	target/debug/deployer up --env local

# The server's image, by whichever engine there is: `make image push IMAGE=….amazonaws.com/drops:1.4.2`.
IMAGE ?= drops:local
ENGINE ?= $(shell for engine in docker podman buildah; do $$engine info >/dev/null 2>&1 && echo $$engine && break; done)
# A format that has health checks.
export BUILDAH_FORMAT = docker

image:
	@test -n "$(ENGINE)" || { echo "no docker, podman or buildah that answers: install one, or name it in ENGINE" >&2; exit 1; }
	$(ENGINE) build --tag $(IMAGE) .

# To a registry that the engine is logged in to. The documentation says how, for ECR.
push:
	$(ENGINE) push $(IMAGE)

# The gates before the tests.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, banned crates and sources of what the binaries are built from. A debug build of the tool takes half the time.
deny:
	test -x .cache/cargo/bin/cargo-deny || cargo install cargo-deny --version 0.20.2 --locked --quiet --debug --root .cache/cargo
	cargo fetch --locked
	.cache/cargo/bin/cargo-deny --offline check licenses bans sources

# Known vulnerabilities of what the binaries are built from, where the advisory database is in reach.
advisories:
	tools/advisories

# The book, in target/book. `cargo test -p xtask` checks its generated pages and its links.
docs:
	test -x .cache/cargo/bin/mdbook || cargo install mdbook --version 0.5.4 --locked --quiet --root .cache/cargo \
	  --no-default-features --features search
	.cache/cargo/bin/mdbook build docs

# A minute each of texts that nobody would write, for the readers of templates, plans and cdk.out, and for the server.
fuzz: tools
	fuzz/run 60

# Many nodes under load while nodes, Redis, clients and clocks fail: nothing may be lost. A quarter of an hour.
soak: tools
	cargo build --release --locked -p server -p deployer -p soak
	target/release/soak run

# Figures beside a peer in the same run; on a quiet machine.
bench: tools
	npm ci --prefix server/benches/peers --no-audit --no-fund --silent
	cargo bench --locked -p server --bench admission --bench delivery
	cargo bench --locked -p deployer
	cargo build --release --locked -p server -p deployer -p soak
	target/release/soak bench
