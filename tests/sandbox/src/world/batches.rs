//! Batches of businesses that land in the world's bucket.

use std::sync::Arc;

use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::send_message::SendMessageError;
use feed_import::{Bucket, DROPS, FeedImport, Landed, Notification, Object, REJECTS, Which};
use leadgate_enrichment::clock::{Clock, later};
use leadgate_enrichment::ids::TenantId;
use leadgate_lambda::invocation::Invocation;

use super::World;

/// The bucket of every world: each has an S3 of its own.
pub(super) const FEED_BUCKET: &str = "feed";

/// Why nobody was told.
pub type NotTold = SdkError<SendMessageError>;

impl World {
    /// A batch lands in a tenant's folder, and the queue is told, as S3 does it. Gives what it was told.
    pub async fn land(&self, tenant: &TenantId, name: &str, contents: Vec<u8>) -> Result<Notification, NotTold> {
        let (key, size) = (format!("{DROPS}{tenant}/{name}"), contents.len() as u64);
        let version = self.s3.put(FEED_BUCKET, &key, contents);
        let (size, e_tag, version_id) = (Some(size), Some(version.etag), Some(version.id));
        let key = url::form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>().replace("%2F", "/");
        let object = Object { key, size, e_tag, version_id };
        let s3 = Which { bucket: Bucket { name: FEED_BUCKET.to_owned() }, object };
        let landed = Landed { event_name: "ObjectCreated:Put".to_owned(), event_time: self.clock.now(), s3 };
        let told = Notification { records: vec![landed], event: None };
        self.tell_feed_import(&serde_json::to_string(&told).unwrap_or_default()).await?;
        Ok(told)
    }

    /// A message on the queue of batches.
    pub async fn tell_feed_import(&self, body: &str) -> Result<(), NotTold> {
        let queue = &self.site.names.feed_queue_url;
        self.sqs.send_message().queue_url(queue).message_body(body).send().await.map(drop)
    }

    /// A batch is deleted with all its versions, before anybody has read it.
    pub fn purge_batch(&self, tenant: &TenantId, name: &str) {
        self.s3.purge(FEED_BUCKET, &format!("{DROPS}{tenant}/{name}"));
    }

    /// What was left out of a tenant's batches, object by object.
    pub fn rejects(&self, tenant: &TenantId) -> Vec<(String, Vec<u8>)> {
        self.s3.objects(FEED_BUCKET, &format!("{REJECTS}{tenant}/"))
    }

    /// Messages that the feed import has given up on.
    pub async fn feed_dead_letters(&self) -> Option<usize> {
        super::pump::waiting_in(&self.sqs, &self.site.names.feed_dead_letter_queue_url).await
    }

    /// A run that begins now, and has as long as the pump gives it.
    pub fn invocation_now(&self) -> Invocation {
        let began = self.clock.now();
        Invocation { id: "by-hand".to_owned(), began, deadline: later(began, self.pump.timeout) }
    }

    /// From now on, batches are taken in by so many rows at once.
    pub fn take_in_by(&mut self, piece_rows: u64) {
        let import = self.feed_import_with(self.config.clone());
        self.feed_import = Arc::new(FeedImport { piece_rows, ..import });
        self.pump.deploy_batches(&self.feed_import);
    }
}
