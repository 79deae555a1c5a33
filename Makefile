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

# What checking a large template takes, beside cfn-lint.
bench: tools
	cargo build --release --locked -p deployer
	tools/bench-check target/release/deployer
