//! How the AWS clients are configured.

use std::time::Duration;

pub use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::https;

/// DynamoDB and SQS answer in milliseconds: one that takes longer than this is better asked again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// All attempts of one call together. Below the door's own time limit, so that it can still say 503.
const CALL_TIMEOUT: Duration = Duration::from_millis(3500);
/// Attempts, not retries.
const ATTEMPTS: u32 = 3;

/// Configuration for a function: region and credentials stand in its environment, put there by Lambda. Looking
/// anywhere else for them would bring half the SDK into the executable. `endpoint` is one address for all services, for a
/// function that is run outside of AWS.
pub fn in_lambda(region: String, endpoint: Option<String>) -> SdkConfig {
    let mut builder = SdkConfig::builder();
    builder.set_endpoint_url(endpoint);
    builder
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .identity_cache(IdentityCache::lazy().build())
        .http_client(https::client())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SystemTimeSource::new())
        .retry_config(retries())
        .timeout_config(timeouts())
        .build()
}

/// Our settings over the given HTTP client; region, credentials and endpoints are found as the AWS CLI finds them,
/// unless the caller says otherwise.
pub fn configured(http_client: SharedHttpClient) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client)
        .retry_config(retries())
        .timeout_config(timeouts())
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).operation_timeout(CALL_TIMEOUT).build()
}
