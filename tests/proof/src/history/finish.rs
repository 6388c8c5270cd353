//! Coming to rest, and looking at what must be true.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use leadgate_aws::error::StoreError;
use leadgate_enrichment::clock::Clock;
use leadgate_enrichment::credits::Amounts;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::lead::record::StateName;

use super::crm::Crm;
use super::model::Lead;
use super::plan::Edit;
use super::play::Play;
use super::terms::POOL_MILLI;
use crate::books::{Books, Goods, Lines, at_rest, charges_of};
use crate::violation::{Findings, Promise};
use leadgate_sandbox::simulators::apollo::Polls;
use leadgate_sandbox::world::States;

/// HubSpot tries so often.
const DELIVERIES_MAX: usize = 12;
/// Longer than anything waits that isn't waiting for credits.
const LONG: Duration = Duration::from_secs(2 * 60 * 60);
/// Enough for every lead of a history, whatever has become of the credits before.
const ENOUGH: i64 = 50;
/// So many leads appear in most histories.
const LEADS_USUAL: usize = 6;
/// A cap lets through at least one lead in a cycle.
const CYCLES_MAX: usize = LEADS_USUAL + 2;

/// Lets everything come to rest, first with the credits that there are, then with enough for all; checks what must be
/// true at either; and delivers everything once more, which must change nothing. Gives the lines that are unknown.
pub(super) async fn finish(play: &mut Play, findings: &mut Findings) -> Result<usize, StoreError> {
    come_to_rest(play).await?;
    play.strangers_are_leads(findings).await?;
    play.check_plan(findings).await?;
    play.check_pool(findings).await?;
    check_waiting(play, findings).await?;
    play.check_floor(findings).await?;
    change_what_was_refused(play).await?;
    play.send_the_crowd_home().await?;
    play.back_to_months(findings);
    pay_for_all(play).await?;
    // What was refused of those who have waited too long meanwhile.
    if change_what_was_refused(play).await? {
        pay_for_all(play).await?;
    }
    play.finish_the_list(findings).await?;
    // The echoes of what was written.
    play.deliver().await;
    play.world.settle_down(1).await;

    let mut books = at_rest(&play.world).await;
    play.check_once(&mut books);
    play.check_companies(&mut books, findings).await?;
    let states = states(play).await?;
    let wallets = play.world.credits.unmetered().wallets(play.world.tenant_id()).await?;
    check_leads(play, &books, &states, findings);
    play.check_wallets(&books, &wallets, findings);
    play.check_several(&books, &wallets, &states, findings);
    play.check_caps(&books, findings).await?;
    play.check_the_list(&books, findings).await?;
    play.check_signals(findings).await?;
    play.check_pool(findings).await?;
    play.check_cycles(&books, findings).await?;
    play.check_unknowns(&books, findings);
    play.check_tries(&books, findings);
    play.check_the_neighbour(findings).await?;
    check_calm(play, &books, findings);
    let unknown_lines = books.lines.values().map(|lines| lines.unknowns).sum();
    findings.extend(books.findings);
    if play.wide.windows.is_some() {
        // What went stale meanwhile would be bought again.
        return Ok(unknown_lines);
    }

    let before = (Digest::of(play, &wallets, &states), play.companies_now().await?);
    replay(play).await;
    let wallets = play.world.credits.unmetered().wallets(play.world.tenant_id()).await?;
    let after = (Digest::of(play, &wallets, &self::states(play).await?), play.companies_now().await?);
    findings.check(before == after, Promise::Once, || {
        let changed = before.0.difference(&after.0);
        format!(
            "everything was delivered once more, and that changed {changed}; companies: {:?}, {:?}",
            before.1, after.1
        )
    });
    let waiting = play.world.waiting().await;
    findings.check(waiting == 0, Promise::Leads, || format!("after a replay, {waiting} messages are on the queue"));
    Ok(unknown_lines)
}

