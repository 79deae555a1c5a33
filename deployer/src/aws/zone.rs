//! Hosted zones of Route 53.

use super::signed::{ROUTE53, Xml, text};
use super::{Clients, Error, Kind};

/// A hosted zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its domain, without the dot at the end.
    pub name: String,
    /// Whether only networks of its own see it.
    pub private: bool,
}

impl Clients {
    /// A hosted zone by its id; none where there is none.
    ///
    /// # Errors
    /// AWS refuses the call.
    pub async fn zone(&self, id: &str) -> Result<Option<Zone>, Error> {
        let id = id.rsplit('/').next().unwrap_or(id);
        let what = "read the hosted zone";
        let path = format!("/2013-04-01/hostedzone/{id}");
        let answer = self.signed.get(&ROUTE53, "GetHostedZone", what, path).await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.kind() == Kind::Missing => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(zone(&answer))
    }
}

fn zone(answer: &str) -> Option<Zone> {
    let document = Xml::parse(answer).ok()?;
    let mut nodes = document.descendants();
    let zone = nodes.find(|node| node.tag_name().name() == "HostedZone")?;
    let mut children = zone.children();
    let config = children.find(|child| child.tag_name().name() == "Config");
    Some(Zone {
        name: text(zone, "Name").trim_end_matches('.').to_owned(),
        private: config.is_some_and(|config| text(config, "PrivateZone") == "true"),
    })
}
