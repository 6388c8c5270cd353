//! The import: piece by piece, each written before it is noted.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use leadgate_aws::error::StoreError;
use leadgate_aws::feed::{Begun, Business, Change, Counts, DropState, Feed, FeedDrop, Place, Taken};
use leadgate_aws::usage::Step;
use leadgate_enrichment::clock::{Clock, until};
use leadgate_enrichment::config;
use leadgate_enrichment::ids::TenantId;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::rejects::KeepRejects;
use crate::row::Row;
use crate::rows::{Piece, Rows, Unread};
use crate::source::Source;

/// So many pieces are read ahead while one is written.
const PIECES_AHEAD: usize = 1;

/// Everything that an import may touch.
pub struct Import<'a> {
    /// Where it goes.
    pub feed: &'a Feed,
    /// Where what is left out goes.
    pub rejects: &'a dyn KeepRejects,
    /// The time.
    pub clock: &'a dyn Clock,
    /// So many rows are read, written and noted together: [`PIECE_ROWS`](crate::PIECE_ROWS), but in tests.
    pub piece_rows: u64,
    /// Is told after each piece.
    pub progress: &'a (dyn Fn(&FeedDrop) + Send + Sync),
}

/// What is imported.
pub struct What<'a> {
    /// Whose feed it is.
    pub tenant: &'a TenantId,
    /// How it is written.
    pub written: &'a config::Feed,
    /// The object's name, or the file's.
    pub object: String,
    /// What tells its contents from others under the same name.
    pub version: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Names this run, and no other.
    pub run: String,
}

/// How an import ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It was read to its end, or as far as it can be: its state says which.
    Here(Box<FeedDrop>),
    /// It had been, before.
    Before(Box<FeedDrop>),
    /// There was no time for the rest. The next run goes on.
    OutOfTime(Box<FeedDrop>),
    /// Another works on the feed, or has taken over.
    Busy(Taken),
}

/// Why an import failed. It can be begun again, and goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is read.
    #[error("it can't be read: {0}")]
    Read(io::Error),
    /// Where rejects go.
    #[error("the rejects can't be written: {0}")]
    Rejects(io::Error),
}

impl What<'_> {
    /// Tells this batch from any other: another version, or the same with other columns, has another.
    pub fn id(&self) -> String {
        let mut digest = Sha256::new();
        for part in [self.object.as_str(), &self.version, &format!("{:?}", self.written)] {
            digest.update(part);
            digest.update([0]);
        }
        hex::encode(&digest.finalize()[..8])
    }

    /// A batch of which nothing is known yet.
    fn drop(&self, now: Timestamp) -> FeedDrop {
        FeedDrop {
            id: self.id(),
            object: self.object.clone(),
            made_at: self.made_at,
            state: DropState::Begun,
            place: Place::default(),
            counts: Counts::default(),
            run: self.run.clone(),
            begun_at: now,
            noted_at: now,
        }
    }
}