/// Where nothing can leave us not knowing, everything is known; but for numbers that the provider has forgotten, or never
/// finds.
fn check_calm(play: &Play, books: &Books, findings: &mut Findings) {
    if !play.calm {
        return;
    }
    let lost = play.leads.iter().any(|lead| play.has_lost_a_number(lead));
    let charged = charged(play);
    let of_numbers: i64 =
        books.lines.iter().filter(|((goods, _), _)| *goods == Goods::Numbers).map(|(_, lines)| lines.unknown).sum();
    // A provider that is filled up again within a cycle counts from none.
    let drifts = if play.several.is_some() { 0 } else { books.drifts };
    let known =
        if lost { books.unknown == of_numbers } else { (books.spent, books.unknown, drifts) == (charged, 0, 0) };
    findings.check(known, Promise::Order, || {
        let Books { spent, unknown, .. } = books;
        format!("nothing was unknown, and {charged} charged are {spent} spent, {unknown} unknown, {drifts} drifts")
    });
}

/// What all providers have charged, in thousandths.
fn charged(play: &Play) -> i64 {
    play.world.tenants_providers().iter().map(|(_, provider)| provider.ledger().credits_charged).sum()
}

/// Credits for all, and time enough for caps to lift.
async fn pay_for_all(play: &mut Play) -> Result<(), StoreError> {
    let count = play.leads.len() + play.companies.len();
    for _ in 0..CYCLES_MAX.max(count + 2) {
        let enough = ENOUGH * i64::try_from(count.div_ceil(LEADS_USUAL)).unwrap_or(1);
        play.top_up(enough).await;
        play.pay_for_the_neighbour(enough).await?;
        play.world.settle_down(1).await;
        play.wait_for_numbers().await?;
        let is_parked = states(play).await?.count(StateName::Deferred) > 0
            || play.a_company_waits().await?
            || play.neighbour_waits().await?;
        if !is_parked && !play.waits_for_numbers().await? {
            break;
        }
        play.next_cycle().await?;
    }
    Ok(())
}

/// Everything goes well from now on, and so much time goes by that whoever doesn't wait for credits waits no longer.
async fn come_to_rest(play: &mut Play) -> Result<(), StoreError> {
    let world = &play.world;
    world.wire.mend();
    world.apollo.set_polls(Polls::Answered);
    world.crm().faults().clear();
    for (_, provider) in world.tenants_providers() {
        provider.watch_calls(Arc::new(|_| {}));
        provider.faults().clear();
        if play.several.is_some() {
            provider.set_left(POOL_MILLI);
        }
    }
    Crm::tap(world);
    for _ in 0..DELIVERIES_MAX {
        if play.deliver().await == 0 {
            break;
        }
    }
    play.tell_again(false).await;
    play.world.clock.turn(LONG);
    play.world.pump.show_hidden().await;
    play.world.settle_down(1).await;
    if play.wide.signals {
        // About one that has been in trouble for more than a month, somebody has been told.
        play.world.redrive_enrolments().await;
        play.world.settle_down(1).await;
    }
    play.wait_for_numbers().await
}

/// What the CRM has refused is kept until the record changes. Whether there was any.
async fn change_what_was_refused(play: &mut Play) -> Result<bool, StoreError> {
    let states = states(play).await?;
    let refused = |lead: &Lead| {
        let record = states.records.get(&lead.contact);
        record.is_some_and(|record| record.state.is_failed() && !record.patch.is_empty())
    };
    let refused: Vec<usize> = (0..play.leads.len()).filter(|lead| refused(&play.leads[*lead])).collect();
    for lead in &refused {
        play.edit(*lead, Edit::Company);
    }
    if !refused.is_empty() {
        play.deliver().await;
        play.world.settle_down(1).await;
    }
    Ok(!refused.is_empty())
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
    let Some(tariff) = play.world.config.person_tariff(&tenant.provider, now) else { return Ok(()) };
    let worst: Amounts = [tariff.worst()].iter().chain(&play.worst_number()).sum();
    for (contact, record) in &states(play).await?.records {
        let Some(deferral) = record.state.deferral() else { continue };
        let worst = if play.several.is_some() { deferral.worst.clone() } else { worst.clone() };
        let leaves = record.source.filter(|source| source.leaves_floor()).map(|_| &tenant.floor);
        let need: Amounts = leaves.into_iter().chain([&worst]).sum();
        // Those in front go first, and each of them takes up the credits for a while, as they aren't there any more.
        let is_behind = play.crowd.iter().filter_map(|record| record.state.deferral()).any(|it| it.not_before <= now);
        let must_wait = is_behind || deferral.not_before > now || !available.covers(&need);
        findings.check(must_wait, Promise::Leads, || {
            format!("contact {contact} waits ({:?}) while {available} are there for it", deferral.reason)
        });
    }
    play.check_waiting_companies(&available, findings).await
}

