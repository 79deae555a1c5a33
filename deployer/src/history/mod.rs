//! What a stack ran before: the way back. CloudFormation keeps the current template alone, so each
//! deployment carries the one that it replaces, in a comment at the end of its own template. It
//! needs no bucket, outlives the machine that deployed, and is always in step with the stack: an
//! update that is rolled back takes its comment along. The comment has the difference from the
//! template that carries it, so that large templates have room for it.

mod difference;
mod origin;

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use difference::{Edit, applied, edits};
pub use origin::Origin;

/// What CloudFormation takes of a template that lies in no bucket, in bytes ("CloudFormation
/// quotas").
pub const LARGEST_TEMPLATE: usize = 51_200;
/// What it takes of one at all, in bytes: no record unpacks to much more.
const LARGEST_RECORD: u64 = 2_000_000;
/// How the comment begins.
const MARK: &str = "# What ran before, for `deployer rollback` (JSON, gzip, base64): ";

/// A deployment as it can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviousDeployment {
    /// The template's text, without a record of its own; none where it is that of the deployment
    /// that carries this.
    template: Option<String>,
    /// The parameters; the values of secret ones are `****`.
    pub parameters: IndexMap<String, String>,
    /// Who deployed it, when and from which commit, as far as it said so.
    pub origin: Option<Origin>,
}

/// A deployment as a comment has it.
#[derive(Serialize, Deserialize)]
struct Record {
    /// None where it is that of the deployment that carries this.
    template: Option<Kept>,
    parameters: IndexMap<String, String>,
    #[serde(default)]
    origin: Option<Origin>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    /// As earlier builds wrote it.
    Whole(String),
    /// What makes it out of the template that carries this, and the CRC-32 of what it makes: who
    /// edits the template by hand leaves the comment as it is.
    Edits { edits: Vec<Edit>, crc: u32 },
}

/// Why a deployment carries no record of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unkept {
    /// The template leaves no room for it.
    #[error("the template is too large to carry what ran before: {0} bytes of {1}")]
    TooLarge(usize, usize),
    /// JSON has no comments.
    #[error("a template in JSON cannot carry what ran before; one in YAML can")]
    Json,
}

impl PreviousDeployment {
    /// The deployment that is live: its template as CloudFormation has it, and its parameters.
    #[must_use]
    pub fn new(live_template: &str, parameters: IndexMap<String, String>) -> Self {
        Self {
            template: Some(without_record(live_template).to_owned()),
            parameters,
            origin: Origin::of(live_template),
        }
    }

    /// The template to go back to; `live` is the template that carried this, as CloudFormation has
    /// it.
    #[must_use]
    pub fn template<'a>(&'a self, live: &'a str) -> &'a str {
        self.template
            .as_deref()
            .unwrap_or_else(|| without_record(live))
    }

    /// What it was, in a line: its image, and who deployed it, when and from which commit, as far
    /// as it says so.
    #[must_use]
    pub fn summary(&self) -> String {
        let origin = self.origin.as_ref();
        let parts = [
            self.parameters.get("Image").cloned(),
            origin.map(|origin| format!("deployed at {}", origin.at)),
            origin.map(|origin| format!("by {}", origin.by)),
            origin
                .and_then(|origin| origin.commit.as_ref())
                .map(|commit| format!("from commit {commit}")),
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
        let (_, record) = live_template.rsplit_once(MARK)?;
        let record = unpacked(record.lines().next()?)?;
        let template = match record.template {
            None => None,
            Some(Kept::Whole(template)) => Some(template),
            Some(Kept::Edits { edits, crc }) => {
                let made = applied(without_record(live_template), &edits)?;
                Some(made).filter(|made| crc_of(made) == crc).map(Some)?
            }
        };
        Some(Self {
            template,
            parameters: record.parameters,
            origin: record.origin,
        })
    }
}

/// A live template as it was written: without what it says of itself and of what ran before.
#[must_use]
pub fn without_record(live_template: &str) -> &str {
    let marks = [origin::MARK, MARK].into_iter();
    let begins = marks.filter_map(|mark| live_template.rfind(mark)).min();
    &live_template[..begins.unwrap_or(live_template.len())]
}

/// The template that is about to be applied, with where it comes from and what ran before it, as
/// far as it can carry that.
///
/// The second part says why it cannot carry what ran before: the deployment can go on, but has no
/// way back by itself. `largest` is the longest template that can be sent, in bytes.
#[must_use]
pub fn carrying(
    template: &str,
    origin: &Origin,
    previous: Option<PreviousDeployment>,
    largest: usize,
) -> (String, Option<Unkept>) {
    let template = without_record(template);
    if template.trim_start().starts_with('{') {
        return (template.to_owned(), previous.map(|_| Unkept::Json));
    }
    let with_origin = format!("{template}{}{}", line_end(template), origin.comment());
    let fits = |text: &String| text.len() <= largest;
    let Some(previous) = previous else {
        let carrying = Some(with_origin).filter(fits);
        return (carrying.unwrap_or_else(|| template.to_owned()), None);
    };
    // The template as it is read back has an end of line.
    let carrier = without_record(&with_origin);
    let before = previous.template.filter(|before| before != template);
    let record = Record {
        template: before.map(|before| Kept::Edits {
            edits: edits(carrier, &before),
            crc: crc_of(&before),
        }),
        parameters: previous.parameters,
        origin: previous.origin,
    };
    let whole = format!("{with_origin}{MARK}{}\n", packed(&record));
    if fits(&whole) {
        return (whole, None);
    }
    let size = Some(Unkept::TooLarge(whole.len(), largest));
    let carrying = Some(with_origin).filter(fits);
    (carrying.unwrap_or_else(|| template.to_owned()), size)
}

fn crc_of(text: &str) -> u32 {
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    crc.sum()
}

fn line_end(text: &str) -> &'static str {
    if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    }
}

