//! Alarms of CloudWatch.

use super::signed::{CLOUDWATCH, Xml, items, text};
use super::{Clients, Error, Kind};

/// Alarms of one answer ("DescribeAlarms", CloudWatch API reference). Nobody reads more of them.
const MOST: &str = "100";

/// An alarm that rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Its name.
    pub name: String,
    /// Why it rings.
    pub reason: String,
    /// Since when, as AWS writes it; empty where it does not.
    pub since: String,
    /// The service that its metric is of, where a metric says so.
    pub service: Option<String>,
}

impl Clients {
    /// The alarms that ring and whose names begin with this.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn ringing(&self, prefix: &str) -> Result<Vec<Alarm>, Error> {
        let what = "read the alarms";
        let query = [
            ("AlarmNamePrefix", prefix),
            ("StateValue", "ALARM"),
            ("AlarmTypes.member.1", "MetricAlarm"),
            ("AlarmTypes.member.2", "CompositeAlarm"),
            ("MaxRecords", MOST),
        ];
        let answer = self
            .signed
            .query(&CLOUDWATCH, "DescribeAlarms", what, &query);
        read(&answer.await?).map_err(|error| Error::Call {
            what,
            reason: format!("the answer is not AWS's: {error}"),
            code: None,
            kind: Kind::Unreachable,
        })
    }
}

fn read(answer: &str) -> Result<Vec<Alarm>, roxmltree::Error> {
    let document = Xml::parse(answer)?;
    let nodes = document.descendants();
    let result = nodes
        .into_iter()
        .find(|node| node.tag_name().name() == "DescribeAlarmsResult");
    let Some(result) = result else {
        return Ok(Vec::new());
    };
    let alarms = ["MetricAlarms", "CompositeAlarms"];
    let alarms = alarms.into_iter().flat_map(|list| items(result, list));
    Ok(alarms
        .map(|alarm| Alarm {
            name: text(alarm, "AlarmName").to_owned(),
            reason: text(alarm, "StateReason").to_owned(),
            since: text(alarm, "StateUpdatedTimestamp").to_owned(),
            service: items(alarm, "Dimensions")
                .find(|dimension| text(*dimension, "Name") == "Service")
                .map(|dimension| text(dimension, "Value").to_owned()),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::Signed;
    use super::*;

    #[tokio::test]
    async fn what_rings_is_read() {
        let signed = Signed::answering(|path, body| {
            assert_eq!(path, "/");
            for part in [
                "Action=DescribeAlarms&Version=2010-08-01",
                "AlarmNamePrefix=acme-drops-prod-",
                "StateValue=ALARM",
            ] {
                assert!(body.contains(part), "{body}");
            }
            "<DescribeAlarmsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
             <DescribeAlarmsResult><CompositeAlarms/><MetricAlarms><member>\
             <AlarmName>acme-drops-prod-store-away</AlarmName><StateReason>Threshold Crossed: 1 \
             &gt; 0</StateReason><StateUpdatedTimestamp>2026-01-02T03:04:05.678Z\
             </StateUpdatedTimestamp><Dimensions><member><Name>Service</Name>\
             <Value>acme-drops-prod</Value></member></Dimensions></member></MetricAlarms>\
             </DescribeAlarmsResult></DescribeAlarmsResponse>"
                .to_owned()
        });
        let clients = Clients {
            signed,
            ..Clients::new(Some("eu-west-1".to_owned())).await
        };
        let found = clients.ringing("acme-drops-prod-").await;
        let alarm = Alarm {
            name: "acme-drops-prod-store-away".to_owned(),
            reason: "Threshold Crossed: 1 > 0".to_owned(),
            since: "2026-01-02T03:04:05.678Z".to_owned(),
            service: Some("acme-drops-prod".to_owned()),
        };
        assert_eq!(found.expect("an answer"), [alarm]);
    }
}
