//! Templates that are too long to be sent with the call: they lie in a bucket of S3, from which
//! CloudFormation reads them with the caller's permissions.

use super::signed::{S3, Xml};
use super::{Clients, Error, Kind};

/// Where a bucket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In this region.
    Region(String),
    /// Nowhere.
    Missing,
    /// In another region than the one that was asked.
    Elsewhere,
}

impl Clients {
    /// Where a bucket is.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn bucket(&self, bucket: &str) -> Result<Location, Error> {
        let what = "look for the bucket of the templates";
        let path = format!("/{bucket}?location");
        match self.signed.get(&S3, "GetBucketLocation", what, path).await {
            Ok(answer) => Ok(Location::Region(region(&answer))),
            Err(error) => match error.code() {
                Some("NoSuchBucket") => Ok(Location::Missing),
                Some(
                    "AuthorizationHeaderMalformed"
                    | "IllegalLocationConstraintException"
                    | "PermanentRedirect",
                ) => Ok(Location::Elsewhere),
                _ => Err(error),
            },
        }
    }

    /// Puts a template into a bucket of the clients' region. Gives back the URL by which
    /// CloudFormation reads it.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn put_template(
        &self,
        bucket: &str,
        key: &str,
        template: &str,
    ) -> Result<String, Error> {
        let path = format!("/{bucket}/{key}");
        let url = format!("{}{path}", self.signed.endpoint(&S3));
        let what = "put the template into its bucket";
        let object = (path, template.to_owned());
        let put = self.signed.put(&S3, "PutObject", what, object).await;
        put.map_err(|error| match error.kind() {
            Kind::Denied => Error::Call {
                what,
                reason: format!("the role lacks s3:PutObject on {bucket}/{key}, or the bucket's policy forbids it"),
                code: error.code().map(str::to_owned),
                kind: Kind::Denied,
            },
            _ => error,
        })?;
        Ok(url)
    }
}

/// The region that an answer names; the first one has no name in it, and another an old one
/// ("GetBucketLocation", S3 API reference).
fn region(answer: &str) -> String {
    let document = Xml::parse(answer);
    let named = document.as_ref().ok();
    let named = named.and_then(|document| document.root_element().text());
    match named.unwrap_or_default().trim() {
        "" => "us-east-1",
        "EU" => "eu-west-1",
        region => region,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_says_where_it_is() {
        let said = |region: &str| {
            format!(
                "<?xml version=\"1.0\"?><LocationConstraint \
                 xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{region}</LocationConstraint>"
            )
        };
        assert_eq!(region(&said("eu-central-1")), "eu-central-1");
        assert_eq!(region(&said("EU")), "eu-west-1");
        assert_eq!(region(&said("")), "us-east-1");
    }
}