fn packed(record: &Record) -> String {
    let json = serde_json::json!(record).to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory does not fail; were it to, the record would be empty and read as none.
    let bytes = gzip
        .write_all(json.as_bytes())
        .and_then(|()| gzip.finish())
        .unwrap_or_default();
    STANDARD.encode(bytes)
}

fn unpacked(record: &str) -> Option<Record> {
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

    fn origin() -> Origin {
        Origin::now(
            "arn:aws:iam::1:user/a".to_owned(),
            Some("abc".to_owned()),
            true,
        )
    }

    fn previous(template: &str) -> PreviousDeployment {
        PreviousDeployment::new(template, map(&[("Image", "drops:1")]))
    }

    fn carried(previous: PreviousDeployment, template: &str) -> String {
        let (carrying, unkept) = carrying(template, &origin(), Some(previous), LARGEST_TEMPLATE);
        assert_eq!(unkept, None);
        carrying
    }

    #[test]
    fn what_ran_before_comes_back_whole() {
        let old = "Resources: { A: { Type: 'AWS::SNS::Topic' } }\n";
        let (first, _) = carrying(old, &origin(), None, LARGEST_TEMPLATE);
        assert_eq!(Origin::of(&first), Some(origin()));
        assert_eq!(PreviousDeployment::of(&first), None);
        let live = carried(previous(&first), "Resources: {}\n");
        assert!(
            live.starts_with("Resources: {}\n# Where this deployment comes from"),
            "{live}"
        );
        assert_eq!(without_record(&live), "Resources: {}\n");
        let found = PreviousDeployment::of(&live).expect("it is carried");
        assert_eq!(found.template(&live), old);
        assert_eq!(found.parameters["Image"], "drops:1");
        let at = origin().at;
        assert_eq!(
            found.summary(),
            format!("drops:1, deployed at {at}, by arn:aws:iam::1:user/a, from commit abc")
        );
    }

    #[test]
    fn the_same_template_is_kept_once() {
        let written =
            std::fs::read_to_string("../cloudformation/service.yaml").expect("it is there");
        // As it is sent.
        let lines = written.split_inclusive('\n');
        let template: String = lines
            .filter(|line| !line.trim_start().starts_with('#'))
            .collect();
        let same = carried(previous(&template), &template);
        assert!(same.len() < template.len() + 600, "{}", same.len());
        let found = PreviousDeployment::of(&same).expect("it is carried");
        assert_eq!(found.template(&same), template);
        // Of another one the difference is carried.
        let older = template.replace("Timeout", "Time");
        let other = carried(previous(&older), &template);
        assert!(other.len() < template.len() + 3000, "{}", other.len());
        let found = PreviousDeployment::of(&other).expect("it is carried");
        assert_eq!(found.template(&other), older);
    }

    #[test]
    fn a_template_that_was_edited_by_hand_brings_nothing_back() {
        let live = carried(
            previous("Resources:\n  A: 1\n  B: 2\n"),
            "Resources:\n  A: 1\n  B: 3\n",
        );
        assert!(PreviousDeployment::of(&live).is_some());
        for edited in [format!("# by hand\n{live}"), live.replace("A: 1", "A: 9")] {
            assert_eq!(PreviousDeployment::of(&edited), None, "{edited}");
        }
    }

    #[test]
    fn a_record_of_an_earlier_build_is_read() {
        let record = Record {
            template: Some(Kept::Whole("Resources: { Old: {} }".to_owned())),
            parameters: map(&[]),
            origin: None,
        };
        let live = format!("Resources: {{}}\n{MARK}{}\n", packed(&record));
        let found = PreviousDeployment::of(&live).expect("it is carried");
        assert_eq!(found.template(&live), "Resources: { Old: {} }");
    }

    #[test]
    fn only_one_step_is_carried() {
        let first = carried(
            previous("Resources: { First: {} }"),
            "Resources: { Second: {} }",
        );
        let second = PreviousDeployment::new(&first, map(&[]));
        let third = carried(second, "Resources: { Third: {} }");
        assert_eq!(third.matches(MARK).count(), 1);
        let found = PreviousDeployment::of(&third).expect("it is carried");
        assert_eq!(found.template(&third), "Resources: { Second: {} }\n");
        // Applied again, a live template carries no old record along.
        let again = carried(previous("Resources: {}"), &third);
        assert_eq!(again.matches(MARK).count(), 1);
        assert_eq!(again.matches(origin::MARK).count(), 1);
    }

    #[test]
    fn what_cannot_be_carried_is_said() {
        let json = " { \"Resources\": {} }";
        assert_eq!(
            carrying(json, &origin(), Some(previous("")), LARGEST_TEMPLATE),
            (json.to_owned(), Some(Unkept::Json))
        );
        let large = "x".repeat(LARGEST_TEMPLATE);
        let (sent, unkept) = carrying(&large, &origin(), Some(previous("")), LARGEST_TEMPLATE);
        assert!(sent == large && matches!(unkept, Some(Unkept::TooLarge(..))));
        for odd in ["Resources: {}", &format!("{MARK}AAAA"), &format!("{MARK}!")] {
            assert_eq!(PreviousDeployment::of(odd), None, "{odd}");
            assert_eq!(Origin::of(odd), None, "{odd}");
        }
    }
}
