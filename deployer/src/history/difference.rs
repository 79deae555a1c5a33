//! A text as its difference from another one, by lines.

use serde::{Deserialize, Serialize};
use similar::{DiffOp, TextDiff};

/// What is done with the next lines of the other text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Edit {
    /// So many are taken.
    Keep(usize),
    /// So many are left out.
    Skip(usize),
    /// These are put in.
    Add(String),
}

/// What makes `text` out of `other`.
pub(super) fn edits(other: &str, text: &str) -> Vec<Edit> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let others: Vec<&str> = other.split_inclusive('\n').collect();
    let difference = TextDiff::from_slices(&others, &lines);
    let added = |from: usize, count: usize| Edit::Add(lines[from..from + count].concat());
    let edits = difference
        .ops()
        .iter()
        .flat_map(|operation| match *operation {
            DiffOp::Equal { len, .. } => vec![Edit::Keep(len)],
            DiffOp::Delete { old_len, .. } => vec![Edit::Skip(old_len)],
            DiffOp::Insert {
                new_index, new_len, ..
            } => vec![added(new_index, new_len)],
            DiffOp::Replace {
                old_len,
                new_index,
                new_len,
                ..
            } => vec![Edit::Skip(old_len), added(new_index, new_len)],
        });
    edits.collect()
}

/// The text that `edits` make out of `other`; none where they are not of this text.
pub(super) fn applied(other: &str, edits: &[Edit]) -> Option<String> {
    let mut lines = other.split_inclusive('\n');
    let mut text = String::new();
    for edit in edits {
        match edit {
            Edit::Keep(count) => {
                for _ in 0..*count {
                    text.push_str(lines.next()?);
                }
            }
            Edit::Skip(count) => {
                for _ in 0..*count {
                    lines.next()?;
                }
            }
            Edit::Add(lines) => text.push_str(lines),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_difference_is_small_and_of_one_text_alone() {
        let (old, new) = ("a\nb\nc\nd\n", "a\nB\nc\nd");
        let found = edits(new, old);
        assert_eq!(applied(new, &found).as_deref(), Some(old));
        assert_eq!(applied("a\n", &found), None);
    }

    proptest! {
        #[test]
        fn every_text_comes_back(old in "([ab\r]{0,2}\n?){0,12}", new in "([ab\r]{0,2}\n?){0,12}") {
            let edits = edits(&new, &old);
            prop_assert_eq!(applied(&new, &edits), Some(old));
        }
    }
}
