//! Secrets by name, remembered for a few minutes so that a rotation is noticed without a deployment.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use jiff::Timestamp;
use leadgate_enrichment::clock::{Clock, later};

use serde_json::json;

use crate::error::StoreError;
use crate::signed::Service;

/// How long a secret is remembered. A rotation keeps both secrets valid for longer than that.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);

/// Where secrets come from.
pub struct Secrets {
    source: Source,
    clock: Arc<dyn Clock>,
    remembered: Mutex<BTreeMap<String, (String, Timestamp)>>,
}

enum Source {
    Manager(Box<Service>),
    Fixed(BTreeMap<String, String>),
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// From AWS Secrets Manager, with the region and the credentials of this configuration. A secret is plain text, not
    /// JSON.
    pub fn in_aws(sdk: &SdkConfig, clock: Arc<dyn Clock>) -> Self {
        let manager = Service::new(sdk, "secretsmanager", clock.clone());
        Self { source: Source::Manager(Box::new(manager)), clock, remembered: Mutex::default() }
    }

    /// From a list: the local world's.
    pub fn fixed(secrets: BTreeMap<String, String>, clock: Arc<dyn Clock>) -> Self {
        Self { source: Source::Fixed(secrets), clock, remembered: Mutex::default() }
    }

    /// The time by which they are remembered: what is made with a secret may go by it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The secret of this name.
    pub async fn get(&self, name: &str) -> Result<String, StoreError> {
        match &self.source {
            Source::Fixed(secrets) => {
                let missing = || StoreError::exhausted(READING, format!("there is no secret {name:?}"));
                secrets.get(name).cloned().ok_or_else(missing)
            }
            Source::Manager(manager) => self.get_from(manager, name).await,
        }
    }

    async fn get_from(&self, manager: &Service, name: &str) -> Result<String, StoreError> {
        let now = self.clock.now();
        if let Some((secret, until)) = self.remembered().get(name)
            && now < *until
        {
            return Ok(secret.clone());
        }
        let get = ("secretsmanager", "GetSecretValue");
        let answer = manager.json(READING, get, &json!({ "SecretId": name })).await?;
        let no_text = || StoreError::unreadable(READING, format!("{name:?} holds bytes, expected text"));
        let secret = answer["SecretString"].as_str().ok_or_else(no_text)?.to_owned();
        self.remembered().insert(name.to_owned(), (secret.clone(), later(now, REMEMBERED)));
        Ok(secret)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (String, Timestamp)>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const READING: &str = "reading a secret";
