//! Calls of services from which the deployer wants one answer or two: certificates, images,
//! networks, distributions, hosted zones, alarms, buckets and quotas.
//!
//! They go through the SDK's own orchestrator, with its signatures, retries and time limits, and
//! without the crates of those services: EC2's alone takes longer to build than the deployer.

mod refusal;
mod service;
mod xml;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::{Operation, OperationBuilder};
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

use super::{Error, failed};
pub(super) use refusal::Refusal;
use service::Signing;
pub(super) use service::{
    ACM, CLOUDFRONT, CLOUDWATCH, EC2, ECR, ROUTE53, S3, SERVICEQUOTAS, Service,
};
pub(super) use xml::{Xml, items, text};

/// How long one attempt may take: these calls read, and nobody waits for more than a glance.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a call may take with all its attempts.
const CALL: Duration = Duration::from_secs(25);
/// Attempts of each call. What is not answered is not looked at, and hinders nothing.
const ATTEMPTS: u32 = 3;

/// What is sent.
#[derive(Clone, Debug)]
struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// Where and as whom to call.
#[derive(Clone, Debug)]
pub(crate) struct Signed(SdkConfig);

impl Signed {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self(config.clone())
    }

    /// One whose calls are answered by a function of the target or path, and the body.
    #[cfg(test)]
    pub(crate) fn answering(answer: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Self {
        Self::answering_with(move |target, body| (200, answer(target, body)))
    }

    /// The same, with the status of each answer.
    #[cfg(test)]
    pub(crate) fn answering_with(
        answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        use aws_credential_types::Credentials;
        use aws_credential_types::provider::SharedCredentialsProvider;
        let client = aws_smithy_http_client::test_util::infallible_client_fn(
            move |request: http::Request<SdkBody>| {
                let target = request.headers().get("x-amz-target");
                let target = target.map(|value| value.to_str().expect("it is text"));
                let target = target.unwrap_or(request.uri().path());
                let body = request.body().bytes().expect("it is whole");
                let body = String::from_utf8_lossy(body);
                let (status, text) = answer(target, &body);
                let mut response = http::Response::new(SdkBody::from(text));
                *response.status_mut() = status.try_into().expect("it is a status");
                response
            },
        );
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .region(aws_config::Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client);
        Self(config.build())
    }

    pub(super) fn region(&self) -> &str {
        self.0.region().map_or("us-east-1", AsRef::as_ref)
    }

    /// An operation of a service that takes JSON.
    pub(super) async fn json(
        &self,
        service: &'static Service,
        operation: &'static str,
        what: &'static str,
        body: &Value,
    ) -> Result<Value, Error> {
        let call = Call {
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", format!("{}.{operation}", service.target)),
            ],
            body: body.to_string(),
        };
        let answer = self.call(service, operation, what, call).await?;
        serde_json::from_str(&answer).map_err(|error| unreadable(what, &error))
    }

    /// An operation of a service that takes a form and answers in XML.
    pub(super) async fn query(
        &self,
        service: &'static Service,
        operation: &'static str,
        what: &'static str,
        parameters: &[(&str, &str)],
    ) -> Result<String, Error> {
        let mut body = format!("Action={operation}&Version={}", service.target);
        for (name, value) in parameters {
            let value = percent_encoding::utf8_percent_encode(value, UNRESERVED);
            body.push_str(&format!("&{name}={value}"));
        }
        let call = Call {
            method: "POST",
            path: "/".to_owned(),
            headers: vec![(
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body,
        };
        self.call(service, operation, what, call).await
    }

    /// An operation that is a path of its own, and answers in XML.
    pub(super) async fn get(
        &self,
        service: &'static Service,
        operation: &'static str,
        what: &'static str,
        path: String,
    ) -> Result<String, Error> {
        let call = Call {
            method: "GET",
            path,
            headers: Vec::new(),
            body: String::new(),
        };
        self.call(service, operation, what, call).await
    }

    /// Puts a text where a path says.
    pub(super) async fn put(
        &self,
        service: &'static Service,
        operation: &'static str,
        what: &'static str,
        (path, body): (String, String),
    ) -> Result<(), Error> {
        let call = Call {
            method: "PUT",
            path,
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            body,
        };
        self.call(service, operation, what, call).await.map(drop)
    }

    /// A document behind an address that AWS has signed itself.
    pub(super) async fn fetch(&self, url: &str, what: &'static str) -> Result<Value, Error> {
        let origin_ends = url.find("://").map_or(0, |at| at + 3);
        let path_begins = url[origin_ends..]
            .find('/')
            .map_or(url.len(), |at| at + origin_ends);
        let (origin, path) = url.split_at(path_begins);
        let call = Call {
            method: "GET",
            path: path.to_owned(),
            headers: Vec::new(),
            body: String::new(),
        };
        let operation = self.operation("s3", "GetObject", origin).no_auth().build();
        let answer = operation.invoke(call).await.map_err(failed(what))?;
        serde_json::from_str(&answer).map_err(|error| unreadable(what, &error))
    }

    async fn call(
        &self,
        service: &'static Service,
        operation: &'static str,
        what: &'static str,
        call: Call,
    ) -> Result<String, Error> {
        let operation = self
            .operation(service.signs, operation, &self.endpoint(service))
            .runtime_plugin(self.signature(service))
            .build();
        operation.invoke(call).await.map_err(failed(what))
    }

    fn operation(
        &self,
        service: &'static str,
        operation: &'static str,
        endpoint: &str,
    ) -> OperationBuilder<Call, String, Refusal> {
        let limits = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL);
        let mut builder = Operation::builder()
            .service_name(service)
            .operation_name(operation)
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .standard_retry(&RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
            .timeout_config(limits.build());
        if let Some(client) = self.0.http_client() {
            builder = builder.http_client(client);
        }
        builder.serializer(request).deserializer(answer)
    }

    /// Signatures with the caller's credentials.
    fn signature(&self, service: &Service) -> StaticRuntimePlugin {
        let mut layer = Layer::new("signature");
        let region = self.signing_region(service);
        layer.store_put(SigningName::from_static(service.signs));
        layer.store_put(SigningRegion::from(aws_config::Region::new(region)));
        layer.store_put(SigV4OperationSigningConfig {
            signing_options: signing_options(service.signing),
            ..SigV4OperationSigningConfig::default()
        });
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("signature")
            .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)))
            .with_identity_cache(self.0.identity_cache());
        if let Some(credentials) = self.0.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, credentials);
        }
        StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components)
    }

    /// Services without regions sign for the partition's first one.
    fn signing_region(&self, service: &Service) -> String {
        let region = self.region();
        match service.global {
            false => region.to_owned(),
            true if region.starts_with("cn-") => "cn-northwest-1".to_owned(),
            true if region.starts_with("us-gov-") => "us-gov-west-1".to_owned(),
            true => "us-east-1".to_owned(),
        }
    }

    /// The configured endpoint, or AWS's own ("AWS service endpoints").
    pub(super) fn endpoint(&self, service: &Service) -> String {
        let key = ServiceConfigKey::builder()
            .service_id(service.signs)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        let own = key
            .ok()
            .and_then(|key| self.0.service_config()?.load_config(key));
        if let Some(url) = own.as_deref().or(self.0.endpoint_url()) {
            return url.trim_end_matches('/').to_owned();
        }
        let region = self.region();
        let suffix = match region.starts_with("cn-") {
            true => "amazonaws.com.cn",
            false => "amazonaws.com",
        };
        match service.global {
            true if region.starts_with("us-gov-") => {
                format!("https://{}.us-gov.{suffix}", service.endpoint)
            }
            true => format!("https://{}.{suffix}", service.endpoint),
            false => format!("https://{}.{region}.{suffix}", service.endpoint),
        }
    }
}

fn signing_options(signing: Signing) -> SigningOptions {
    let mut options = SigningOptions::default();
    if signing == Signing::S3 {
        options.double_uri_encode = false;
        options.normalize_uri_path = false;
        options.content_sha256_header = true;
    }
    options
}

/// What stands in a form as it is (RFC 3986, "unreserved").
const UNRESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn request(call: Call) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(call.body));
    request.set_method(call.method)?;
    request.set_uri(call.path)?;
    for (name, value) in call.headers {
        request.headers_mut().try_insert(name, value)?;
    }
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<String, OrchestratorError<Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body).into_owned();
    match response.status().is_success() {
        true => Ok(body),
        false => Err(OrchestratorError::operation(Refusal::read(&body))),
    }
}

/// An answer that is not what the service would say.
pub(super) fn unreadable(what: &'static str, error: &impl std::fmt::Display) -> Error {
    Error::Call {
        what,
        reason: format!("the answer is not AWS's: {error}"),
        code: None,
        kind: super::Kind::Unreachable,
    }
}
