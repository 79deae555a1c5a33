//! The README's tables are the catalogue's.

use std::path::Path;

const BEGIN: &str = "<!-- rules: written by `RULES_TABLE=write cargo test -p timeouts readme` -->";
const END: &str = "<!-- end of rules -->";

/// Fails when the tables differ; with `RULES_TABLE=write` it writes them instead.
#[test]
fn readme_has_the_tables_of_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    // The crate by itself, outside of its repository, has no README beside it.
    let Ok(readme) = std::fs::read_to_string(&path) else {
        return;
    };
    let (before, rest) = readme
        .split_once(BEGIN)
        .expect("README.md has the line that begins the rules");
    let (found, after) = rest
        .split_once(END)
        .expect("README.md has the line that ends the rules");
    let expected = format!("\n\n{}\n\n", timeouts::explain::markdown());
    #[expect(
        clippy::disallowed_methods,
        reason = "the switch of a generator, not a setting"
    )]
    if std::env::var("RULES_TABLE").is_ok_and(|value| value == "write") {
        std::fs::write(&path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found, expected,
        "run `RULES_TABLE=write cargo test -p timeouts readme`"
    );
}
