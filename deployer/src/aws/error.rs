//! What goes wrong with a call to AWS, told apart as far as the deployer acts on it: whether to
//! wait, to log in again, or to give up.

use aws_sdk_cloudformation::error::ProvideErrorMetadata;

/// A call to AWS that failed, or a stack that is not there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS, or the way to it, refused.
    #[error("cannot {what}: {reason}{}", .kind.advice())]
    Call {
        /// What was tried, as a person would say it.
        what: &'static str,
        /// AWS's own words, and what lies behind them.
        reason: String,
        /// What sort of refusal it is.
        kind: Kind,
    },
    /// There is no such stack.
    #[error("there is no stack `{0}`")]
    NoStack(String),
    /// AWS has no such thing.
    #[error("there is no {0}")]
    NotThere(String),
    /// A stack has something that AWS does not.
    #[error(
        "{what} of the stack is gone ({reason}): it was deleted outside of CloudFormation, which \
         does not create it again. `deployer down` followed by `deployer up` does"
    )]
    Gone {
        /// What is gone.
        what: &'static str,
        /// AWS's own words.
        reason: String,
    },
}

/// What sort of refusal a failed call met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No credentials, or such as AWS does not take, or no longer.
    Credentials,
    /// The credentials are fine, but not allowed to do this.
    Denied,
    /// Too many calls; the SDK has tried again already.
    Throttled,
    /// No answer: the network, the endpoint, or an outage on the other side.
    Unreachable,
    /// What was asked for is not there.
    Missing,
    /// Anything else: AWS understood, and said no.
    Refused,
}

/// Codes by which the services say so; EC2's older ones differ from IAM's.
const CREDENTIALS: [&str; 8] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
];
const DENIED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "NotAuthorized",
];
const THROTTLED: [&str; 5] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
];
const MISSING: [&str; 7] = [
    "ChangeSetNotFound",
    "ChangeSetNotFoundException",
    "ListenerNotFound",
    "LoadBalancerNotFound",
    "ResourceNotFoundException",
    "RuleNotFound",
    "TargetGroupNotFound",
];

impl Kind {
    fn of(code: Option<&str>, text: &str) -> Self {
        match code {
            Some(code) if CREDENTIALS.contains(&code) => Self::Credentials,
            Some(code) if DENIED.contains(&code) => Self::Denied,
            Some(code) if THROTTLED.contains(&code) => Self::Throttled,
            Some(code) if MISSING.contains(&code) => Self::Missing,
            // Each service has names of its own for what its other side could not do:
            // InternalFailure, InternalServerError, ServerException, ServiceUnavailableException.
            Some(code)
                if code.starts_with("Internal")
                    || code.starts_with("ServiceUnavailable")
                    || code == "ServerException" =>
            {
                Self::Unreachable
            }
            Some("ValidationError") if text.contains("does not exist") => Self::Missing,
            Some(_) => Self::Refused,
            // The SDK found no credentials before it had anything to send.
            None if text.contains("credential") || text.contains("token") => Self::Credentials,
            None => Self::Unreachable,
        }
    }

    /// Whether the same call may do better in a moment.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable)
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Credentials => {
                "; log in (`aws sso login`), or set AWS_PROFILE or AWS_ACCESS_KEY_ID, then run \
                 the same command again"
            }
            Self::Denied => "; the deploying role needs this permission",
            Self::Throttled => {
                "; AWS throttles calls at the moment: run the same command again in a minute"
            }
            Self::Unreachable => {
                "; check that AWS can be reached from here (region, proxy, AWS_ENDPOINT_URL)"
            }
            Self::Missing | Self::Refused => "",
        }
    }
}

impl Error {
    /// What sort of refusal it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Call { kind, .. } => *kind,
            Self::NoStack(_) | Self::NotThere(_) | Self::Gone { .. } => Kind::Missing,
        }
    }

    /// Whether what is live is not what the stack says: drift, and no trouble with the call.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    /// The same, of something that the stack has: when that is missing, it was deleted.
    pub(super) fn of_the_stack(self, what: &'static str) -> Self {
        match self {
            Self::Call {
                reason,
                kind: Kind::Missing,
                ..
            } => Self::Gone { what, reason },
            other => other,
        }
    }
}

/// Names what was tried when a call fails, with every reason behind the failure.
pub(super) fn failed<E: std::error::Error + ProvideErrorMetadata>(
    what: &'static str,
) -> impl FnOnce(E) -> Error {
    move |error| {
        let reason = match (error.message(), error.code()) {
            (Some(message), Some(code)) => format!("{message} ({code})"),
            (None, Some(code)) => code.to_owned(),
            _ => reasons(&error),
        };
        let kind = Kind::of(error.code(), &reason);
        Error::Call { what, reason, kind }
    }
}

/// An error and what caused it, each once.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut reasons = vec![error.to_string()];
    let mut source = error.source();
    while let Some(reason) = source {
        let text = reason.to_string();
        if reasons.iter().all(|known| !known.contains(&text)) {
            reasons.push(text);
        }
        source = reason.source();
    }
    reasons.join(": ")
}
