//! The certificate: whether it is there, in the region, valid, and for the domain.

use std::time::{Duration, SystemTime};

use super::wanted::Wanted;
use super::{Finding, Looked, Unseen, unseen};
use crate::aws::{Certificate, Clients};

const SUBJECT: &str = "certificate";
/// How long before its end a certificate that nobody renews is worth a word.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) async fn look(clients: &Clients, wanted: &Wanted<'_>) -> Looked {
    let Some(arn) = wanted.text("Certificate") else {
        return Ok(Vec::new());
    };
    let place = wanted.place("Certificate");
    let parts: Vec<_> = arn.split(':').collect();
    let misplaced = match parts[..] {
        [_, _, "acm", region, account, _] => elsewhere(region, account, wanted),
        [_, _, "iam", ..] => return Err(Unseen::new(SUBJECT, "it is one of IAM's, not of ACM's")),
        _ => Some((
            format!("`{arn}` is no ARN of a certificate"),
            "`aws acm list-certificates` shows those that there are".to_owned(),
        )),
    };
    if let Some((message, cure)) = misplaced {
        return Ok(vec![Finding::error(SUBJECT, message, cure).at(place)]);
    }
    let found = clients.certificate(arn).await;
    let found = found.map_err(unseen(SUBJECT, "acm:DescribeCertificate"))?;
    let mut findings = judge(found.as_ref(), arn, wanted.text("Domain"), wanted.now);
    let api = wanted
        .text("ApiDomain")
        .filter(|_| wanted.has_internal_api());
    if let (Some(found), Some(domain)) = (&found, api)
        && !found.names.iter().any(|name| covers(name, domain))
    {
        findings.push(uncovered(found, domain, "api_domain"));
    }
    Ok(findings.into_iter().map(|one| one.at(place)).collect())
}

/// What is wrong with where a certificate is, and what to do.
fn elsewhere(region: &str, account: &str, wanted: &Wanted<'_>) -> Option<(String, String)> {
    let (where_to, owner) = (wanted.region, wanted.account);
    if region != where_to {
        return Some((
            format!("the certificate is in {region}, and the load balancer in {where_to}"),
            format!("request it in {where_to} too; ACM copies none"),
        ));
    }
    (account != owner).then(|| {
        (
            format!("the certificate is of account {account}, and the credentials of {owner}"),
            "request one in the account of the load balancer".to_owned(),
        )
    })
}

fn judge(
    found: Option<&Certificate>,
    arn: &str,
    domain: Option<&str>,
    now: SystemTime,
) -> Vec<Finding> {
    let Some(found) = found else {
        let message = format!("there is no certificate {arn} in this account");
        let cure = "`aws acm list-certificates` shows those that there are";
        return vec![Finding::error(SUBJECT, message, cure)];
    };
    let mut findings = Vec::new();
    match found.status.as_str() {
        "ISSUED" => {}
        "PENDING_VALIDATION" => findings.push(Finding::error(
            SUBJECT,
            "the certificate is not issued yet: its validation is pending",
            "create the DNS records that `aws acm describe-certificate` shows, and wait for ISSUED",
        )),
        other => findings.push(Finding::error(
            SUBJECT,
            format!("the certificate is {other}, not ISSUED"),
            "request another one, and put its ARN here",
        )),
    }
    let left = found.until.map(|until| until.duration_since(now));
    match left {
        Some(Err(_)) => findings.push(Finding::error(
            SUBJECT,
            "the certificate has expired",
            "request or import another one, and put its ARN here",
        )),
        Some(Ok(left)) if left < SOON && !found.renews => findings.push(Finding::warning(
            SUBJECT,
            format!(
                "the certificate expires in {} days, and ACM does not renew it",
                left.as_secs() / 86_400
            ),
            "import its successor, or request one of ACM's with validation by DNS",
        )),
        _ => {}
    }
    if let Some(domain) = domain
        && !found.names.iter().any(|name| covers(name, domain))
    {
        findings.push(uncovered(found, domain, "domain"));
    }
    findings
}

fn uncovered(found: &Certificate, domain: &str, setting: &str) -> Finding {
    let names = found.names.join(", ");
    let message = format!("the certificate is for {names}, and not for {domain}");
    let cure = format!("request one for {domain}, or correct `{setting}`");
    Finding::error(SUBJECT, message, cure)
}

/// Whether a certificate's name is for a host: `*` stands for exactly one label (RFC 6125).
fn covers(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_lowercase(), host.to_lowercase());
    match name.strip_prefix("*.") {
        None => name == host,
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(label, parent)| !label.is_empty() && parent == rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    const DAY: Duration = Duration::from_secs(86_400);

    fn issued(names: &[&str], days: u32) -> Certificate {
        Certificate {
            status: "ISSUED".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            until: Some(SystemTime::UNIX_EPOCH + DAY * days),
            renews: false,
        }
    }

    fn found(certificate: Option<&Certificate>) -> Vec<(Level, String)> {
        let now = SystemTime::UNIX_EPOCH + DAY * 100;
        let findings = judge(certificate, "arn:x", Some("drops.example.com"), now);
        let told = findings.into_iter().map(|one| (one.level, one.message));
        told.collect()
    }

    #[test]
    fn a_certificate_that_fits_is_fine() {
        assert_eq!(found(Some(&issued(&["drops.example.com"], 300))), []);
        assert_eq!(found(Some(&issued(&["*.example.com"], 300))), []);
        let renewed = Certificate {
            renews: true,
            ..issued(&["*.Example.com"], 110)
        };
        assert_eq!(found(Some(&renewed)), []);
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_certificate_is_told() {
        let status = |status: &str| Certificate {
            status: status.to_owned(),
            ..issued(&["drops.example.com"], 300)
        };
        let cases = [
            (None, "there is no certificate arn:x"),
            (
                Some(status("PENDING_VALIDATION")),
                "its validation is pending",
            ),
            (Some(status("REVOKED")), "is REVOKED, not ISSUED"),
            (Some(issued(&["drops.example.com"], 99)), "has expired"),
            (
                Some(issued(&["*.drops.example.com"], 300)),
                "not for drops.example.com",
            ),
            (
                Some(issued(&["example.com", "*.com"], 300)),
                "is for example.com, *.com",
            ),
        ];
        for (certificate, words) in cases {
            let told = found(certificate.as_ref());
            assert_eq!(told.len(), 1, "{told:?}");
            assert_eq!(told[0].0, Level::Error);
            assert!(told[0].1.contains(words), "{told:?}");
        }
        let ending = found(Some(&issued(&["drops.example.com"], 110)));
        assert_eq!(ending[0].0, Level::Warning);
        assert!(ending[0].1.contains("expires in 10 days"), "{ending:?}");
    }
}
