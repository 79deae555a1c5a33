//! What a stack ran before: the way back. CloudFormation keeps the current template alone, so each
//! deployment carries the one that it replaces, in a comment at the end of its own template. It
//! needs no bucket, outlives the machine that deployed, and is always in step with the stack: an
//! update that is rolled back takes its comment along.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What CloudFormation takes of a template that lies in no bucket, in bytes ("CloudFormation
/// quotas").
pub const LARGEST_TEMPLATE: usize = 51_200;
/// What it takes of one at all, in bytes: no record unpacks to much more.
const LARGEST_RECORD: u64 = 2_000_000;
/// How the comment begins.
const MARK: &str = "# What ran before, for `deployer rollback` (JSON, gzip, base64): ";

/// A deployment as it can be brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousDeployment {
    /// The template's text, without a record of its own; none where it is that of the deployment
    /// that carries this.
    template: Option<String>,
    /// The parameters; the values of secret ones are `****`.
    pub parameters: IndexMap<String, String>,
    /// The stack's tags: who deployed it, when and from which commit.
    pub tags: IndexMap<String, String>,
}

/// Why a deployment carries no record of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    /// The template leaves no room for it.
    #[error("the template is too large to carry what ran before: {0} bytes of {LARGEST_TEMPLATE}")]
    TooLarge(usize),
    /// JSON has no comments.
    #[error("a template in JSON cannot carry what ran before; one in YAML can")]
    Json,
}

impl PreviousDeployment {
    /// The deployment that is live: its template as CloudFormation has it, its parameters and tags.
    #[must_use]
    pub fn new(
        live_template: &str,
        parameters: IndexMap<String, String>,
        tags: IndexMap<String, String>,
    ) -> Self {
        let (template, _) = split(live_template);
        Self {
            template: Some(template.to_owned()),
            parameters,
            tags,
        }
    }

    /// The template to go back to; `live` is the template that carried this, as CloudFormation has
    /// it.
    #[must_use]
    pub fn template<'a>(&'a self, live: &'a str) -> &'a str {
        self.template.as_deref().unwrap_or_else(|| split(live).0)
    }

    /// The template that is about to be applied, with this as what ran before.
    ///
    /// # Errors
    /// There is no way to carry it: the deployment can go on, but has no way back by itself.
    pub fn carried_by(mut self, template: &str) -> Result<String, Unkept> {
        let (template, _) = split(template);
        if template.trim_start().starts_with('{') {
            return Err(Unkept::Json);
        }
        if self.template.as_deref() == Some(template) {
            self.template = None;
        }
        let carrying = format!("{template}{}{MARK}{}\n", line_end(template), packed(&self));
        if carrying.len() > LARGEST_TEMPLATE {
            return Err(Unkept::TooLarge(carrying.len()));
        }
        Ok(carrying)
    }

    /// What it was, in a line: its image, and who deployed it, when and from which commit, as far
    /// as it says so.
    #[must_use]
    pub fn summary(&self) -> String {
        let tag = |name: &str| self.tags.get(&format!("holdfast:{name}")).cloned();
        let words = |words: &'static str| move |value: String| format!("{words} {value}");
        let parts = [
            self.parameters
                .get("Image")
                .cloned()
                .or_else(|| tag("image")),
            tag("deployed-at").map(words("deployed at")),
            tag("deployed-by").map(words("by")),
            tag("commit").map(words("from commit")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return "a deployment that says nothing of itself".to_owned();
        }
        parts.join(", ")
    }

    /// What a live template says ran before; none where it carries nothing that can be read.
    #[must_use]
    pub fn of(live_template: &str) -> Option<Self> {
        let (_, record) = split(live_template);
        unpacked(record?)
    }
}

/// A live template without what ran before: as it was written.
#[must_use]
pub fn without_record(live_template: &str) -> &str {
    split(live_template).0
}

/// A template without its record, and the record.
fn split(template: &str) -> (&str, Option<&str>) {
    match template.rsplit_once(MARK) {
        Some((before, record)) => (before, Some(record.trim_end())),
        None => (template, None),
    }
}

fn line_end(text: &str) -> &'static str {
    if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    }
}

fn packed(previous: &PreviousDeployment) -> String {
    let json = serde_json::json!(previous).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; were it to, the record would be empty and read as none.
    let bytes = gzip
        .write_all(json.as_bytes())
        .and_then(|()| gzip.finish())
        .unwrap_or_default();
    STANDARD.encode(bytes)
}

fn unpacked(record: &str) -> Option<PreviousDeployment> {
    let bytes = STANDARD.decode(record).ok()?;
    let mut json = Vec::new();
    let mut reader = GzDecoder::new(bytes.as_slice()).take(LARGEST_RECORD);
    reader.read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> IndexMap<String, String> {
        let owned = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    fn previous(template: &str) -> PreviousDeployment {
        PreviousDeployment::new(
            template,
            map(&[("Image", "drops:1")]),
            map(&[("holdfast:commit", "abc")]),
        )
    }

    #[test]
    fn what_ran_before_comes_back_whole() {
        let old = "Resources: { A: { Type: 'AWS::SNS::Topic' } }\n";
        let live = previous(old)
            .carried_by("Resources: {}\n")
            .expect("it is small");
        assert!(
            live.starts_with("Resources: {}\n# What ran before"),
            "{live}"
        );
        let found = PreviousDeployment::of(&live).expect("it is carried");
        assert_eq!(found.template(&live), old);
        assert_eq!(found.parameters["Image"], "drops:1");
        assert_eq!(found.tags["holdfast:commit"], "abc");
        assert_eq!(found.summary(), "drops:1, from commit abc");
    }

    #[test]
    fn the_same_template_is_kept_once() {
        let template =
            std::fs::read_to_string("../cloudformation/service.yaml").expect("it is there");
        let same = previous(&template)
            .carried_by(&template)
            .expect("there is room");
        assert!(same.len() < template.len() + 400, "{}", same.len());
        let found = PreviousDeployment::of(&same).expect("it is carried");
        assert_eq!(found.template(&same), template);
        // Another one is carried whole, and there is room for it in the template that we ship.
        let other = previous(&format!("# older\n{template}")).carried_by(&template);
        let other = other.expect("there is room");
        assert!(other.len() < LARGEST_TEMPLATE * 9 / 10, "{}", other.len());
    }

    #[test]
    fn only_one_step_is_carried() {
        let first = previous("Resources: { First: {} }").carried_by("Resources: { Second: {} }");
        let second = PreviousDeployment::new(&first.expect("it is small"), map(&[]), map(&[]));
        let third = second
            .carried_by("Resources: { Third: {} }")
            .expect("it is small");
        assert_eq!(third.matches(MARK).count(), 1);
        let found = PreviousDeployment::of(&third).expect("it is carried");
        assert_eq!(found.template(&third), "Resources: { Second: {} }\n");
        // Applied again, a live template carries no old record along.
        let again = previous("Resources: {}")
            .carried_by(&third)
            .expect("it is small");
        assert_eq!(again.matches(MARK).count(), 1);
    }

    #[test]
    fn what_cannot_be_carried_is_said() {
        assert_eq!(
            previous("").carried_by(" { \"Resources\": {} }"),
            Err(Unkept::Json)
        );
        let large = "x".repeat(LARGEST_TEMPLATE);
        assert!(matches!(
            previous("").carried_by(&large),
            Err(Unkept::TooLarge(_))
        ));
        for odd in ["Resources: {}", &format!("{MARK}AAAA"), &format!("{MARK}!")] {
            assert_eq!(PreviousDeployment::of(odd), None, "{odd}");
        }
    }
}
