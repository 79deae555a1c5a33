//! The bucket for templates that are too long for the call: whether it is there, in the region.

use super::{Finding, Looked, unseen};
use crate::aws::{Clients, Location};
use crate::loaded_environment::Loaded;

const SUBJECT: &str = "bucket of the templates";

pub(super) async fn look(clients: &Clients, loaded: &Loaded) -> Looked {
    let Some(bucket) = &loaded.options.artifacts else {
        return Ok(Vec::new());
    };
    let found = clients.bucket(bucket).await;
    let found = found.map_err(unseen(SUBJECT, "s3:GetBucketLocation"))?;
    let region = loaded.region.as_deref().unwrap_or_default();
    Ok(judge(&found, bucket, region).into_iter().collect())
}

fn judge(found: &Location, bucket: &str, region: &str) -> Option<Finding> {
    let correct = "correct `artifacts.bucket`";
    let (message, cure) = match found {
        Location::Region(there) if there == region => return None,
        Location::Missing => (
            format!("there is no bucket {bucket}"),
            format!("`aws s3 mb s3://{bucket} --region {region}` makes it, or {correct}"),
        ),
        Location::Region(there) => (
            format!("the bucket {bucket} is in {there}, and the stack in {region}"),
            format!("name one in {region}: CloudFormation reads templates of its own region"),
        ),
        Location::Elsewhere => (
            format!("the bucket {bucket} is not in {region}, where the stack is"),
            format!("name one in {region}: CloudFormation reads templates of its own region"),
        ),
    };
    Some(Finding::error(SUBJECT, message, cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_is_in_the_stacks_region() {
        let told = |found: Location| judge(&found, "b-1", "eu-west-1").map(|one| one.message);
        let region = |name: &str| Location::Region(name.to_owned());
        assert_eq!(told(region("eu-west-1")), None);
        let other = told(region("us-east-1")).expect("a finding");
        assert!(other.contains("is in us-east-1"), "{other}");
        assert!(told(Location::Missing).is_some() && told(Location::Elsewhere).is_some());
    }
}
