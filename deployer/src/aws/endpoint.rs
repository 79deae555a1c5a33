//! Where AWS is asked, by the environment and the profile. A variable that is empty counts as one
//! that is not set, as it does for the AWS command line; the SDK takes it for a URL, and panics.

use aws_config::SdkConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// The configuration without endpoints that are empty.
pub(super) fn without_empty(config: SdkConfig) -> SdkConfig {
    let endpoint = config.endpoint_url().filter(|url| !url.is_empty());
    let endpoint = endpoint.map(str::to_owned);
    let mut builder = config.to_builder();
    builder.set_endpoint_url(endpoint);
    builder.service_config(Given(config)).build()
}

/// What is configured for a service, where it is not empty.
#[derive(Debug)]
struct Given(SdkConfig);

impl LoadServiceConfig for Given {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let found = self.0.service_config()?.load_config(key);
        found.filter(|value| !value.is_empty())
    }
}