fn check_leads(play: &Play, books: &Books, states: &States, findings: &mut Findings) {
    for lead in &play.leads {
        let lines = books.lines_of(Goods::People, &lead.contact);
        let record = states.records.get(&lead.contact);
        lead.check_end(record, lines, &play.known, play.give_up(lead), findings);
        let is_there = play.crm == Crm::HUBSPOT || !lead.is_gone();
        let there = play.world.crm().card(&lead.contact).filter(|_| is_there);
        if let Some((there, record)) = there.zip(record) {
            lead.check_values(&*play.world.crm(), &there, &record.state, lines, &play.known, findings);
            // Whose number could not be paid for within the time after which leads are given up goes without it.
            let given_up = play.wide.windows.is_some() && books.hits_with_a_number(&lead.contact, false) > 0;
            let is_lost = play.was_unmapped || given_up || play.has_lost_a_number(lead);
            lead.check_number(&there, record, books, &play.known, is_lost, findings);
        }
        let charged: usize = lead.emails.iter().map(|email| charges_of(&play.world, email)).sum();
        let before: usize = lead
            .emails
            .iter()
            .map(|email| {
                let Lines { hits, unknowns, .. } = play.lines_as_candidate(books, email);
                hits + unknowns
            })
            .sum();
        findings.check(charged <= before + lines.hits + lines.unknowns, Promise::Once, || {
            format!("the provider charged {charged} times for contact {}, we know of {lines:?}", lead.contact)
        });
    }
}

/// What must not change when everything is delivered once more.
#[derive(Debug, PartialEq)]
struct Digest {
    wallets: Vec<Wallet>,
    charged: i64,
    states: BTreeMap<String, StateName>,
    contacts: BTreeMap<String, BTreeMap<String, String>>,
}

impl Digest {
    /// What of it has become what.
    fn difference(&self, after: &Self) -> String {
        let wallets = self.wallets.iter().filter(|wallet| !after.wallets.contains(wallet));
        let wallets: Vec<_> =
            wallets.map(|wallet| (wallet, after.wallets.iter().find(|it| it.wallet == wallet.wallet))).collect();
        let states: Vec<_> = self.states.iter().filter(|(id, state)| after.states.get(*id) != Some(state)).collect();
        let values = |contacts: &BTreeMap<String, BTreeMap<String, String>>, id: &str| contacts.get(id).cloned();
        let ids = self.contacts.keys().filter(|id| values(&self.contacts, id) != values(&after.contacts, id));
        let contacts: Vec<_> = ids.map(|id| (id, values(&self.contacts, id), values(&after.contacts, id))).collect();
        let charged = (self.charged, after.charged);
        format!(
            "charged {charged:?}, wallets {wallets:?}, states {states:?} to {:?}, contacts {contacts:?}",
            after.states
        )
    }

    fn of(play: &Play, wallets: &[Wallet], states: &States) -> Self {
        let crm = play.world.crm();
        let contacts = play.leads.iter().filter_map(|lead| Some((lead.contact.clone(), crm.card(&lead.contact)?)));
        // Whoever was deleted after they had come to their end is found gone by a replay: that is an end, too.
        let there = play.leads.iter().filter(|lead| !lead.deleted);
        let state = |lead: &Lead| Some((lead.contact.clone(), states.records.get(&lead.contact)?.state.name()));
        Self {
            wallets: wallets.to_vec(),
            charged: charged(play),
            states: there.filter_map(state).collect(),
            contacts: contacts.collect(),
        }
    }
}

/// Everything that the CRM ever told, and everything that was ever on the queue, once more.
async fn replay(play: &mut Play) {
    if !play.told.is_empty() {
        play.world.deliver_again(&play.told).await;
    }
    // An observer's call isn't broken.
    let _ = play.world.queue.send(&play.seen.sent()).await;
    let _ = play.world.queue.send_hints(&play.seen.hints()).await;
    play.callbacks_again().await;
    play.tell_again(true).await;
    match play.wide.signals {
        // One about the same person waits for the other.
        true => play.world.settle_down(1).await,
        false => play.world.pump.run_dry(1).await,
    }
}