impl Import<'_> {
    /// Takes a batch in, from where it had come to, until its end or, after a whole piece, until `deadline`.
    pub async fn run(
        &self,
        what: &What<'_>,
        source: Arc<dyn Source>,
        deadline: Option<Timestamp>,
    ) -> Result<Ended, ImportError> {
        let now = self.clock.now();
        let drop = match self.feed.begin(what.tenant, what.drop(now), now).await? {
            Begun::At(drop) => drop,
            Begun::Ended(drop) => return Ok(Ended::Before(drop)),
            Begun::Busy(taken) => return Ok(Ended::Busy(taken)),
        };
        let ended = self.pieces(what, drop, source, deadline).await;
        // If it isn't given up, others wait until it has run out.
        let released = self.feed.release(what.tenant, &what.run).await;
        if let Err(error) = &released {
            tracing::warn!(error = %error, "the lease of a feed isn't given up");
        }
        ended
    }

    async fn pieces(
        &self,
        what: &What<'_>,
        mut drop: Box<FeedDrop>,
        source: Arc<dyn Source>,
        deadline: Option<Timestamp>,
    ) -> Result<Ended, ImportError> {
        let mut pieces = read_ahead(what.written.clone(), source, drop.place, self.piece_rows);
        let mut slowest = Duration::ZERO;
        loop {
            let began = self.clock.now();
            if deadline.is_some_and(|deadline| until(began, deadline) <= slowest.saturating_mul(2)) {
                return Ok(Ended::OutOfTime(drop));
            }
            let piece = match pieces.recv().await {
                Some(Ok(piece)) => Some(piece),
                Some(Err(Unread::Now(error))) => return Err(ImportError::Read(error)),
                Some(Err(Unread::Broken(reason))) => {
                    drop.state = DropState::Stopped(reason);
                    None
                }
                None => return Err(ImportError::Read(io::Error::other("the reader ended"))),
            };
            if let Err(taken) = self.feed.renew(what.tenant, &what.run, began).await? {
                return Ok(Ended::Busy(taken));
            }
            if let Some(piece) = piece {
                self.take_in(what, &mut drop, piece).await?;
            }
            drop.noted_at = self.clock.now();
            if drop.state != DropState::Begun {
                self.feed.delivered(what.tenant, drop.noted_at).await?;
            }
            if !self.feed.note(what.tenant, &drop).await? {
                return Ok(Ended::Busy(Taken { until: None }));
            }
            (self.progress)(&drop);
            if drop.state != DropState::Begun {
                return Ok(Ended::Here(drop));
            }
            slowest = slowest.max(until(began, self.clock.now()));
        }
    }

    /// Writes a piece, and says in `drop` what that comes to. Noting it is the caller's.
    async fn take_in(&self, what: &What<'_>, drop: &mut FeedDrop, piece: Piece) -> Result<(), ImportError> {
        let (rows, mut counts) = last_of_each(piece.businesses);
        counts.rows = piece.rows;
        counts.rejected = piece.rejected;
        counts.values_left_out = piece.values_left_out;
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let stored = self.feed.stored(what.tenant, &ids, Step::Import).await?;
        let mut changed = Vec::new();
        for row in rows {
            count_told(&mut counts, &row);
            let from = stored.get(&row.id);
            if let Some(count) = is_as_it_was(&mut counts, drop, from, &row) {
                *count += 1;
                continue;
            }
            let first_by = from.map_or_else(|| drop.id.clone(), |from| from.first_by.clone());
            *(if from.is_none() { &mut counts.new } else { &mut counts.changed }) += 1;
            let Row { id, keys, values, fingerprint, .. } = row;
            let written_by = drop.id.clone();
            changed.push(Business { id, keys, values, fingerprint, as_of: drop.made_at, written_by, first_by });
        }
        let changes: Vec<Change<'_>> = changed.iter().map(|to| Change { from: stored.get(&to.id), to }).collect();
        self.feed.write(what.tenant, &changes).await?;
        self.rejects.keep(piece.rejects_before, &piece.rejects).await.map_err(ImportError::Rejects)?;
        drop.counts.add(&counts);
        drop.place = piece.next;
        if piece.is_last {
            drop.state = DropState::Done;
        }
        Ok(())
    }
}

/// Where a business counts that needn't be written.
fn is_as_it_was<'c>(
    counts: &'c mut Counts,
    drop: &FeedDrop,
    from: Option<&Business>,
    row: &Row,
) -> Option<&'c mut u64> {
    let from = from?;
    let is_ours = from.written_by == drop.id;
    match from.fingerprint == row.fingerprint {
        // This very batch wrote it, in a run that ended before it could note that.
        true if is_ours && from.first_by == drop.id => Some(&mut counts.new),
        true if is_ours => Some(&mut counts.changed),
        true => Some(&mut counts.unchanged),
        false if from.as_of > drop.made_at => Some(&mut counts.older),
        false => None,
    }
}

/// The last row about each business: a call may write it once only.
fn last_of_each(rows: Vec<Row>) -> (Vec<Row>, Counts) {
    let all = rows.len();
    let last: HashMap<String, usize> = rows.iter().enumerate().map(|(i, row)| (row.id.clone(), i)).collect();
    let kept = rows.into_iter().enumerate().filter(|(i, row)| last.get(&row.id) == Some(i));
    let kept: Vec<Row> = kept.map(|(_, row)| row).collect();
    let repeated = (all - kept.len()) as u64;
    (kept, Counts { repeated, ..Counts::default() })
}

fn count_told(counts: &mut Counts, row: &Row) {
    for field in row.values.keys() {
        *counts.told.entry(field.word().to_owned()).or_default() += 1;
    }
    for kind in &row.kinds {
        *counts.told_by.entry(kind.word().to_owned()).or_default() += 1;
    }
}

/// Reads on a thread of its own, some pieces ahead. It ends when nobody receives any more.
fn read_ahead(
    feed: config::Feed,
    source: Arc<dyn Source>,
    from: Place,
    piece_rows: u64,
) -> mpsc::Receiver<Result<Piece, Unread>> {
    let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut rows = match Rows::open(&feed, &*source, from) {
            Ok(rows) => rows,
            Err(error) => return std::mem::drop(sender.blocking_send(Err(error))),
        };
        loop {
            let piece = rows.next(piece_rows);
            let is_end = piece.as_ref().map_or(true, |piece| piece.is_last);
            if sender.blocking_send(piece).is_err() || is_end {
                return;
            }
        }
    });
    receiver
}
