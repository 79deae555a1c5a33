//! Certificates of ACM.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::signed::ACM;
use super::{Clients, Error, Kind};

/// A certificate as ACM has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// `ISSUED`, `PENDING_VALIDATION`, `EXPIRED` and so on.
    pub status: String,
    /// The names that it is for, some with `*` as their first label.
    pub names: Vec<String>,
    /// Until when it is valid; none before it is issued.
    pub until: Option<SystemTime>,
    /// Whether ACM renews it by itself.
    pub renews: bool,
}

impl Clients {
    /// A certificate by its ARN; none where there is none.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn certificate(&self, arn: &str) -> Result<Option<Certificate>, Error> {
        let what = "read the certificate";
        let body = json!({ "CertificateArn": arn });
        let answer = self.signed.json(&ACM, "DescribeCertificate", what, &body);
        match answer.await {
            Ok(answer) => Ok(Some(certificate(&answer["Certificate"]))),
            Err(error) if error.kind() == Kind::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn certificate(found: &Value) -> Certificate {
    let names = found["SubjectAlternativeNames"].as_array();
    let names = names.into_iter().flatten().chain([&found["DomainName"]]);
    let mut names: Vec<_> = names.filter_map(Value::as_str).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    let until = found["NotAfter"].as_f64();
    let until = until.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Certificate {
        status: found["Status"].as_str().unwrap_or_default().to_owned(),
        names,
        until: until.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since)),
        renews: found["RenewalEligibility"] == "ELIGIBLE",
    }
}
