//! A primary behind sentinels, which fails over; and sentinels that let only some in.

use serde_json::json;
use server::store::Redis;
use testkit::sentinel::Watched;

use crate::harness::Server;
use crate::redis_faults::Pair;
use crate::settings::{refused, server};

async fn connect(watched: &Watched) -> Redis {
    crate::cluster::connect(&watched.url()).await
}

#[tokio::test]
async fn nodes_follow_the_primary_that_the_sentinels_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut watched = Watched::start(directory.path()).await.unwrap();
    let mut pair = Pair::at(connect(&watched).await, connect(&watched).await).await;
    watched.until_ready().await.unwrap();
    watched.servers[0].kill().await.unwrap();
    pair.arrives("after-the-death").await;
    // The new primary hands over in an orderly way to the old one.
    watched.servers[0].start(&["--save", ""]).await.unwrap();
    watched.until_ready().await.unwrap();
    watched.fail_over().await;
    pair.arrives("after-the-return").await;
    let metrics = &pair.b.handler().context.metrics;
    assert_eq!(metrics.lost.get(), 0);
}

/// Sentinels that have these lines in their configuration let a server in that has these settings;
/// one with other settings is told which sentinel has refused it, and why.
async fn let_in(lines: &[&str], right: &[(&str, &str)], wrong: &[&[(&str, &str)]]) {
    let directory = tempfile::tempdir().unwrap();
    let watched = Watched::start_with(directory.path(), lines).await.unwrap();
    let url = watched.url();
    let started = Server::start(&[&[("STORE", &*url)][..], right].concat()).await;
    let body = json!({ "event": "e", "data": 1, "id": "m" });
    started.publish("c", body).await;
    for login in wrong {
        let text = refused(&mut server(&[&[("STORE", &*url)][..], *login].concat())).await;
        let sentinels = watched.sentinels.iter();
        let is_named = sentinels.map(|sentinel| sentinel.address.to_string());
        assert!(
            is_named.into_iter().any(|name| text.contains(&name)),
            "{text}"
        );
        assert!(text.contains("STORE_SENTINEL_PASSWORD"), "{text}");
        assert!(!text.contains("wrong"), "{text}");
    }
}

#[tokio::test]
async fn sentinels_are_shown_a_password() {
    let lines = ["requirepass sesame"];
    let right = [("STORE_SENTINEL_PASSWORD", "sesame")];
    let wrong = [("STORE_SENTINEL_PASSWORD", "wrong")];
    let of_the_primary = [("STORE_PASSWORD", "sesame")];
    let_in(&lines, &right, &[&wrong, &[], &of_the_primary]).await;
}

#[tokio::test]
async fn sentinels_are_shown_a_user_and_a_password() {
    let lines = [
        "user default off",
        "user drops on >sesame allchannels -@all +sentinel|get-master-addr-by-name",
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sesame\n").unwrap();
    let path = file.path().display().to_string();
    let user = ("STORE_SENTINEL_USERNAME", "drops");
    let right = [user, ("STORE_SENTINEL_PASSWORD_FILE", &path)];
    let wrong = [user, ("STORE_SENTINEL_PASSWORD", "wrong")];
    let nobody = [("STORE_SENTINEL_PASSWORD", "sesame")];
    let_in(&lines, &right, &[&wrong, &nobody]).await;
}
