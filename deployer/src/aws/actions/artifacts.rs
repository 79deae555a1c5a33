//! What the deployer does in the bucket for templates that are too long for the call.

use super::Grant;

/// The actions beside the others, for an environment with `artifacts.bucket`.
pub static ARTIFACTS: &[Grant] = &[
    Grant {
        sid: "Templates",
        why: "put the stack's templates into the bucket, from where CloudFormation reads them",
        actions: &["s3:GetObject", "s3:PutObject"],
        on: &["arn:${AWS::Partition}:s3:::${ArtifactsBucket}/${Prefix}-${Name}-${Environment}/*"],
        only_if: None,
    },
    Grant {
        sid: "TemplatesBucket",
        why: "look before a deployment whether the bucket is there, in the stack's region",
        actions: &["s3:GetBucketLocation"],
        on: &["arn:${AWS::Partition}:s3:::${ArtifactsBucket}"],
        only_if: None,
    },
];
