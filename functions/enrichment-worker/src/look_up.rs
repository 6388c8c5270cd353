//! Looking people up at the provider, in as few calls as it allows.

use std::time::Duration;

use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::later;
use leadgate_enrichment::config::RecordKind;
use leadgate_enrichment::credits::price::PricedField;
use leadgate_enrichment::person::Identity;
use leadgate_enrichment::provider::AsynchronousRequest;
use leadgate_enrichment::purchase::settlement::LineEnd;

use crate::batch::Batch;
use crate::price::Wanted;
use crate::turn::Turn;
use leadgate_purchase::look_up::{Asks, Call, LookUp, Stopped, call_together};
use leadgate_purchase::permits::share;

/// Asks about all of them, in as few calls as the provider allows for what is mapped, but for those whom others ask
/// about. Those who want the same of what arrives later stand together: a call asks for the same for all its people.
pub(crate) async fn look_up(batch: &Batch<'_>, turn: &Turn<'_>, wanted: &[Wanted], others: &[bool]) -> Call {
    let asked = wanted.iter().zip(others).filter(|(wanted, others)| !wanted.shared && !**others);
    let asked: Vec<&Wanted> = asked.map(|(wanted, _)| wanted).collect();
    let call = call_for(batch, turn, &asked).await;
    // One answer does for all who are about the same person.
    let place = |wanted: &Wanted| asked.iter().position(|asked| asked.is_for_the_same(wanted));
    let of = |wanted: &Wanted| place(wanted).map(|i| (call.ends[i].clone(), call.asynchronous[i].clone()));
    let (ends, asynchronous) = wanted.iter().map(|wanted| of(wanted).unwrap_or((LineEnd::NotAsked, None))).unzip();
    let waits = others.iter().any(|others| *others);
    let stopped = call.stopped.or_else(|| waits.then_some(Stopped::AskedByOthers));
    Call { ends, asynchronous, reported: call.reported, stopped }
}

async fn call_for(batch: &Batch<'_>, turn: &Turn<'_>, wanted: &[&Wanted]) -> Call {
    if wanted.is_empty() {
        return Call::begun(0);
    }
    let provider = match batch.worker.connections.provider(batch.tenant, turn.provider).await {
        Ok(provider) => provider,
        Err(error) => return Call::none(wanted.len(), Stopped::Later(error.retry, error.to_string())),
    };
    let share = share(wanted.iter().filter_map(|wanted| wanted.record.source));
    let mut whole = Call::begun(wanted.len());
    for same in wanted.chunk_by(|a, b| a.asks() == b.asks()) {
        let fields = same.iter().flat_map(|wanted| &wanted.ask.fields).copied().collect();
        let fields = batch.tenant.fields_of_people(turn.provider, &fields);
        let look_up = LookUp {
            provider: provider.as_ref(),
            permits: turn.permits(batch),
            fields: &fields,
            asks: match (turn.checks, batch.tenant.kind) {
                (true, _) => Asks::Verification,
                (false, RecordKind::Person) => Asks::People,
                (false, RecordKind::Company) => Asks::Organizations,
            },
            share,
            purchase: &turn.purchase,
            deadline: batch.invocation.deadline,
        };
        let retention = provider.result_retention();
        let callback = match callback(batch, turn, &same[0].asynchronous, retention).await {
            Ok(callback) => callback,
            Err(error) => {
                whole.add(Call::none(same.len(), Stopped::Later(error.retry, error.to_string())));
                continue;
            }
        };
        let most = match look_up.asks {
            Asks::People => provider.people_max(&fields, &same[0].asynchronous).max(1),
            Asks::Organizations => provider.organizations_max(&fields).max(1),
            Asks::Verification => 1,
        };
        for chunk in same.chunks(most) {
            let people: Vec<Identity> = chunk.iter().map(|wanted| wanted.asks_with()).collect();
            let asynchronous = (!same[0].asynchronous.is_empty()).then(|| AsynchronousRequest {
                fields: same[0].asynchronous.clone(),
                callback: callback.clone(),
                names: chunk.iter().map(|wanted| turn.purchase.name_of(&wanted.record.key)).collect(),
            });
            let part = match whole.stopped {
                Some(_) => Call::none_for(people.len()),
                None => call_together(&look_up, &people, asynchronous.as_ref()).await,
            };
            whole.add(part);
        }
    }
    whole
}

/// Where the provider may say that what arrives later has: for as long as it can be asked for.
async fn callback(
    batch: &Batch<'_>,
    turn: &Turn<'_>,
    fields: &[PricedField],
    retention: Duration,
) -> Result<Option<String>, StoreError> {
    if fields.is_empty() || !turn.provider.vendor.needs_callback {
        return Ok(None);
    }
    let (purchase, expires) = (turn.purchase.asynchronous(), later(batch.now(), retention));
    batch.worker.connections.callback((&batch.tenant.id, turn.provider), &purchase, expires).await.map(Some)
}
