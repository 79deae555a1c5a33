//! The links between the pages of this repository: every file and anchor that they name exists.

use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::docs::book;
use crate::markdown::anchor;

/// Checks the links of the book, the README and the other pages at the root: a line for each
/// broken one. Links to other sites are not followed.
///
/// # Errors
/// When a page cannot be read.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let link = Regex::new(r"\]\(([^)\s]+)\)")?;
    let mut mistakes = Vec::new();
    for page in pages(root)? {
        let text = fs::read_to_string(&page)?;
        for (number, line) in prose(&text) {
            for target in link.captures_iter(line).map(|found| found[1].to_owned()) {
                if let Some(why) = broken(&page, &text, &target) {
                    mistakes.push(format!("{}:{number}: {target}: {why}", page.display()));
                }
            }
        }
    }
    Ok(mistakes)
}

/// The pages of the book and those at the repository's root.
///
/// # Errors
/// When a directory cannot be read.
pub fn pages(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    collect(&book(root), &mut pages)?;
    for page in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        pages.push(root.join(page));
    }
    Ok(pages)
}

/// All pages of Markdown below a directory.
fn collect(directory: &Path, pages: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// The numbered lines of a page outside of its blocks of code.
pub fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines()
        .enumerate()
        .filter(move |(_, line)| {
            let fence = line.trim_start().starts_with("```");
            code ^= fence;
            !code && !fence
        })
        .map(|(index, line)| (index + 1, line))
}

/// Why a link leads nowhere; nothing where it leads somewhere.
fn broken(page: &Path, text: &str, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
    let other = page.parent()?.join(file);
    let text = match file {
        "" => text.to_owned(),
        _ if !other.exists() => return Some("no such file"),
        _ if fragment.is_empty() => return None,
        _ => fs::read_to_string(&other).unwrap_or_default(),
    };
    let known = prose(&text)
        .filter_map(|(_, line)| line.strip_prefix('#'))
        .any(|heading| anchor(heading.trim_start_matches('#')) == fragment);
    (!known).then_some("no such heading")
}
