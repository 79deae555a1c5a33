//! Certificates of listeners, as far as their region goes.

use cloudformation::node::Node;
use cloudformation::template::Rendered;

use crate::field::{Field, only_aws_knows};
use crate::properties::{Id, Properties};

/// The region of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Region {
    /// This one.
    Named(String),
    /// The stack's own, whichever it is.
    Own,
    /// None: IAM keeps certificates for all regions.
    Global,
}

/// Certificates that are added to a listener.
#[derive(Clone, Debug)]
pub struct MoreCertificates {
    /// The listener.
    pub listener: Field<Id>,
    /// The region of each.
    pub regions: Field<Vec<Field<Region>>>,
}

impl MoreCertificates {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        Self {
            listener: properties.reference("ListenerArn"),
            regions: regions(properties),
        }
    }
}

/// The region of each certificate in the list of a listener.
pub(crate) fn regions(properties: Properties<'_>) -> Field<Vec<Field<Region>>> {
    properties.each("Certificates", |one| {
        one.read("CertificateArn", |arn| region(arn, properties.rendered))
    })
}

fn region(arn: &Node, rendered: &Rendered) -> Field<Region> {
    let stated = |region| Field::Stated(region, arn.origin.clone());
    if rendered
        .referred(arn)
        .is_some_and(|named| named.kind == "AWS::CertificateManager::Certificate")
    {
        return stated(Region::Own);
    }
    // `arn:aws:acm:${AWS::Region}:…` is known as far as it matters.
    let Some(text) = arn.as_text().map(str::to_owned).or_else(|| begins(arn)) else {
        return only_aws_knows(arn);
    };
    let mut parts = text.splitn(5, ':');
    match (parts.next(), parts.nth(1), parts.next()) {
        (Some("arn"), Some("iam"), _) => stated(Region::Global),
        (Some("arn"), Some("acm"), Some(OWN)) => stated(Region::Own),
        (Some("arn"), Some("acm"), Some(region)) if !region.contains('$') => {
            stated(Region::Named(region.to_owned()))
        }
        _ => only_aws_knows(arn),
    }
}

/// What stands for the stack's region, without the colons that part an ARN. It is no variable that a
/// template could have.
const OWN: &str = "${<own>}";

/// The text of a `!Sub` that is left.
fn begins(arn: &Node) -> Option<String> {
    let json = cloudformation::node::json(arn);
    let sub = json.get("Fn::Sub")?;
    let text = sub.as_str().or_else(|| sub.get(0)?.as_str())?;
    Some(
        text.replace("${AWS::Region}", OWN)
            .replace("${AWS::Partition}", "aws"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudformation::template::{Inputs, Template};

    /// The region of a certificate with this ARN.
    fn region_of(arn: &str) -> Field<Region> {
        let text = format!(
            "Parameters: {{ Region: {{ Type: String }} }}\n\
             Resources: {{ Front: {{ Type: 'AWS::X::Y', Properties: {{ Arn: {arn} }} }} }}\n"
        );
        let template = Template::parse("t.yaml", text.as_str()).unwrap();
        let rendered = template.render(&Inputs::default()).unwrap();
        let front = rendered.of_type("AWS::X::Y").next().unwrap();
        region(front.properties.get("Arn").unwrap(), &rendered)
    }

    #[test]
    fn only_aws_own_variable_is_the_stacks_region() {
        let own = region_of("!Sub 'arn:aws:acm:${AWS::Region}:1:certificate/${Region}'");
        assert_eq!(own.value(), Some(&Region::Own));
        let parameter = region_of("!Sub 'arn:aws:acm:${Region}:1:certificate/x'");
        assert_eq!(parameter.value(), None);
        let named = region_of("'arn:aws:acm:us-east-1:1:certificate/x'");
        assert_eq!(named.value(), Some(&Region::Named("us-east-1".to_owned())));
    }
}
