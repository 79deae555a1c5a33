//! The KMS key: a Valkey that is there keeps its own, and secrets may outlive a key's naming.

use super::Finding;
use super::wanted::Wanted;

/// A stack's keys before and after; empty where AWS's own encrypts.
struct Keys<'a> {
    before: &'a str,
    after: &'a str,
    /// Whether it has a Valkey and keeps it.
    has_store: bool,
    /// The secret with the backend keys.
    secret: &'a str,
}

pub(super) fn look(wanted: &Wanted<'_>) -> Vec<Finding> {
    let Some(old) = wanted.old else {
        return Vec::new();
    };
    let before = |name: &str| old.parameters.get(name).map_or("", String::as_str);
    let after = |name: &str| wanted.text(name).unwrap_or_default();
    let keys = Keys {
        before: before("KmsKey"),
        after: after("KmsKey"),
        has_store: !before("StoreNodeType").is_empty() && !after("StoreNodeType").is_empty(),
        secret: old.outputs.get("BackendKeys").map_or("ARN", String::as_str),
    };
    let place = wanted.place("KmsKey");
    let finding = judge(&keys).into_iter();
    finding.map(|one| one.at(place)).collect()
}

fn judge(keys: &Keys<'_>) -> Option<Finding> {
    if keys.before == keys.after {
        None
    } else if keys.has_store {
        Some(store(keys.before))
    } else if keys.after.is_empty() {
        Some(taken_out(keys))
    } else {
        (!keys.before.is_empty()).then(|| replaced(keys))
    }
}

/// `KmsKeyId` of a replication group: "Update requires: Replacement" (CloudFormation's reference).
fn store(before: &str) -> Finding {
    let named = match before {
        "" => "a key of AWS's own",
        key => key,
    };
    let message = format!(
        "the stack's Valkey is encrypted with {named}, and AWS cannot give it another: \
         CloudFormation would replace it, and its fixed name makes that fail, so that the whole \
         update is rolled back"
    );
    let cure = match before {
        "" => "leave `kms_key` out here; an environment of another name has the key from its \
               beginning"
            .to_owned(),
        key => format!("keep `kms_key: {key}`; KMS rotates the key itself without a change here"),
    };
    Finding::error("store", message, cure)
}

/// `UpdateSecret` without a key leaves the secret's key as it is.
fn taken_out(keys: &Keys<'_>) -> Finding {
    let message = format!(
        "`kms_key` is taken out, and the secrets may stay encrypted with {}, which tasks then may \
         not use",
        keys.before
    );
    let cure = format!(
        "before the update: `aws secretsmanager update-secret --kms-key-id \
         alias/aws/secretsmanager --secret-id {}`",
        keys.secret
    );
    Finding::warning("secrets", message, cure)
}

/// "If you don't have permission to use the previous key, existing versions are not re-encrypted"
/// (Secrets Manager, "Change the encryption key for a secret"); the update succeeds all the same.
fn replaced(keys: &Keys<'_>) -> Finding {
    let message = format!(
        "`kms_key` changes, and Secrets Manager encrypts the secrets anew only if the role that \
         deploys may decrypt with {}: else tasks that start later cannot read them",
        keys.before
    );
    let cure = format!(
        "deploy that role's stack with `KmsKeys={},{}` before; `deployer redeploy` afterwards shows \
         that tasks start",
        keys.before, keys.after
    );
    Finding::warning("secrets", message, cure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1";

    fn found(has_store: bool, before: &str, after: &str) -> Option<Finding> {
        judge(&Keys {
            before,
            after,
            has_store,
            secret: "backend",
        })
    }

    #[test]
    fn a_store_that_is_there_keeps_its_key() {
        assert_eq!(found(true, "", ""), None);
        assert_eq!(found(true, KEY, KEY), None);
        let named = found(true, "", KEY).expect("a finding");
        assert_eq!(named.level, Level::Error);
        assert!(named.message.contains("encrypted with a key of AWS's own"));
        assert!(named.cure.contains("leave `kms_key` out"));
        let taken = found(true, KEY, "").expect("a finding");
        assert!(taken.cure.contains(&format!("keep `kms_key: {KEY}`")));
    }

    #[test]
    fn without_a_store_the_key_changes_and_is_not_taken_out_unnoticed() {
        assert_eq!(found(false, "", KEY), None);
        let replaced = found(false, KEY, "other").expect("a finding");
        assert_eq!(replaced.level, Level::Warning);
        let both = format!("KmsKeys={KEY},other");
        assert!(replaced.cure.contains(&both), "{replaced:?}");
        let taken = found(false, KEY, "").expect("a finding");
        assert_eq!(taken.level, Level::Warning);
        assert!(taken.message.contains(KEY), "{taken:?}");
        assert!(taken.cure.ends_with("--secret-id backend`"), "{taken:?}");
    }
}
