//! A connection to Redis that comes back: made anew after each break, with a pause that grows and
//! varies.
//!
//! A call on a link without a connection fails at once: whoever asks knows better than a queue what
//! to do meanwhile.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind,
    Value, cmd,
};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::script;
use super::whereabouts::Whereabouts;
use crate::store::{Parts, StoreError};
use crate::tasks::Tasks;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_millis(1_800);
/// From one look whether Redis is there to the next.
pub(super) const BEAT: Duration = Duration::from_millis(500);
/// How long that may take before the connection is given up; the writer's waits for replicas
/// meanwhile.
pub(super) const PATIENCE: Duration = Duration::from_millis(1_500);
/// The pause before the second try to connect; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// The longest pause between two tries: what returns is taken up within two seconds.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// A connection to Redis that is made anew after each break.
pub(super) struct Link {
    whereabouts: Whereabouts,
    /// What the primary has of the store: without any, the link needs no connection.
    parts: watch::Receiver<Parts>,
    state: Mutex<State>,
    /// The connection has broken.
    broken: Notify,
    /// The server said that it is no primary any more: everything must be connected anew.
    pub(super) moved: Notify,
    /// The connection has broken, or the server said that another has what it was asked for.
    trouble: Arc<Notify>,
}

struct State {
    connection: Option<MultiplexedConnection>,
    /// Tells one connection from the next: a late error of an old one breaks nothing.
    generation: u64,
    why: String,
}

impl Link {
    /// A link that its own task keeps connected, as long as the runtime lives. It tells `trouble`
    /// when the primary may be another.
    pub(super) fn start(
        whereabouts: Whereabouts,
        parts: watch::Receiver<Parts>,
        trouble: Arc<Notify>,
        tasks: &Tasks,
    ) -> Arc<Self> {
        let state = State {
            connection: None,
            generation: 0,
            why: "not connected yet".into(),
        };
        let link = Arc::new(Self {
            whereabouts,
            parts,
            state: Mutex::new(state),
            broken: Notify::new(),
            moved: Notify::new(),
            trouble,
        });
        tasks.spawn("keep_connected", link.clone().keep());
        link
    }

