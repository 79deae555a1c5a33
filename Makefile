.PHONY: test tools lint bench

# Builds and runs every test, installing what they talk to.
test: tools
	cargo test --workspace --locked

# Everything that the tests need beyond Rust, Node and Python.
tools:
	tools/install

# The gates before the tests.
lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Figures beside a peer in the same run; on a quiet machine.
bench: tools
	cargo bench --locked -p server --bench delivery
