//! The services that are asked.

/// A service that is asked here.
pub(in crate::aws) struct Service {
    /// Its name in endpoints.
    pub(super) endpoint: &'static str,
    /// Its name in signatures, which is its name in IAM too.
    pub(super) signs: &'static str,
    /// What its targets begin with, for JSON; its version, for forms.
    pub(super) target: &'static str,
    /// Whether it has one endpoint for all regions.
    pub(super) global: bool,
    /// How it is signed.
    pub(super) signing: Signing,
}

/// How calls of a service are signed ("Signature Version 4", General Reference of AWS).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    /// As everywhere.
    Usual,
    /// As S3 alone wants it: paths as they are, and the body's hash in a header.
    S3,
}

impl Service {
    const fn regional(endpoint: &'static str, signs: &'static str, target: &'static str) -> Self {
        Self {
            endpoint,
            signs,
            target,
            global: false,
            signing: Signing::Usual,
        }
    }

    const fn global(name: &'static str) -> Self {
        Self {
            global: true,
            ..Self::regional(name, name, "")
        }
    }
}

pub(in crate::aws) static ACM: Service = Service::regional("acm", "acm", "CertificateManager");
pub(in crate::aws) static EC2: Service = Service::regional("ec2", "ec2", "2016-11-15");
pub(in crate::aws) static CLOUDWATCH: Service =
    Service::regional("monitoring", "monitoring", "2010-08-01");
pub(in crate::aws) static ECR: Service =
    Service::regional("api.ecr", "ecr", "AmazonEC2ContainerRegistry_V20150921");
pub(in crate::aws) static SERVICEQUOTAS: Service =
    Service::regional("servicequotas", "servicequotas", "ServiceQuotasV20190624");
pub(in crate::aws) static CLOUDFRONT: Service = Service::global("cloudfront");
pub(in crate::aws) static ROUTE53: Service = Service::global("route53");
pub(in crate::aws) static S3: Service = Service {
    signing: Signing::S3,
    ..Service::regional("s3", "s3", "")
};
