//! Companies that are records themselves: which need not be bought, because what they are is known already or another worker
//! asks about them, whether for a record of theirs or for people who work there.
//!
//! What is known of a company is kept by its domain, as it is of employers. Who wants to ask claims that answer first, so that
//! each company is asked about once, however many records are about it and whoever else wants to know.

use std::collections::HashMap;

use futures_util::future::join_all;
use leadgate_aws::answers::{About, Claimed, Known};
use leadgate_aws::error::StoreError;
use leadgate_enrichment::lead::record::Record;
use leadgate_enrichment::provider::Answer;
use leadgate_enrichment::purchase::settlement::LineEnd;
use leadgate_enrichment::retry::Retry;
use leadgate_purchase::look_up::Call;
use tracing::warn;

use crate::batch::Batch;
use crate::employers::{keep_organization, whose};
use crate::keep::keep_known;
use crate::outcomes::Outcomes;
use crate::price::Wanted;
use crate::turn::Turn;
use crate::waterfall::Waterfall;

/// Parts those that have to be asked about, which are claimed by then, from those of which the answer is known, which costs
/// them nothing. Those that another worker is asking about go back to the queue: they find its answer when they come again.
pub(crate) async fn answered(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    outcomes: &mut Outcomes<'_>,
    waterfall: &mut Waterfall,
    wanted: Vec<Wanted>,
) -> Vec<Wanted> {
    let records: Vec<Record> = wanted.iter().map(|wanted| wanted.record.clone()).collect();
    let parted = match part(batch, wanted).await {
        Ok(parted) => parted,
        Err(error) => {
            warn!(tenant = %batch.tenant.id, %error, "what is known of companies can't be read or claimed");
            outcomes.give_back_uncalled(records, error.doing, error.retry).await;
            return Vec::new();
        }
    };
    let now = batch.now();
    let steps = parted.known.iter().map(|(wanted, end)| keep_known(batch, turn, wanted, end, now));
    let steps: Vec<_> = join_all(steps).await.into_iter().flatten().collect();
    let kept = outcomes.done(steps);
    for (wanted, end) in parted.known {
        if let Some(record) = kept.iter().find(|record| record.key == wanted.record.key) {
            waterfall.place(batch, outcomes, wanted, record.clone(), &end);
        }
    }
    let others: Vec<Record> = parted.asked_by_others.into_iter().map(|wanted| wanted.record).collect();
    outcomes.give_back_uncalled(others, "another worker asks about the same company", Retry::Backoff).await;
    parted.to_ask
}

/// Companies, by what there is to do.
#[derive(Default)]
struct Parted {
    to_ask: Vec<Wanted>,
    known: Vec<(Wanted, LineEnd)>,
    asked_by_others: Vec<Wanted>,
}

async fn part(batch: &Batch<'_>, wanted: Vec<Wanted>) -> Result<Parted, StoreError> {
    let about: Vec<About> = wanted.iter().filter_map(Wanted::about_company).collect();
    let (answers, sealing) = (&batch.worker.answers, batch.fingerprints.sealing());
    let known = answers.read(whose(batch), &about, batch.now(), &sealing).await?;
    let (mut parted, mut claims) = (Parted::default(), HashMap::new());
    for wanted in wanted {
        let Some(about) = wanted.about_company() else { continue };
        match known.get(&about) {
            Some(Known::Hit(profile)) => {
                parted.known.push((wanted, LineEnd::Answered(Answer::Hit(profile.clone()))));
                continue;
            }
            Some(Known::Miss) => {
                parted.known.push((wanted, LineEnd::Answered(Answer::Miss)));
                continue;
            }
            Some(Known::Awaited(_)) | None => {}
        }
        let claimed = match claims.get(&about) {
            Some(claimed) => *claimed,
            None => {
                let until = batch.invocation.claim_until();
                let claimed = answers.claim(whose(batch), &about, until, batch.now()).await? == Claimed::ByUs;
                claims.insert(about, claimed);
                claimed
            }
        };
        match claimed {
            true => parted.to_ask.push(wanted),
            false => parted.asked_by_others.push(wanted),
        }
    }
    Ok(parted)
}

/// Keeps what came for all who ask about the same companies. That comes first of all: whoever dies right after has bought
/// nothing that is bought again. What can't be kept is lost to others alone.
pub(crate) async fn keep_for_others(batch: &Batch<'_>, wanted: &[Wanted], call: &Call) {
    let kept = wanted.iter().zip(&call.ends).filter(|(wanted, _)| !wanted.shared);
    let kept = kept.filter_map(|(wanted, end)| Some((wanted.identity.domain.as_deref()?, end)));
    let kept = kept.map(|(domain, end)| keep_organization(batch, domain, end));
    for kept in join_all(kept.collect::<Vec<_>>()).await {
        if let Err(error) = kept {
            warn!(tenant = %batch.tenant.id, %error, "what was bought of a company can't be kept for others");
        }
    }
}

impl Wanted {
    fn about_company(&self) -> Option<About> {
        self.identity.domain.clone().map(About::Organization)
    }
}
