//! A cluster of three primaries that the tests of the store's contract share, each for itself.

use std::sync::OnceLock;

use server::settings::RedisSettings;
use server::tasks::Tasks;
use testkit::cluster::{Cluster, PRIMARIES};
use tokio::sync::{Mutex, MutexGuard};

/// A cluster that one test has to itself, empty.
pub(crate) struct Shared {
    url: &'static str,
    _turn: MutexGuard<'static, ()>,
}

/// Waits for its turn.
pub(crate) async fn shared() -> Shared {
    static URL: OnceLock<String> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::const_new(());
    let turn = TURN.lock().await;
    let url = URL.get_or_init(start);
    let hosts = url.trim_start_matches("redis+cluster://").split(',');
    for host in hosts {
        let client = redis::Client::open(format!("redis://{host}")).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let flush = redis::cmd("FLUSHALL");
        let () = flush.query_async(&mut connection).await.unwrap();
    }
    Shared { url, _turn: turn }
}

/// Servers die with the thread that has started them: this one lives as long as the tests.
fn start() -> String {
    let (told, url) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let cluster = Cluster::start(directory.path(), false).await.unwrap();
            assert_eq!(cluster.servers.len(), PRIMARIES);
            told.send(cluster.url()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    url.recv().unwrap()
}

impl Shared {
    /// Asks each server, and gathers what they answer; one that has not the key says nothing.
    pub(crate) async fn ask(&self, command: &str, arguments: &[&str]) -> Vec<String> {
        let mut all = Vec::new();
        for host in self.url.trim_start_matches("redis+cluster://").split(',') {
            let client = redis::Client::open(format!("redis://{host}")).unwrap();
            let mut connection = client.get_multiplexed_async_connection().await.unwrap();
            let mut asked = redis::cmd(command);
            let answer = asked.arg(arguments).query_async(&mut connection).await;
            all.extend(answer.unwrap_or(Vec::<String>::new()));
        }
        all
    }

    pub(crate) async fn connect(&self) -> server::store::Redis {
        connect(self.url).await
    }
}

/// The store at this URL, as a node opens it.
pub(crate) async fn connect(url: &str) -> server::store::Redis {
    let settings = RedisSettings {
        url: url.to_owned(),
        ..RedisSettings::default()
    };
    crate::redis::open(&settings, &Tasks::new()).await.unwrap()
}

/// A cluster of a test's own.
pub(crate) struct Own {
    pub(crate) cluster: Cluster,
    _directory: tempfile::TempDir,
}

impl Own {
    pub(crate) async fn start(replicas: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            cluster: Cluster::start(directory.path(), replicas).await.unwrap(),
            _directory: directory,
        }
    }

    pub(crate) async fn connect(&self) -> server::store::Redis {
        connect(&self.cluster.url()).await
    }

    /// The primary that has a channel to which something was published, and the slot.
    pub(crate) async fn place_of(&self, channel: &str) -> (usize, u16) {
        let pattern = format!("hf:*:dropcodes/{channel}:load");
        for n in 0..PRIMARIES {
            let found: Vec<String> = self.cluster.ask(n, &["KEYS", &pattern]).await.unwrap();
            if let Some(name) = found.first() {
                let slot = self.cluster.ask(n, &["CLUSTER", "KEYSLOT", name]).await;
                return (n, slot.unwrap());
            }
        }
        panic!("no primary has {channel}");
    }

    pub(crate) fn signal(&self, n: usize, name: &str) {
        let pid = self.cluster.servers[n].pid().expect("it runs");
        crate::harness::signal(pid, name);
    }
}
