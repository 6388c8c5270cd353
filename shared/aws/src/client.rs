//! The AWS clients, over one HTTPS client that is chosen for cold start.
//!
//! TLS is rustls on **ring**, here and in `leadgate-connectors` alike. The SDK's default, aws-lc, spends about 30 ms of
//! a cold start on gathering entropy for its first random bytes; ring asks the kernel. Roots are the Mozilla set
//! compiled in: reading the machine's own opens some 150 files.

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
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// DynamoDB and SQS answer in milliseconds: one that takes longer than this is better asked again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// All attempts of one call together. Below the door's own time limit, so that it can still say 503.
const CALL_TIMEOUT: Duration = Duration::from_millis(3500);
/// Attempts, not retries.
const ATTEMPTS: u32 = 3;

/// Configuration for a function: region and credentials stand in its environment, put there by Lambda. Looking
/// anywhere else for them would bring half the SDK into the executable.
pub fn in_lambda(region: String) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .identity_cache(IdentityCache::lazy().build())
        .http_client(https_client())
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

/// The HTTPS client: ring and the roots compiled in.
pub fn https_client() -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(trust_store()).build();
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match context {
        Ok(context) => builder.tls_context(context).build_https(),
        // The roots are compiled in, so this can't be: the machine's own are as good.
        Err(_) => builder.build_https(),
    }
}

fn trust_store() -> TrustStore {
    let mut pem = String::new();
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        pem.push_str(&STANDARD.encode(der));
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    TrustStore::empty().with_pem_certificate(pem)
}
