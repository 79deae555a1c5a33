//! What a terminal can show: colours, and text that is drawn over.

/// Whether to colour what goes to a terminal, or what does not: never where the user wants none
/// anywhere (<https://no-color.org>).
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub fn wanted(terminal: bool) -> bool {
    is_able(terminal) && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether a terminal understands more than plain lines: `TERM=dumb` says that it does not.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the environment is read"
)]
pub fn is_able(terminal: bool) -> bool {
    terminal && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
