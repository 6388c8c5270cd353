//! The `answers` table: what a provider said, for as long as others may use it. Organizations by their domains, so that
//! one costs once however many people work there; that a person is unknown, by what was asked with; and what is known
//! of a person whom two asked about at the same time, for a few minutes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
};
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond;
use leadgate_enrichment::config::Tenant;
use leadgate_enrichment::fingerprint::Fingerprint;
use leadgate_enrichment::ids::{PurchaseId, TenantId};
use leadgate_enrichment::person::{Profile, ProfileField};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::usage::{Step, Usage};

/// The partition key: whose answer, and about whom.
const KEY: &str = "answer";
/// When DynamoDB may forget it, in whole seconds. It takes its time, so that readers go by `until`.
const FORGET_AT: &str = "forget_at";
/// The most keys in one BatchGetItem: DynamoDB's limit.
const BATCH_GET_MAX: usize = 100;

/// Answers in DynamoDB.
#[derive(Debug, Clone)]
pub struct Answers {
    client: Client,
    table: String,
    usage: Arc<Usage>,
}

/// Whose answers: what one provider doesn't know of a person another may know, and has to be asked.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    tenant: &'a TenantId,
    provider: &'static str,
}

impl<'a> From<&'a Tenant> for Whose<'a> {
    fn from(tenant: &'a Tenant) -> Self {
        Self { tenant: &tenant.id, provider: tenant.provider.vendor.name }
    }
}

/// Whom an answer is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum About {
    /// The organization with this bare domain.
    Organization(String),
    /// The person whom we asked about so.
    Person(Fingerprint),
    /// What this purchase awaits. It is only ever claimed: the provider is asked for the answer again.
    Awaited(PurchaseId),
}

/// What was said.
#[derive(Debug, Clone, PartialEq)]
pub enum Known {
    /// They are known.
    Hit(Profile),
    /// They aren't.
    Miss,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// We may.
    ByUs,
    /// Another does, or has.
    ByOthers {
        /// Until when that holds, if DynamoDB says so.
        until: Option<Timestamp>,
    },
}

/// An item. One that says neither is a claim: a worker is asking.
#[derive(Serialize, Deserialize)]
struct Kept {
    answer: String,
    #[serde(with = "millisecond::required")]
    until: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hit: Option<BTreeMap<ProfileField, String>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    miss: bool,
}

impl Answers {
    /// Answers in this table.
    pub fn new(client: Client, table: impl Into<String>, usage: Arc<Usage>) -> Self {
        Self { client, table: table.into(), usage }
    }

    /// What is known of these, as far as it is still good. The rest is absent.
    pub async fn read(
        &self,
        whose: Whose<'_>,
        about: &[About],
        now: Timestamp,
    ) -> Result<HashMap<About, Known>, StoreError> {
        let mut keys: HashMap<String, &About> = about.iter().map(|about| (key(whose, about), about)).collect();
        let names: Vec<String> = keys.keys().cloned().collect();
        let mut known = HashMap::new();
        for chunk in names.chunks(BATCH_GET_MAX) {
            for kept in self.read_chunk(chunk).await?.into_iter().filter(|kept| now < kept.until) {
                let Some(about) = keys.remove(&kept.answer) else { continue };
                if let Some(answer) = kept.known() {
                    known.insert(about.clone(), answer);
                }
            }
        }
        Ok(known)
    }

    /// One that DynamoDB leaves unprocessed is taken as not known: it is asked for, which is what would be done anyway.
    async fn read_chunk(&self, names: &[String]) -> Result<Vec<Kept>, StoreError> {
        let keys = names.iter().map(|name| HashMap::from([(KEY.to_owned(), AttributeValue::S(name.clone()))]));
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build();
        let wanted = wanted.map_err(|error| StoreError::unreadable(READING, error))?;
        let request = self.client.batch_get_item().request_items(&self.table, wanted);
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(|error| StoreError::from_sdk(READING, &error))?;
        self.usage.read(Step::Look, answer.consumed_capacity());
        let items = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
        let kept = |item| serde_dynamo::from_item(item).map_err(|error| StoreError::unreadable(READING, error));
        items.into_iter().map(kept).collect()
    }

    /// Wins the right to ask about a person or an employer, until a time. When another worker has it, or the answer is
    /// there: until when.
    pub async fn claim(
        &self,
        whose: Whose<'_>,
        about: &About,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Claimed, StoreError> {
        let request = self.put(&Kept { answer: key(whose, about), until, hit: None, miss: false })?;
        let sent = request
            .condition_expression("attribute_not_exists(#key) OR #until <= :now")
            .expression_attribute_names("#key", KEY)
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", AttributeValue::N(now.as_millisecond().to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(answer) => {
                self.usage.wrote(Step::Claim, answer.consumed_capacity());
                Ok(Claimed::ByUs)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let there = failed.item.clone().and_then(|item| serde_dynamo::from_item::<_, Kept>(item).ok());
                    Ok(Claimed::ByOthers { until: there.map(|there| there.until) })
                }
                _ => Err(StoreError::from_sdk(CLAIMING, &error)),
            },
        }
    }

    /// Keeps an answer until a time.
    pub async fn keep(
        &self,
        whose: Whose<'_>,
        about: &About,
        known: &Known,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let (hit, miss) = match known {
            Known::Hit(profile) => (Some(profile.values().clone()), false),
            Known::Miss => (None, true),
        };
        let sent = self.put(&Kept { answer: key(whose, about), until, hit, miss })?.send().await;
        let answer = sent.map_err(|error| StoreError::from_sdk("keeping an answer", &error))?;
        self.usage.wrote(Step::Keep, answer.consumed_capacity());
        Ok(())
    }

    fn put(
        &self,
        kept: &Kept,
    ) -> Result<aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder, StoreError> {
        let item = serde_dynamo::to_item(kept).map_err(|error| StoreError::unreadable("keeping an answer", error))?;
        let forget_at = AttributeValue::N((kept.until.as_second() + 1).to_string());
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item)).item(FORGET_AT, forget_at);
        Ok(request.return_consumed_capacity(ReturnConsumedCapacity::Total))
    }
}

const READING: &str = "reading answers";
const CLAIMING: &str = "claiming an answer";

fn key(whose: Whose<'_>, about: &About) -> String {
    let Whose { tenant, provider } = whose;
    match about {
        About::Organization(domain) => format!("{tenant}#{provider}#organization#{domain}"),
        About::Awaited(purchase) => format!("{tenant}#{provider}#awaited#{purchase}"),
        About::Person(asked) => format!("{tenant}#{provider}#person#{}", asked.as_str()),
    }
}

impl Kept {
    fn known(self) -> Option<Known> {
        let profile = |values: BTreeMap<ProfileField, String>| {
            let mut profile = Profile::default();
            values.into_iter().for_each(|(field, value)| profile.set(field, Some(value)));
            profile
        };
        if self.miss { Some(Known::Miss) } else { self.hit.map(profile).map(Known::Hit) }
    }
}
