//! The hosted zone: whether it is there, and the domain within it.

use super::wanted::Wanted;
use super::{Finding, Looked, unseen};
use crate::aws::{Clients, Zone};

const SUBJECT: &str = "hosted zone";

pub(super) async fn look(clients: &Clients, wanted: &Wanted<'_>) -> Looked {
    let Some(id) = wanted.text("HostedZone") else {
        return Ok(Vec::new());
    };
    let place = wanted.place("HostedZone");
    let Some(domain) = wanted.text("Domain") else {
        let message = "a hosted zone is named and no domain, so that no record is made";
        let finding = Finding::warning(SUBJECT, message, "name `domain`, or leave the zone out");
        return Ok(vec![finding.at(place)]);
    };
    let found = clients.zone(id).await;
    let found = found.map_err(unseen(SUBJECT, "route53:GetHostedZone"))?;
    let mut findings = Vec::from_iter(judge(found.as_ref(), id, domain));
    let api = wanted
        .text("ApiDomain")
        .filter(|_| wanted.has_internal_api());
    if let (Some(api), Some(zone)) = (api, &found)
        && !is_within(api, zone)
    {
        findings.push(outside(api, zone, "api_domain"));
    }
    Ok(findings.into_iter().map(|one| one.at(place)).collect())
}

fn judge(found: Option<&Zone>, id: &str, domain: &str) -> Option<Finding> {
    let Some(zone) = found else {
        return Some(Finding::error(
            SUBJECT,
            format!("there is no hosted zone {id} in this account"),
            "`aws route53 list-hosted-zones` shows those that there are; leave it out where the \
             domain's records are elsewhere",
        ));
    };
    if !is_within(domain, zone) {
        return Some(outside(domain, zone, "domain"));
    }
    zone.private.then(|| {
        Finding::warning(
            SUBJECT,
            format!(
                "the hosted zone {} is private: clients elsewhere do not find {domain}",
                zone.name
            ),
            "name the public zone of the domain, unless all clients are within its networks",
        )
    })
}

fn is_within(domain: &str, zone: &Zone) -> bool {
    // DNS knows no case.
    let (host, name) = (domain.to_lowercase(), zone.name.to_lowercase());
    host == name || host.ends_with(&format!(".{name}"))
}

fn outside(domain: &str, zone: &Zone, setting: &str) -> Finding {
    let message = format!(
        "{domain} is not within the hosted zone, which is {}",
        zone.name
    );
    let cure = format!("name the zone of the domain, or correct `{setting}`");
    Finding::error(SUBJECT, message, cure)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Level;

    #[test]
    fn the_domain_must_be_within_the_zone() {
        let told = |name: &str, private: bool| {
            let zone = Zone {
                name: name.to_owned(),
                private,
            };
            judge(Some(&zone), "Z1", "Drops.Example.com").map(|one| (one.level, one.message))
        };
        assert_eq!(told("example.com", false), None);
        assert_eq!(told("drops.example.com", false), None);
        assert_eq!(told("Example.COM", false), None);
        for other in ["ample.com", "example.org", "a.drops.example.com"] {
            let (level, message) = told(other, false).expect("a finding");
            assert_eq!(level, Level::Error);
            assert!(message.contains(other), "{message}");
        }
        assert_eq!(
            told("example.com", true).expect("a finding").0,
            Level::Warning
        );
        let none = judge(None, "Z1", "drops.example.com").expect("a finding");
        assert!(
            none.message.contains("no hosted zone Z1"),
            "{}",
            none.message
        );
    }
}
