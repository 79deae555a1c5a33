//! Whether what is written has colours.

/// Whether to colour what goes to a terminal, or what does not: never where the user wants none
/// anywhere (<https://no-color.org>).
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub fn wanted(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
