//! Coming to rest, and looking at what must be true.

use std::collections::BTreeMap;
use std::time::Duration;

use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::price::Tariff;
use leadgate_enrichment::record::State;
use leadgate_enrichment::wallet::{Wallet, due};

use super::model::Lead;
use super::play::Play;
use super::settings::POOL_MILLI;
use crate::proof::books::{Books, Goods, at_rest};
use crate::proof::violation::{Findings, Promise};
use crate::world::{States, World};

/// HubSpot tries so often.
const DELIVERIES_MAX: usize = 12;
/// Longer than anything waits that isn't waiting for credits.
const LONG: Duration = Duration::from_secs(2 * 60 * 60);
/// Enough for every lead of a history, whatever has become of the credits before.
const ENOUGH: i64 = 50;
/// Where all of them work.
const EMPLOYER: &str = "engine.example";
/// A cap lets through at least one lead in a cycle, and there are at most six.
const CYCLES_MAX: usize = 8;

/// Lets everything come to rest, first with the credits that there are, then with enough for all; checks what must be
/// true at either; and delivers everything once more, which must change nothing. Gives the lines that are unknown.
pub(super) async fn finish(play: &mut Play, findings: &mut Findings) -> Result<usize, StoreError> {
    come_to_rest(play).await?;
    check_waiting(play, findings).await?;
    play.check_floor(findings).await?;
    pay_for_all(play).await?;
    // The echoes of what was written.
    play.deliver().await;
    play.world.settle_down(1).await;

    let mut books = at_rest(&play.world).await;
    for lead in &play.leads {
        books.charged_once(&play.world, &lead.contact, &lead.emails);
    }
    if play.known.numbers.is_some_and(|numbers| numbers.employers) {
        books.employer_charged_once(&play.world, EMPLOYER);
    }
    let states = states(play).await?;
    let wallets = play.world.credits.unmetered().wallets(play.world.tenant_id()).await?;
    check_leads(play, &books, &states, findings);
    check_wallets(&play.world, &books, &wallets, findings);
    play.check_caps(&books, findings).await?;
    let charged = play.world.apollo.ledger().credits_charged;
    if play.calm {
        let Books { spent, unknown, drifts, .. } = books;
        findings.check((spent, unknown, drifts) == (charged, 0, 0), Promise::Order, || {
            format!("nothing was unknown, and {charged} charged are {spent} spent, {unknown} unknown, {drifts} drifts")
        });
    }
    let unknown_lines = books.lines.values().map(|lines| lines.unknowns).sum();
    findings.extend(books.findings);

    let before = Digest::of(play, &wallets, &states);
    replay(play).await;
    let wallets = play.world.credits.unmetered().wallets(play.world.tenant_id()).await?;
    let after = Digest::of(play, &wallets, &self::states(play).await?);
    findings.check(before == after, Promise::Once, || {
        format!("everything was delivered once more, and that changed {before:?} to {after:?}")
    });
    let waiting = play.world.waiting().await;
    findings.check(waiting == 0, Promise::Leads, || format!("after a replay, {waiting} messages are on the queue"));
    Ok(unknown_lines)
}

/// Credits for all, and time enough for caps to lift.
async fn pay_for_all(play: &mut Play) -> Result<(), StoreError> {
    for _ in 0..CYCLES_MAX {
        play.top_up(ENOUGH).await;
        play.world.settle_down(1).await;
        play.wait_for_numbers().await?;
        if states(play).await?.count(State::Deferred) == 0 {
            break;
        }
        play.world.next_cycle(POOL_MILLI).await;
    }
    Ok(())
}

/// Everything goes well from now on, and so much time goes by that whoever doesn't wait for credits waits no longer.
async fn come_to_rest(play: &mut Play) -> Result<(), StoreError> {
    let world = &play.world;
    world.wire.mend();
    world.apollo.on_call(|_| {});
    for faults in [world.hubspot.faults(), world.apollo.faults()] {
        faults.clear();
    }
    world.wire.tap(&world.hubspot, &world.apollo);
    for _ in 0..DELIVERIES_MAX {
        if play.deliver().await == 0 {
            break;
        }
    }
    play.world.clock.turn(LONG);
    play.world.pump.show_hidden().await;
    play.world.settle_down(1).await;
    play.wait_for_numbers().await
}

async fn states(play: &Play) -> Result<States, StoreError> {
    let contacts: Vec<String> = play.leads.iter().map(|lead| lead.contact.clone()).collect();
    play.world.states(&contacts).await
}

/// Whoever waits for credits waits because there are none.
async fn check_waiting(play: &Play, findings: &mut Findings) -> Result<(), StoreError> {
    let now = play.world.clock.now();
    let wallets = play.world.credits.unmetered().wallets(play.world.tenant_id()).await?;
    let open = wallets.iter().filter(|wallet: &&Wallet| wallet.is_open(now));
    let available: Amounts = open.map(|wallet| &wallet.available).sum();
    let tenant = play.world.tenant();
    let Some(tariff) = play.world.config.person_tariff(tenant, now) else { return Ok(()) };
    let worst: Amounts = [tariff.worst()].iter().chain(&play.worst_number()).sum();
    for (contact, record) in &states(play).await?.records {
        let Some(deferral) = record.deferral.as_ref().filter(|_| record.state == State::Deferred) else { continue };
        let leaves = record.source.filter(|source| source.leaves_floor()).map(|_| &tenant.floor);
        let need: Amounts = leaves.into_iter().chain([&worst]).sum();
        let must_wait = deferral.not_before > now || !available.covers(&need);
        findings.check(must_wait, Promise::Leads, || {
            format!("contact {contact} waits ({:?}) while {available} are there for it", deferral.reason)
        });
    }
    Ok(())
}

