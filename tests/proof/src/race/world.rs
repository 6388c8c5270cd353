//! Whole workers, all at once.

use std::pin::pin;
use std::sync::Arc;

use aws_sdk_sqs::types::Message;
use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::ids::RequestId;
use leadgate_enrichment::lead::event::{Cause, DueEvent};
use leadgate_enrichment::lead::record::StateName;
use leadgate_enrichment::lead::request::EnrichmentRequest;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::books::{Books, at_rest};
use crate::violation::{Findings, Promise};
use leadgate_sandbox::world::{Break, Call, World};

/// What a cycle has for its leads.
pub(super) const CYCLE_CREDITS: i64 = 25;
/// Leads that want some of it.
const CYCLE_LEADS: usize = 60;
/// Workers, in each of these races.
const WORKERS: usize = 16;

fn email(number: usize) -> String {
    format!("first{number}.last{number}@engine.example")
}

/// More leads than credits, and a wallet that is not open yet: exactly the credits are spent, everybody else waits.
pub(super) async fn for_a_cycle(world: &World) -> Result<(usize, Findings), StoreError> {
    let create = |number| world.hubspot.create_contact([("email", email(number))]);
    let contacts: Vec<String> = (0..CYCLE_LEADS).map(create).collect();
    world.hubspot.deliver().await;
    let mut batches = Vec::new();
    for _ in 0..WORKERS {
        batches.push(world.pump.receive_at_most(4).await);
    }
    let mut findings = all_at_once(world, batches).await;
    world.settle_down(WORKERS).await;
    let states = world.states(&contacts).await?;
    let (written, waiting) = (states.count(StateName::Written), states.count(StateName::Deferred));
    let paid = usize::try_from(CYCLE_CREDITS).unwrap_or(0);
    findings.check((written, waiting) == (paid, CYCLE_LEADS - paid), Promise::Credits, || {
        format!("with {paid} credits for {CYCLE_LEADS} leads, {written} are written and {waiting} wait")
    });
    let mut books = at_rest(world).await;
    check_spent(&mut books, CYCLE_CREDITS * 1000);
    for (number, contact) in contacts.iter().enumerate() {
        books.charged_once(false, world, contact, &[email(number)]);
    }
    findings.extend(books.findings);
    Ok((CYCLE_LEADS, findings))
}

/// Sixteen messages for one lead, each with a worker of its own: it is bought once.
pub(super) async fn for_one_lead(world: &World) -> Result<(usize, Findings), StoreError> {
    let (contact, batches) = wishes_for_one(world).await?;
    let findings = all_at_once(world, batches).await;
    bought_once(world, &contact, findings).await
}

/// The same, but the first of them stands still when it has claimed the lead and bought nothing yet, until all others
/// have been there: they leave the lead to it.
pub(super) async fn for_a_living_claim(world: &World) -> Result<(usize, Findings), StoreError> {
    let (contact, mut batches) = wishes_for_one(world).await?;
    let has_claimed = Arc::new(Notify::new());
    let tell = has_claimed.clone();
    world.wire.break_by(move |call| {
        if call.operation.ends_with("batch/read") {
            tell.notify_one();
        }
        None
    });
    let mut first = pin!(world.pump.invoke(batches.remove(0)));
    let is_at_work = tokio::select! {
        () = &mut first => false,
        () = has_claimed.notified() => true,
    };
    world.wire.mend();
    // Nobody polls the first one meanwhile.
    let mut findings = all_at_once(world, batches).await;
    findings.check(is_at_work, Promise::Order, || "the first worker didn't ask the CRM".to_owned());
    if is_at_work {
        first.await;
    }
    bought_once(world, &contact, findings).await
}

/// A lead, and a message for it for each worker.
async fn wishes_for_one(world: &World) -> Result<(String, Vec<Vec<Message>>), StoreError> {
    let contact = world.hubspot.create_contact([("email", email(0))]);
    let mut batches = Vec::new();
    for number in 0..WORKERS {
        world.queue.send(&[request(world, &contact, number)]).await?;
        batches.push(world.pump.receive().await);
    }
    Ok((contact, batches))
}

async fn bought_once(world: &World, contact: &str, mut findings: Findings) -> Result<(usize, Findings), StoreError> {
    world.settle_down(WORKERS).await;
    let mut books = at_rest(world).await;
    check_spent(&mut books, 1000);
    books.charged_once(false, world, contact, &[email(0)]);
    findings.extend(books.findings);
    Ok((WORKERS, findings))
}

/// Two leads whose worker died while it bought them, taken over by two workers at once: what it held is resolved once,
/// and each lead is bought anew once.
pub(super) async fn for_one_purchase(world: &World) -> Result<(usize, Findings), StoreError> {
    let create = |number| world.hubspot.create_contact([("email", email(number))]);
    let contacts: Vec<String> = (0..2).map(create).collect();
    world.hubspot.deliver().await;
    let death = |call: &Call| call.operation.starts_with("apollo").then_some(Break::DeathAfter);
    world.wire.break_by(death);
    world.pump.round().await;
    world.wire.mend();
    world.clock.turn(world.release_every() * 2);
    world.pump.show_hidden().await;
    let batches = vec![world.pump.receive_at_most(1).await, world.pump.receive_at_most(1).await];
    let mut findings = all_at_once(world, batches).await;
    world.settle_down(2).await;
    let mut books = at_rest(world).await;
    check_spent(&mut books, 4000);
    for (number, contact) in contacts.iter().enumerate() {
        books.charged_once(false, world, contact, &[email(number)]);
    }
    findings.extend(books.findings);
    Ok((2, findings))
}

fn check_spent(books: &mut Books, milli: i64) {
    let spent = books.spent;
    books.findings.check(spent == milli, Promise::Credits, || format!("{spent} were spent, not {milli}"));
}

/// Each batch with a worker of its own.
async fn all_at_once(world: &World, batches: Vec<Vec<Message>>) -> Findings {
    let (mut workers, mut findings) = (JoinSet::new(), Findings::default());
    for batch in batches {
        let pump = world.pump.clone();
        workers.spawn(async move { pump.invoke(batch).await });
    }
    while let Some(worked) = workers.join_next().await {
        findings.check(worked.is_ok(), Promise::Order, || format!("a worker ended in {worked:?}"));
    }
    findings
}

/// A request for this contact, as if a delivery of its own had brought it.
fn request(world: &World, contact: &str, number: usize) -> EnrichmentRequest {
    let record = world.key(contact);
    let request = RequestId::derive(&record, &number.to_string());
    DueEvent { record, request, occurred_at: world.clock.now(), cause: Cause::Created }.into()
}
