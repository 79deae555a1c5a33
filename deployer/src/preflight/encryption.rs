//! The KMS key: a store that is there keeps its own.

use super::Finding;
use super::wanted::Wanted;

pub(super) fn look(wanted: &Wanted<'_>) -> Vec<Finding> {
    let Some(old) = wanted.old else {
        return Vec::new();
    };
    let before = |name: &str| old.parameters.get(name).map_or("", String::as_str);
    let after = |name: &str| wanted.text(name).unwrap_or_default();
    let has_store = !before("StoreNodeType").is_empty() && !after("StoreNodeType").is_empty();
    let finding = judge(has_store, before("KmsKey"), after("KmsKey"));
    let place = wanted.place("KmsKey");
    finding.into_iter().map(|one| one.at(place)).collect()
}

fn judge(has_store: bool, before: &str, after: &str) -> Option<Finding> {
    if !has_store || before == after {
        return None;
    }
    let named = |key: &str| match key {
        "" => "the key of AWS's own".to_owned(),
        key => key.to_owned(),
    };
    let message = format!(
        "the stack's Valkey has {}, and AWS cannot give it another: CloudFormation would replace \
         it, and its fixed name makes that fail, so that the whole update is rolled back",
        named(before)
    );
    let cure = match before {
        "" => "leave `kms_key` out here; an environment of another name has the key from its \
               beginning"
            .to_owned(),
        key => format!("keep `kms_key: {key}`; KMS rotates the key itself without a change here"),
    };
    Some(Finding::error("store", message, cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1";

    #[test]
    fn a_store_that_is_there_keeps_its_key() {
        assert_eq!(judge(true, "", ""), None);
        assert_eq!(judge(true, KEY, KEY), None);
        assert_eq!(judge(false, "", KEY), None);
        let named = judge(true, "", KEY).expect("a finding");
        assert!(named.message.contains("has the key of AWS's own"));
        assert!(named.cure.contains("leave `kms_key` out"));
        let taken = judge(true, KEY, "").expect("a finding");
        assert!(taken.cure.contains(&format!("keep `kms_key: {KEY}`")));
    }
}
