//! What CloudFormation does for a web application firewall, with the permissions of whoever deploys.

use super::Grant;

/// The actions beside the others, for a stack whose environment has a `waf`.
pub static FIREWALL: &[Grant] = &[
    Grant {
        sid: "WebAcl",
        why: "the web ACL, with the rule groups of AWS that it uses",
        actions: &[
            "wafv2:CreateWebACL",
            "wafv2:DeleteWebACL",
            "wafv2:GetWebACL",
            "wafv2:ListTagsForResource",
            "wafv2:TagResource",
            "wafv2:UntagResource",
            "wafv2:UpdateWebACL",
        ],
        on: &[
            "arn:${AWS::Partition}:wafv2:${AWS::Region}:${AWS::AccountId}:*/webacl/${Prefix}-${Name}-${Environment}/*",
            "arn:${AWS::Partition}:wafv2:${AWS::Region}:${AWS::AccountId}:*/managedruleset/*",
        ],
        only_if: None,
    },
    Grant {
        sid: "WebAclInFront",
        why: "put the web ACL in front of the load balancer",
        actions: &[
            "wafv2:AssociateWebACL",
            "wafv2:DisassociateWebACL",
            "wafv2:GetWebACLForResource",
        ],
        on: &[
            "arn:${AWS::Partition}:wafv2:${AWS::Region}:${AWS::AccountId}:*/webacl/${Prefix}-${Name}-${Environment}/*",
            "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:loadbalancer/app/${Prefix}-${Name}-${Environment}-??????/*",
        ],
        only_if: None,
    },
    Grant {
        sid: "WebAclOfBalancer",
        why: "the same for the load balancer, which AWS limits to no resource",
        actions: &["elasticloadbalancing:SetWebAcl"],
        on: &["*"],
        only_if: None,
    },
];
