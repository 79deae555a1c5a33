//! Reads the OpenMetrics text of a node, as far as its figures need it: names, labels and values.

use std::collections::BTreeMap;

/// A series: a metric with its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
}

impl Series {
    /// A label's value, empty where it has none.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// The values of a page.
pub(super) type Values = BTreeMap<Series, f64>;

/// The values of a text. Lines that are none are left out.
pub(super) fn parse(text: &str) -> Values {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(line)
        .collect()
}

fn line(text: &str) -> Option<(Series, f64)> {
    let end = text.find(['{', ' '])?;
    let (name, rest) = text.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (BTreeMap::new(), rest),
    };
    // A timestamp or an exemplar may follow.
    let value = rest.split_whitespace().next()?.parse().ok()?;
    let name = name.to_owned();
    Some((Series { name, labels }, value))
}

/// The labels up to the closing brace, and what is behind it.
fn labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches(',');
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.insert(name.to_owned(), value);
        text = rest;
    }
}

/// A value up to its closing quote, and what is behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let text = "# HELP a What it is.\n# TYPE a gauge\na 3\n\
                    b_total{reason=\"x\",other=\"a \\\"b\\\" \\\\ \\n}\"} 4.5 1700000000\n\
                    c_bucket{le=\"+Inf\"} 7 # {id=\"1\"} 1\n\
                    broken{\nbroken{x=\"y} 1\nbroken\nnot a number\n# EOF\n";
        let values = parse(text);
        let found: Vec<_> = values
            .iter()
            .map(|(series, value)| (series.name.as_str(), series.labels.len(), *value))
            .collect();
        assert_eq!(
            found,
            [("a", 0, 3.0), ("b_total", 2, 4.5), ("c_bucket", 1, 7.0)]
        );
        let b = values.keys().nth(1).unwrap();
        assert_eq!(
            (b.label("reason"), b.label("other"), b.label("none")),
            ("x", "a \"b\" \\ \n}", "")
        );
    }
}
