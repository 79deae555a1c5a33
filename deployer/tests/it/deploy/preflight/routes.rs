//! Networks whose routes are others than those of the emulator.

use super::super::fault_proxy::{Fault, way};
use super::super::{Site, in_order};
use crate::Run;

/// A plan where EC2 answers this about route tables.
async fn ways_out(test: &str, answer: fn(&str) -> String) -> Run {
    let site = Site::new(&format!("preflight-ways-{test}"), "");
    let url = way(&site.aws.url, "DescribeRouteTables", Fault::Says(answer)).await;
    let planned = site.run_by(&url, &["plan", "--env", "staging"]).await;
    assert_eq!(planned.code, 0, "{planned}");
    planned
}

/// EC2's route tables of the shipped staging: the load balancer's subnets lead to an internet
/// gateway, and the tasks' by these routes.
fn tables(routes: &[(&str, &str, &str)]) -> String {
    let table = |routes: &[(&str, &str, &str)], subnets: [u8; 2]| {
        let routes = routes.iter().map(|(kind, to, target)| {
            format!("<item><{kind}>{to}</{kind}>{target}<state>active</state></item>")
        });
        let subnets = subnets.map(|n| {
            format!("<item><subnetId>subnet-0a1b2c3d4e5f607{n}</subnetId><main>false</main></item>")
        });
        format!(
            "<item><routeSet>{}</routeSet><associationSet>{}</associationSet></item>",
            routes.collect::<String>(),
            subnets.concat()
        )
    };
    let internet = "<gatewayId>igw-1</gatewayId>";
    let public = [("destinationCidrBlock", "0.0.0.0/0", internet)];
    format!(
        "<DescribeRouteTablesResponse><routeTableSet>{}{}</routeTableSet>\
         </DescribeRouteTablesResponse>",
        table(&public, [11, 12]),
        table(routes, [13, 14])
    )
}

#[tokio::test]
async fn a_network_whose_routes_lead_elsewhere_is_no_error() {
    const TRANSIT: &str = "<transitGatewayId>tgw-1</transitGatewayId>";
    let halves = |_: &str| {
        let half = |to| ("destinationCidrBlock", to, TRANSIT);
        tables(&["0.0.0.0/1", "128.0.0.0/1"].map(half))
    };
    let planned = ways_out("halves", halves).await;
    assert!(
        planned
            .stderr
            .contains("preflight: 0 errors, 0 warnings, 0 not"),
        "{planned}"
    );
    let office = |_: &str| tables(&[("destinationCidrBlock", "10.0.0.0/8", TRANSIT)]);
    let list = |_: &str| tables(&[("destinationPrefixListId", "pl-1", TRANSIT)]);
    for (test, answer) in [("office", office as fn(&str) -> String), ("list", list)] {
        let planned = ways_out(test, answer).await;
        let words = [
            "warning: there is no default route from subnet-0a1b2c3d4e5f60713",
            "preflight: 0 errors, 1 warning, 0 not looked at",
        ];
        assert!(in_order(&planned.stderr, &words), "{planned}");
    }
    let none = |_: &str| tables(&[]);
    let planned = ways_out("none", none).await;
    let words = "error: there is no route to a NAT gateway from subnet-0a1b2c3d4e5f60713";
    assert!(planned.stderr.contains(words), "{planned}");
    let shared = |_: &str| "<DescribeRouteTablesResponse/>".to_owned();
    let planned = ways_out("shared", shared).await;
    let words = "not looked at: ways out of the network: EC2 shows this account no route table of \
                 subnet-0a1b2c3d4e5f60711";
    assert!(planned.stderr.contains(words), "{planned}");
    assert!(planned.stderr.contains("preflight: 0 errors"), "{planned}");
}