    /// Asks for one answer.
    pub(super) async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        let ask = |mut connection: MultiplexedConnection| async move {
            let answer = connection.send_packed_command(command).await;
            // Redis's refusals come as values.
            answer.and_then(Value::extract_error)
        };
        self.call(ask).await
    }

    /// Asks for several answers at once. An error in one is in its place.
    pub(super) async fn ask_all(
        &self,
        pipeline: &mut Pipeline,
    ) -> RedisResult<Vec<RedisResult<Value>>> {
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        pipeline.ignore_errors();
        let generation = self.lock().generation;
        let pipeline = &*pipeline;
        let answers: Vec<RedisResult<Value>> = self
            .call(|mut connection| async move { pipeline.query_async(&mut connection).await })
            .await?;
        if let Some(error) = answers.iter().find_map(|answer| answer.as_ref().err()) {
            self.judge(error, generation);
        }
        Ok(answers)
    }

    /// Asks whether Redis is there: a connection may be dead although nothing has said so, and one
    /// that nobody uses breaks unnoticed.
    async fn beat(&self) {
        let generation = self.lock().generation;
        if timeout(PATIENCE, self.ask(&cmd("PING"))).await.is_err() {
            let why = format!("no answer within {PATIENCE:?}");
            self.fail(why, generation);
        }
    }

    /// Why there is no connection; none while there is one.
    pub(super) fn why_away(&self) -> Option<String> {
        let state = self.lock();
        state.connection.is_none().then(|| state.why.clone())
    }

    async fn call<T, F>(&self, ask: impl FnOnce(MultiplexedConnection) -> F) -> RedisResult<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let (connection, generation) = {
            let state = self.lock();
            let connection = state.connection.clone();
            (
                connection.ok_or_else(|| not_connected(&state.why))?,
                state.generation,
            )
        };
        let answer = ask(connection).await;
        answer.inspect_err(|error| self.judge(error, generation))
    }

    /// Gives the connection up if the error says that it is of no more use.
    fn judge(&self, error: &RedisError, generation: u64) {
        let moved = matches!(
            error.kind(),
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown)
        );
        let useless = match error.kind() {
            // A late answer says nothing of the connection; the beat does.
            ErrorKind::Io => !error.is_timeout(),
            // Scripts are loaded when a connection is made.
            ErrorKind::Server(ServerErrorKind::NoScript | ServerErrorKind::BusyLoading) => true,
            ErrorKind::Parse | ErrorKind::AuthenticationFailed => true,
            _ => moved,
        };
        if useless {
            self.fail(error.to_string(), generation);
        }
        if moved {
            self.moved.notify_one();
        }
        if is_elsewhere(error) {
            self.trouble.notify_one();
        }
    }

    fn fail(&self, why: String, generation: u64) {
        let mut state = self.lock();
        if state.generation == generation && state.connection.take().is_some() {
            tracing::warn!(why, "the connection to the store has broken");
            state.why = why;
            self.broken.notify_one();
            self.trouble.notify_one();
        }
    }

    async fn keep(self: Arc<Self>) {
        let mut parts = self.parts.clone();
        loop {
            // The sender lives as long as the store.
            let _ = parts.wait_for(|parts| !parts.is_empty()).await;
            let connecting = retry(|| self.connect(), |why| self.lock().why = why);
            let connection = tokio::select! {
                connection = connecting => connection,
                _ = parts.wait_for(|parts| parts.is_empty()) => continue,
            };
            {
                let mut state = self.lock();
                state.connection = Some(connection);
                state.generation += 1;
            }
            while timeout(BEAT, self.broken.notified()).await.is_err() {
                self.beat().await;
            }
        }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER));
        let client = timeout(CONNECT, self.whereabouts.client()).await;
        let client =
            client.unwrap_or_else(|_| Err((ErrorKind::Io, "no sentinel answers").into()))?;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        if self.whereabouts.may_mislead() {
            // `ROLE` needs a right that no user of the store should have.
            let mut ask = cmd("INFO");
            ask.arg("replication");
            let said: String = ask.query_async(&mut connection).await?;
            if !said.lines().any(|line| line == "role:master") {
                return Err((ErrorKind::Io, "the sentinels name a replica").into());
            }
        }
        let _: Vec<String> = script::load_all().query_async(&mut connection).await?;
        Ok(connection)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tries until it comes off, with pauses that grow up to a bound and vary, so that nodes do not try
/// in step.
pub(super) async fn retry<T, F>(attempt: impl Fn() -> F, failed: impl Fn(String)) -> T
where
    F: Future<Output = RedisResult<T>>,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => failed(error.to_string()),
        }
        sleep(pause.mul_f64(jitter())).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// From a half to one and a half.
fn jitter() -> f64 {
    0.5 + f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

/// Whether the same command will fail in the same way for ever: what it works on is damaged.
pub(super) fn is_lasting(error: &RedisError) -> bool {
    matches!(error.code(), Some("WRONGTYPE" | "ERR"))
}

/// Whether the command was not carried out, because the part that it works on is another primary's
/// or on its way there, or nobody's for the moment.
pub(super) fn is_elsewhere(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(
            ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::MasterDown
        )
    )
}

/// What a call on a link without a connection ends with.
fn not_connected(why: &str) -> RedisError {
    (ErrorKind::Io, "not connected", why.to_owned()).into()
}

/// What a caller is told of an error.
pub(super) fn unavailable(error: &RedisError) -> StoreError {
    match error.code() {
        Some("OOM") => StoreError::Unavailable(format!("Redis has reached its maxmemory: {error}")),
        _ => StoreError::Unavailable(error.to_string()),
    }
}
