//! What AWS's services do with a KMS key of the account's own, for whoever deploys a stack that it
//! encrypts.

use super::{Grant, KMS_KEYS};

/// The actions beside the others, for a stack with a key of the account's own.
pub static KEYS: &[Grant] = &[Grant {
    sid: "Key",
    why: "encrypt log, secrets and store with the key of the environment, by these services alone",
    actions: &[
        "kms:CreateGrant", // the store's, for as long as it is there
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:Encrypt", // without it, a secret stays under the key that it had
        "kms:GenerateDataKey",
    ],
    on: &[KMS_KEYS],
    // ElastiCache comes under two names ("At-Rest Encryption in ElastiCache").
    only_if: Some((
        "StringEquals",
        "kms:ViaService",
        &[
            "dax.${AWS::Region}.amazonaws.com",
            "elasticache.${AWS::Region}.amazonaws.com",
            "logs.${AWS::Region}.amazonaws.com",
            "secretsmanager.${AWS::Region}.amazonaws.com",
        ],
    )),
}];
