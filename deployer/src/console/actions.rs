//! What the page may have done to the nodes and the Redis of a local stack. A request names one of
//! these and no more: the control socket itself takes programs to run.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::security::refuse;
use crate::local::control::{Answer, Command, RedisAction, Rollout, call};

/// What to do.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub(super) enum Action {
    /// SIGKILL; a replacement starts.
    Kill { node: String },
    /// SIGSTOP.
    Stop { node: String },
    /// SIGCONT.
    Continue { node: String },
    /// Drained and replaced, as a deployment does.
    Replace { node: String },
    /// SIGKILL to the Redis, or to one of its shards; it stays away.
    KillRedis {
        #[serde(default)]
        shard: Option<String>,
    },
    /// SIGTERM where it runs, and a start, with its data.
    RestartRedis {
        #[serde(default)]
        shard: Option<String>,
    },
}

impl Action {
    fn command(self) -> Command {
        match self {
            Self::Kill { node } => Command::Kill { node },
            Self::Stop { node } => Command::Stop { node },
            Self::Continue { node } => Command::Continue { node },
            Self::Replace { node } => Command::Replace {
                node,
                rollout: Rollout::default(),
            },
            Self::KillRedis { shard } => Command::Redis {
                action: RedisAction::Kill,
                shard,
            },
            Self::RestartRedis { shard } => Command::Redis {
                action: RedisAction::Restart { empty: false },
                shard,
            },
        }
    }
}

/// `POST /api/local`: answers once it is done. What has begun goes on where the page goes away.
pub(super) async fn local(State(app): State<App>, Json(action): Json<Action>) -> Response {
    let Some(socket) = &app.console.control else {
        return refuse(StatusCode::NOT_FOUND, "this console shows no local stack");
    };
    let mut answers = match call(socket, &action.command()).await {
        Ok(answers) => answers,
        Err(error) => return refuse(StatusCode::BAD_GATEWAY, &error.to_string()),
    };
    loop {
        return match answers.next().await {
            Ok(Answer::Step { .. }) => continue,
            Ok(Answer::Done { text, .. }) => Json(json!({ "text": text })).into_response(),
            Ok(Answer::Refused { message }) => refuse(StatusCode::CONFLICT, &message),
            Ok(Answer::Failed { message }) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &message),
            Err(error) => refuse(StatusCode::BAD_GATEWAY, &error.to_string()),
        };
    }
}
