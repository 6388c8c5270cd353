//! Batches of businesses that land in S3: each is taken into the feed's table, as far as the run has time, and the next run
//! goes on from there.
//!
//! S3 tells a queue of ours directly what has landed: it may tell it twice, and in another order. What a batch has come to
//! is in the table, so that a message only says where to look:
//!
//! | what has happened | the message |
//! | --- | --- |
//! | it was read to its end, or as far as it can be | is done |
//! | there is no time for the rest | is sent anew, and the next run goes on |
//! | another run is at work on the tenant's feed | is sent anew, for when that may have ended |
//! | a call fails | stays, and counts as received |
//! | it isn't ours, or nobody has configured such a feed | goes to the dead-letter queue: configure it, and redrive |
//!
//! If a run dies after it has sent a message anew, there are two of them: one finds the other at work, and then the batch
//! done.

mod notification;
mod object;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use jiff::Timestamp;
use leadgate_aws::feed::{DropState, Feed, FeedDrop};
use leadgate_aws::objects::{ObjectVersion, Objects};
use leadgate_aws::queue::Queue;
use leadgate_enrichment::clock::{Clock, earlier, until};
use leadgate_enrichment::config::Config;
use leadgate_feed::{Ended, Import, ImportError, What};
use leadgate_lambda::invocation::Invocation;
use tracing::{error, info, warn};

pub use crate::notification::{Bucket, DROPS, Landed, Notification, Object, Which};
use crate::object::{ObjectSource, RejectedObjects};

/// Below this, what was left out is kept, by tenant, object and batch.
pub const REJECTS: &str = "rejects/";
/// What is kept back of a run: for the note, the lease, and the message that is sent anew.
const AFTER_THE_IMPORT: Duration = Duration::from_secs(20);
/// Before a message is looked at again when a call fails.
const TROUBLE: Duration = Duration::from_secs(60);
/// Before a message is looked at again when another run is at work for nobody knows how long.
const AFTER_ANOTHER: Duration = Duration::from_secs(30);

/// Everything the import may touch.
pub struct FeedImport {
    /// Tenants, and how their feeds are written.
    pub config: Arc<Config>,
    /// Where businesses go.
    pub feed: Feed,
    /// Where batches land, and what was left out of them goes.
    pub bucket: Objects,
    /// Where a batch is gone on with.
    pub queue: Queue,
    /// For messages that trying again can't help.
    pub dead_letters: Queue,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// So many rows are read, written and noted together.
    pub piece_rows: u64,
}

/// What becomes of a message.
enum End {
    /// It was dealt with.
    Done,
    /// These come instead, after so long.
    Anew(Vec<Landed>, Duration),
    /// It stays, and counts as received.
    Stays,
    /// Trying again can't succeed: it is for an operator.
    DeadLetter,
}

