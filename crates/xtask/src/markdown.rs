//! Markdown's small needs: anchors, table cells, lines of bounded length.

/// Lines of prose are at most this many characters long.
pub const WIDTH: usize = 100;

/// The anchor that mdBook and GitHub give to a heading.
#[must_use]
pub fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// A text as one cell of a table.
#[must_use]
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// A text as code in one cell of a table; nothing where the text is empty.
#[must_use]
pub fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("`{}`", cell(text))
}

/// A text whose first letter is a capital.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Breaks a paragraph into lines of at most `width` characters. A longer word stays whole.
#[must_use]
pub fn wrap(text: &str, width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Every paragraph of a text, each broken into lines.
#[must_use]
pub fn paragraphs(text: &str) -> String {
    text.split("\n\n")
        .map(|paragraph| wrap(paragraph, WIDTH))
        .collect::<Vec<_>>()
        .join("\n\n")
}
