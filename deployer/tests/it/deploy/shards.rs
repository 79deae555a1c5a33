//! A stack whose Valkey has several shards: made, given more, and refused where AWS could not do it.

use super::{Site, in_order};

impl Site {
    /// Writes the environment file anew, with this store.
    fn store(&self, store: &str) {
        self.environment(&format!(
            "  - {{ rule: store-loses-on-failover, reason: the emulator loses nothing }}\nstore: {store}"
        ));
    }

    async fn plan(&self) -> crate::Run {
        self.run(&["plan", "--env", "staging"]).await
    }
}

#[tokio::test]
async fn shards_are_made_and_moved_and_never_taken_back_to_one() {
    let site = Site::new("shards", "");
    site.store("{ redis: { shards: 3, replicas: 1 } }");
    let deployed = site.up(&[]).await;
    assert_eq!(deployed.code, 0, "{deployed}");
    let again = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(again.code, 0, "{again}");

    site.store("{ redis: { shards: 6, replicas: 1 } }");
    let planned = site.plan().await;
    let line = ["~ StoreGroup", "NumNodeGroups", "StoreShards", "3 → 6"];
    assert!(in_order(&planned.stdout, &line), "{planned}");
    assert!(!planned.stdout.contains("REPLACED"), "{planned}");
    let told = [
        "warning: AWS moves the slots of 3 shards to 6",
        "staging.yaml:",
    ];
    assert!(in_order(&planned.stderr, &told), "{planned}");
    assert!(!planned.stderr.contains("together"), "{planned}");
    let moved = site.up(&[]).await;
    assert_eq!(moved.code, 0, "{moved}");

    site.store("{ redis: { shards: 3, replicas: 2 } }");
    let planned = site.plan().await;
    let told = ["1.5 times", "warning: `replicas` would change together"];
    assert!(in_order(&planned.stderr, &told), "{planned}");

    site.store("{ redis: { shards: 1, replicas: 1 } }");
    let refused = site.up(&[]).await;
    assert_eq!(refused.code, 1, "{refused}");
    let told = [
        "is a cluster of 6 shards",
        "staging.yaml:",
        "keep `shards: 2` at least",
    ];
    assert!(in_order(&refused.stderr, &told), "{refused}");
}

#[tokio::test]
async fn a_valkey_of_one_shard_gets_no_more() {
    let site = Site::new("shards-one", "");
    site.store("{ redis: { replicas: 0 } }");
    let deployed = site.up(&[]).await;
    assert_eq!(deployed.code, 0, "{deployed}");

    site.store("{ redis: { shards: 3, replicas: 0 } }");
    let refused = site.up(&[]).await;
    assert_eq!(refused.code, 1, "{refused}");
    let told = [
        "error: the stack's Valkey has one shard",
        "make 3 shards",
        "staging.yaml:",
    ];
    assert!(in_order(&refused.stderr, &told), "{refused}");
    // It runs on as it was.
    site.store("{ redis: { replicas: 0 } }");
    let again = site.run(&["plan", "--env", "staging", "--exit-code"]).await;
    assert_eq!(again.code, 0, "{again}");
}
