//! What goes wrong with a call to AWS, told apart as far as the deployer acts on it: whether to
//! wait, to log in again, or to give up.

use std::error::Error as StdError;

use aws_credential_types::provider::error::{CredentialsError, TokenError};
use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::result::ConnectorError;

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
        /// The service's code for it; none where the answer is not the service's.
        code: Option<String>,
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
const MISSING: [&str; 8] = [
    "ChangeSetNotFound",
    "ChangeSetNotFoundException",
    "ListenerNotFound",
    "LoadBalancerNotFound",
    "NoSuchHostedZone",
    "ResourceNotFoundException",
    "RuleNotFound",
    "TargetGroupNotFound",
];

impl Kind {
    /// By the service's code, and the HTTP status where the code is not known.
    fn of_answer(code: Option<&str>, status: Option<u16>, message: &str) -> Self {
        match code {
            Some(code) if CREDENTIALS.contains(&code) => Self::Credentials,
            Some(code) if DENIED.contains(&code) => Self::Denied,
            Some(code) if THROTTLED.contains(&code) => Self::Throttled,
            Some(code) if MISSING.contains(&code) => Self::Missing,
            // CloudFormation has no code of its own for a stack that is not there.
            Some("ValidationError") if message.ends_with("does not exist") => Self::Missing,
            _ if status == Some(429) => Self::Throttled,
            // Each service has names of its own for what its other side could not do:
            // InternalFailure, InternalServerError, ServerException, ServiceUnavailableException.
            _ if status.is_some_and(|status| status >= 500) => Self::Unreachable,
            Some(_) => Self::Refused,
            // A page of a proxy, or nothing at all.
            None => Self::Unreachable,
        }
    }

    /// By the types of the errors behind a call that was never sent.
    fn of_causes(error: &(dyn StdError + 'static)) -> Option<Self> {
        let mut found = None;
        let mut next = Some(error);
        while let Some(error) = next {
            let late = matches!(
                error.downcast_ref(),
                Some(CredentialsError::ProviderTimedOut(_))
            );
            // What gives out credentials is reached over the network too.
            if late || error.is::<ConnectorError>() {
                return Some(Self::Unreachable);
            }
            if error.is::<CredentialsError>() || error.is::<TokenError>() {
                found = Some(Self::Credentials);
            }
            next = error.source();
        }
        found
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

    /// The service's code for it.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Call { code, .. } => code.as_deref(),
            Self::NoStack(_) | Self::NotThere(_) | Self::Gone { .. } => None,
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
pub(super) fn failed<E>(what: &'static str) -> impl FnOnce(SdkError<E>) -> Error
where
    E: StdError + ProvideErrorMetadata + 'static,
{
    move |error| {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let message = error.message().unwrap_or_default();
        let reason = match (error.message(), error.code(), status) {
            (Some(message), Some(code), _) => format!("{message} ({code})"),
            (None, Some(code), _) => code.to_owned(),
            (_, None, Some(status)) => {
                format!(
                    "HTTP {status} with an answer that is not AWS's: a proxy's page, or an \
                         outage"
                )
            }
            (_, None, None) => reasons(&error),
        };
        let kind = match Kind::of_causes(&error) {
            Some(kind) if status.is_none() => kind,
            _ => Kind::of_answer(error.code(), status, message),
        };
        let code = error.code().map(str::to_owned);
        Error::Call {
            what,
            reason,
            code,
            kind,
        }
    }
}

/// An error and what caused it, each once.
fn reasons(error: &dyn StdError) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_by_its_code_and_its_status() {
        let cases = [
            (Some("ExpiredToken"), 403, "", Kind::Credentials),
            (Some("AccessDenied"), 403, "", Kind::Denied),
            (Some("Throttling"), 400, "", Kind::Throttled),
            (
                Some("ValidationError"),
                400,
                "Stack with id drops does not exist",
                Kind::Missing,
            ),
            // What the words say does not count.
            (
                Some("ValidationError"),
                400,
                "the token in `credentials` does not exist twice",
                Kind::Refused,
            ),
            (Some("InternalFailure"), 500, "", Kind::Unreachable),
            (Some("SomethingNew"), 503, "", Kind::Unreachable),
            (None, 429, "", Kind::Throttled),
            (None, 403, "your token has expired", Kind::Unreachable),
            (None, 200, "", Kind::Unreachable),
        ];
        for (code, status, message, kind) in cases {
            assert_eq!(
                Kind::of_answer(code, Some(status), message),
                kind,
                "{code:?} {status}"
            );
        }
    }

    #[test]
    fn credentials_that_cannot_be_had_are_told_by_their_type() {
        let missing = CredentialsError::not_loaded("none in the chain");
        assert_eq!(Kind::of_causes(&missing), Some(Kind::Credentials));
        let late = CredentialsError::provider_timed_out(std::time::Duration::from_secs(5));
        assert_eq!(Kind::of_causes(&late), Some(Kind::Unreachable));
        let other = std::io::Error::other("a page about a session token and credentials");
        assert_eq!(Kind::of_causes(&other), None);
    }
}
