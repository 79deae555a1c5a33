//! A primary behind sentinels, which fails over.

use server::store::Redis;
use testkit::sentinel::Watched;

use crate::redis_faults::Pair;

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
