//! What S3 tells of objects that have landed.

use jiff::Timestamp;
use leadgate_enrichment::ids::TenantId;
use serde::{Deserialize, Serialize};

/// Below this, each tenant has a folder of its own: `drops/acme/2026-03.csv.gz`.
pub const DROPS: &str = "drops/";

/// A message of S3, as far as it is read: the test event that it sends when notifications are set up has no records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// One, as a rule.
    #[serde(rename = "Records", default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Landed>,
    /// `s3:TestEvent`.
    #[serde(rename = "Event", default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// Something happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Landed {
    /// As in `ObjectCreated:Put`.
    pub event_name: String,
    /// When: the same in every delivery of the same event.
    pub event_time: Timestamp,
    /// To what.
    pub s3: Which,
}

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are S3's")]
pub struct Which {
    pub bucket: Bucket,
    pub object: Object,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are S3's")]
pub struct Bucket {
    pub name: String,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Its name, as in a form: a space is a plus sign.
    pub key: String,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Tells its contents from others, without quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// Where the bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
}

impl Landed {
    /// The object's name in the bucket.
    pub fn key(&self) -> String {
        let form = format!("key={}", self.s3.object.key);
        url::form_urlencoded::parse(form.as_bytes()).map(|(_, key)| key.into_owned()).next().unwrap_or_default()
    }

    /// What tells this version of the object from any other. Where the bucket keeps none, the same contents that land once
    /// more are another, since what landed in between may have changed the feed.
    pub fn version(&self) -> String {
        let Object { version_id, e_tag, .. } = &self.s3.object;
        let etag = e_tag.as_deref().unwrap_or_default();
        version_id.clone().unwrap_or_else(|| format!("{etag}@{}", self.event_time))
    }
}

/// Whose folder an object is in, and its name there.
pub(crate) fn place_of(key: &str) -> Option<(TenantId, &str)> {
    let (tenant, name) = key.strip_prefix(DROPS)?.split_once('/')?;
    Some((tenant.parse().ok()?, name)).filter(|(_, name)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landed(object: &str) -> Landed {
        let event = format!(
            r#"{{"eventVersion":"2.1","eventName":"ObjectCreated:Put","eventTime":"2026-03-01T10:00:00.123Z",
            "s3":{{"bucket":{{"name":"b"}},"object":{object}}}}}"#
        );
        serde_json::from_str(&event).expect("an event")
    }

    #[test]
    fn names_are_read_as_s3_writes_them() {
        let landed = landed(r#"{"key":"drops/acme/may+%281%29+%26%2Bb.csv","versionId":"v1","eTag":"e"}"#);
        assert_eq!(landed.key(), "drops/acme/may (1) &+b.csv");
        assert_eq!(landed.version(), "v1");
        let key = landed.key();
        let (tenant, name) = place_of(&key).expect("a place");
        assert_eq!((tenant.as_str(), name), ("acme", "may (1) &+b.csv"));
        assert_eq!(place_of("drops/acme/"), None);
        assert_eq!(place_of("rejects/acme/x.csv"), None);
    }

    #[test]
    fn without_versions_what_lands_again_is_another() {
        let landed = landed(r#"{"key":"drops/acme/may.csv","eTag":"e"}"#);
        let again = Landed { event_time: "2026-03-02T10:00:00Z".parse().expect("a time"), ..landed.clone() };
        assert_ne!(landed.version(), again.version());
    }
}
