//! What a balancer tells its owner while it runs: health as it changes, answers of its own,
//! connections it cut. It is what AWS would show in target health, access logs and metrics.

use std::fmt;
use std::net::SocketAddr;

use tokio::sync::mpsc;

/// How many events may wait. Beyond it the newest are dropped: a slow reader must not slow clients.
const WAITING: usize = 1024;

/// A target's health, as `describe-target-health` names it.
///
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-states>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Registered; has not passed a health check yet.
    Initial,
    /// Gets requests.
    Healthy,
    /// Failed as many health checks in a row as the threshold says.
    Unhealthy,
    /// Deregistered; what is under way may end.
    Draining,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
        })
    }
}

/// Something happened at the balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A target's health changed.
    Health {
        /// Target group.
        group: String,
        /// The target.
        target: SocketAddr,
        /// What it is now.
        health: Health,
        /// AWS's reason code and what was seen, or empty.
        reason: String,
    },
    /// The balancer answered an error by itself, or (460) the client left before the answer.
    Failed {
        /// What the client got; 460 it never sees.
        status: u16,
        /// Why.
        cause: Cause,
        /// The target, where one was chosen.
        target: Option<SocketAddr>,
        /// The request's path.
        path: String,
    },
    /// The balancer closed an upgraded connection.
    Cut {
        /// The target.
        target: SocketAddr,
        /// Why.
        cause: Cause,
    },
}

/// Why the balancer answered or cut a connection itself, after
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No rule of HTTP allows this request.
    BadRequest,
    /// A request line, header or all headers together are too large.
    RequestHeaderTooLarge,
    /// The method is TRACE.
    MethodNotAllowed,
    /// The client stopped sending in the middle of its request.
    ClientSilent,
    /// The client closed its connection before the answer.
    ClientClosed,
    /// More than 30 addresses in `X-Forwarded-For`.
    TooManyAddresses,
    /// The target refused the connection or could not be reached.
    ConnectFailed,
    /// Connecting to the target took too long.
    ConnectTimeout,
    /// The target closed the connection while a request was waiting for its answer.
    TargetClosed,
    /// The target's answer is not HTTP.
    MalformedResponse,
    /// The target's response header is larger than 32 K.
    ResponseHeaderTooLarge,
    /// The deregistration delay has passed.
    Deregistered,
    /// The target group has no target to send to.
    NoTargets,
    /// Nothing was sent or received for the idle timeout.
    Idle,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadRequest => "the request is malformed",
            Self::RequestHeaderTooLarge => {
                "the request line or headers exceed 16 K each or 64 K \
                                            together"
            }
            Self::MethodNotAllowed => "TRACE is not allowed",
            Self::ClientSilent => {
                "the client sent nothing for the idle timeout in the middle of \
                                   a request"
            }
            Self::ClientClosed => "the client left before the answer",
            Self::TooManyAddresses => "X-Forwarded-For has more than 30 addresses",
            Self::ConnectFailed => "the target refused the connection",
            Self::ConnectTimeout => "the target accepted no connection within 10 s",
            Self::TargetClosed => {
                "the target closed the connection on a waiting request: is its keep-alive below \
                 the idle timeout?"
            }
            Self::MalformedResponse => "the target's answer is not HTTP",
            Self::ResponseHeaderTooLarge => "the target's response header exceeds 32 K",
            Self::Deregistered => "the deregistration delay has passed",
            Self::NoTargets => "the target group has no registered target in use",
            Self::Idle => "no byte for the idle timeout",
        })
    }
}

/// The sending side, which never waits.
pub(crate) struct Events(mpsc::Sender<Event>);

impl Events {
    pub(crate) fn new() -> (Self, mpsc::Receiver<Event>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), receiver)
    }

    pub(crate) fn send(&self, event: Event) {
        // Full or unread: the events are for people, and clients come first.
        let _ = self.0.try_send(event);
    }
}