impl FeedImport {
    /// Takes in what has landed.
    pub async fn handle(&self, event: SqsEvent, invocation: &Invocation) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for message in event.records {
            if let Some(id) = self.one(message, invocation).await {
                response.add_failure(id);
            }
        }
        response
    }

    /// Deals with a message, and gives its id if it stays.
    async fn one(&self, message: SqsMessage, invocation: &Invocation) -> Option<String> {
        let body = message.body.unwrap_or_default();
        let id = message.message_id.unwrap_or_default();
        let sent = match self.end_of(&body, &format!("{}/{id}", invocation.id), invocation.deadline).await {
            End::Done => return None,
            End::Anew(landed, after) => {
                let anew = |landed| Notification { records: vec![landed], event: None };
                let anew: Vec<Notification> = landed.into_iter().map(anew).collect();
                self.queue.send_messages(&anew, Some(after)).await
            }
            End::DeadLetter => self.dead_letters.send_text(&body).await,
            End::Stays => return Some(self.hidden(message.event_source_arn, message.receipt_handle, id).await),
        };
        match sent {
            Ok(()) => None,
            Err(error) => {
                warn!(%error, "a message can't be sent anew: it stays");
                Some(self.hidden(message.event_source_arn, message.receipt_handle, id).await)
            }
        }
    }

    async fn hidden(&self, queue: Option<String>, receipt: Option<String>, id: String) -> String {
        if let Err(error) = self.queue.hide(queue.as_deref(), &receipt.unwrap_or_default(), TROUBLE).await {
            warn!(%error, "the message stays hidden for the queue's own visibility time-out instead");
        }
        id
    }

    async fn end_of(&self, body: &str, run: &str, deadline: Timestamp) -> End {
        let Ok(mut told) = serde_json::from_str::<Notification>(body) else {
            error!("not a message of S3: it is in the dead-letter queue");
            return End::DeadLetter;
        };
        match (told.records.pop(), told.records.is_empty()) {
            (Some(landed), true) => self.take_in(landed, run, deadline).await,
            (Some(last), false) => {
                told.records.push(last);
                End::Anew(told.records, Duration::ZERO)
            }
            (None, _) if told.event.is_some() => {
                info!("S3 tells us now what lands");
                End::Done
            }
            (None, _) => {
                error!("a message of S3 without a record: it is in the dead-letter queue");
                End::DeadLetter
            }
        }
    }

    async fn take_in(&self, landed: Landed, run: &str, deadline: Timestamp) -> End {
        let key = landed.key();
        if !landed.event_name.starts_with("ObjectCreated:") || key.ends_with('/') {
            info!(event = landed.event_name, "nothing has landed");
            return End::Done;
        }
        let Some((tenant, name)) =
            notification::place_of(&key).filter(|_| landed.s3.bucket.name == self.bucket.bucket())
        else {
            error!(
                bucket = landed.s3.bucket.name,
                "an object that is in no tenant's folder: it is in the dead-letter queue"
            );
            return End::DeadLetter;
        };
        let Some(written) = self.config.tenant(&tenant).and_then(|tenant| tenant.feed.as_ref()) else {
            error!(%tenant, "a batch of a tenant without a feed in the configuration: it is in the dead-letter queue");
            return End::DeadLetter;
        };
        let (version, made_at, object) = (landed.version(), landed.event_time, name.to_owned());
        let what = What { tenant: &tenant, written, object, version, made_at, run: run.to_owned() };
        let etag = landed.s3.object.e_tag.as_ref().map(|etag| format!("\"{}\"", etag.trim_matches('"')));
        let object = ObjectVersion { key: key.clone(), version: landed.s3.object.version_id.clone(), etag };
        let folder = format!("{REJECTS}{tenant}/{name}/{}/", what.id());
        let rejects = RejectedObjects { objects: self.bucket.clone(), folder };
        let (source, _reading) = ObjectSource::new(self.bucket.clone(), object);
        let import = Import {
            feed: &self.feed,
            rejects: &rejects,
            clock: &*self.clock,
            piece_rows: self.piece_rows,
            progress: &|_| {},
        };
        let ended = Box::pin(import.run(&what, source, Some(earlier(deadline, AFTER_THE_IMPORT)))).await;
        self.end_after(ended, &what, landed)
    }

    fn end_after(&self, ended: Result<Ended, ImportError>, what: &What<'_>, landed: Landed) -> End {
        let tenant = what.tenant;
        match ended {
            Ok(Ended::Here(drop)) => {
                tell(what, &drop);
                End::Done
            }
            Ok(Ended::Before(drop)) => {
                info!(%tenant, drop = drop.id, "a batch was there already");
                End::Done
            }
            Ok(Ended::OutOfTime(drop)) => {
                info!(%tenant, drop = drop.id, rows = drop.counts.rows, "the next run goes on with a batch");
                End::Anew(vec![landed], Duration::ZERO)
            }
            Ok(Ended::Busy(taken)) => {
                let now = self.clock.now();
                let after = taken.until.map_or(AFTER_ANOTHER, |until_then| until(now, until_then));
                End::Anew(vec![landed], after.max(Duration::from_secs(1)))
            }
            Err(error) => {
                error!(%tenant, %error, "a batch can't be taken in now");
                End::Stays
            }
        }
    }
}

fn tell(what: &What<'_>, drop: &FeedDrop) {
    let (tenant, counts) = (what.tenant, &drop.counts);
    if let DropState::Stopped(reason) = &drop.state {
        error!(%tenant, drop = drop.id, reason, "a batch can't be read any further");
    }
    info!(
        %tenant, drop = drop.id, rows = counts.rows, new = counts.new, changed = counts.changed,
        unchanged = counts.unchanged, rejected = counts.rejected, "a batch was taken in"
    );
}