fn check_leads(play: &Play, books: &Books, states: &States, findings: &mut Findings) {
    for lead in &play.leads {
        let lines = books.lines_of(Goods::People, &lead.contact);
        let record = states.records.get(&lead.contact);
        lead.check_end(record, lines, &play.known, findings);
        if let Some((there, record)) = play.world.hubspot.contact(&lead.contact).zip(record) {
            lead.check_values(&there, record.state, lines, &play.known, findings);
            lead.check_number(&there, record, books, &play.known, findings);
        }
        let charged: usize = lead.emails.iter().map(|email| play.world.apollo.charges_of(email)).sum();
        findings.check(charged <= lines.hits + lines.unknowns, Promise::Once, || {
            format!("the provider charged {charged} times for contact {}, we know of {lines:?}", lead.contact)
        });
    }
}

/// No credit is spent before its wallet opens or after it expires, no cycle is granted more than the plan says, and
/// each purchase is reckoned with the price list that was in force.
fn check_wallets(world: &World, books: &Books, wallets: &[Wallet], findings: &mut Findings) {
    let plan = &world.tenant().plan;
    let wallets: BTreeMap<&str, &Wallet> = wallets.iter().map(|wallet| (wallet.wallet.0.as_str(), wallet)).collect();
    for (name, wallet) in wallets.iter().filter(|(name, _)| name.starts_with("plan-")) {
        findings.check(wallet.granted == plan.grant, Promise::Credits, || {
            format!("wallet {name} was granted {}, the plan says {}", wallet.granted, plan.grant)
        });
    }
    for purchase in &books.purchases {
        let Some(began) = purchase.began() else { continue };
        for slice in &purchase.slices {
            let name = slice.wallet.0.as_str();
            let wallet = wallets.get(name);
            let open = wallet.is_some_and(|wallet| wallet.is_open(began));
            // What arrives in a new cycle is charged in it, and paid from it.
            let arrives = purchase.goods == Goods::Numbers && wallet.is_some_and(|wallet| began < wallet.opens);
            let of_cycle =
                !name.starts_with("plan-") || due(world.tenant(), began).iter().any(|due| due.wallet.0 == name);
            findings.check(open && of_cycle || arrives, Promise::Credits, || {
                format!("purchase {} was paid from {name}, which was not open at {began}", purchase.id)
            });
        }
        let tariff = match purchase.goods {
            Goods::People => world.config.person_tariff(world.tenant(), began),
            Goods::Numbers => world.config.later_tariff(world.tenant(), &world.tenant().later_fields(), began),
            Goods::Employers => world.config.organization_tariff(world.tenant(), began),
        };
        let version = tariff.as_ref().map(Tariff::version);
        findings.check(version.as_ref() == Some(&purchase.price_version), Promise::Order, || {
            format!("purchase {} was reckoned with {}, not {version:?}", purchase.id, purchase.price_version)
        });
        let price = tariff.map(|tariff| tariff.worst()).unwrap_or_default();
        let dear = purchase.lines.iter().find(|line| !line.cost.is_zero() && line.cost != price);
        findings.check(dear.is_none(), Promise::Order, || {
            format!("purchase {} has {dear:?}, where one costs {price}", purchase.id)
        });
    }
}

/// What must not change when everything is delivered once more.
#[derive(Debug, PartialEq)]
struct Digest {
    wallets: Vec<Wallet>,
    charged: i64,
    states: BTreeMap<String, State>,
    contacts: BTreeMap<String, BTreeMap<String, String>>,
}

impl Digest {
    fn of(play: &Play, wallets: &[Wallet], states: &States) -> Self {
        let contacts = play.world.hubspot.contacts().into_iter();
        // Whoever was deleted after they had come to their end is found gone by a replay: that is an end, too.
        let there = play.leads.iter().filter(|lead| !lead.deleted);
        let state = |lead: &Lead| Some((lead.contact.clone(), states.records.get(&lead.contact)?.state));
        Self {
            wallets: wallets.to_vec(),
            charged: play.world.apollo.ledger().credits_charged,
            states: there.filter_map(state).collect(),
            contacts: contacts.map(|contact| (contact.id.clone(), contact.properties())).collect(),
        }
    }
}

/// Everything that HubSpot ever told, and everything that was ever on the queue, once more.
async fn replay(play: &mut Play) {
    if !play.told.is_empty() {
        play.world.deliver_again(&play.told).await;
    }
    // An observer's call isn't broken.
    let _ = play.world.queue.send(&play.seen.sent()).await;
    let _ = play.world.queue.send_hints(&play.seen.hints()).await;
    play.callbacks_again().await;
    play.world.pump.run_dry(1).await;
}
