//! A listener takes one certificate, of its own region.

use super::prelude::*;

pub(super) const RULE: Rule = Rule {
    name: "certificate-refused",
    topic: Topic::Shape,
    levels: &[Error],
    summary: "the listener's certificate is refused",
    breaks: "AWS refuses the listener, and the deployment ends there. A certificate that was made \
             in us-east-1 for CloudFront is of no use to a load balancer elsewhere.",
    holds: "a listener names one certificate at most, and all that it serves are of the load \
            balancer's region",
    fix: "request the certificate in the load balancer's region, and add further ones by \
          AWS::ElasticLoadBalancingV2::ListenerCertificate",
    sources: &[ACM_REGIONS, CREATE_LISTENER],
    settings: &[ListenerCertificates, CertificateRegions, BalancerRegion],
    check,
};

fn check(r: &Reading) -> Verdict {
    each([several(r), elsewhere(r)])
}

fn several(r: &Reading) -> Verdict {
    let named = r.count(ListenerCertificates)?;
    demand(named.value <= 1, || {
        Violation::error("the listener names several certificates, and takes one")
            .about(named.seen)
            .fix(
                "leave one, and add the others by AWS::ElasticLoadBalancingV2::ListenerCertificate",
            )
    })
}

fn elsewhere(r: &Reading) -> Verdict {
    let regions = r.list(CertificateRegions)?;
    let found = |message: &str| {
        Violation::error(message)
            .about(regions.seen)
            .with(r, &[BalancerRegion])
            .fix("request each certificate in the load balancer's region")
    };
    let named = regions.value.iter().filter(|one| *one != OWN_REGION);
    let named: Vec<_> = named.collect();
    match named.as_slice() {
        [] => return holds(),
        [first, rest @ ..] if rest.iter().any(|one| one != first) => {
            return Ok(vec![found(
                "certificates of one listener are of several regions",
            )]);
        }
        _ => {}
    }
    let balancer = r.text(BalancerRegion)?;
    let all = named.iter().all(|one| *one == balancer.value);
    demand(all, || {
        found("a certificate is of another region than the load balancer")
    })
}

#[cfg(test)]
#[test]
fn cases() {
    use super::cases::{Expect::*, cases, l, n, w};
    let of = |regions: &[&str], balancer| {
        [
            (ListenerCertificates, n(1)),
            (CertificateRegions, l(regions)),
            (BalancerRegion, w(balancer)),
        ]
    };
    let unknown = |regions: &[&str]| {
        [
            (ListenerCertificates, n(1)),
            (CertificateRegions, l(regions)),
        ]
    };
    cases(
        &RULE,
        &[
            (&of(&["eu-west-1"], "eu-west-1"), Holds),
            (&of(&["us-east-1"], "eu-west-1"), Error),
            (&of(&["eu-west-1", "us-east-1"], "eu-west-1"), Error),
            (&unknown(&["eu-west-1", "us-east-1"]), Error),
            (&unknown(&["eu-west-1"]), NotSeen),
            (&unknown(&[OWN_REGION]), Holds),
            (&unknown(&[OWN_REGION, "us-east-1"]), NotSeen),
            (&unknown(&[]), Holds),
            (
                &[
                    (ListenerCertificates, n(2)),
                    (CertificateRegions, l(&[OWN_REGION])),
                ],
                Error,
            ),
        ],
    );
}
