//! Which mailbox writes to whom. Each has so many places a day, which all workers share.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::civil::Date;
use leadgate_enrichment::clock::until;
use leadgate_enrichment::enrolment::line::Place;
use leadgate_enrichment::enrolment::sequencer::{SequencerCall, why_not};
use tracing::{error, warn};

use crate::batch::{Batch, Outcomes, Work, postponed};
use crate::call::{MINUTES, TROUBLE, call};
use crate::contacts::Contactable;

/// Those who are to be enrolled in one call.
pub(crate) struct Group<'m> {
    pub(crate) mailbox: String,
    pub(crate) works: Vec<Work<'m>>,
}

/// Gives each a mailbox, the least used first, and writes down that the vendor is about to be told. Those for whom no
/// mailbox has a place wait for the next day.
pub(crate) async fn place<'m>(
    batch: &Batch<'_>,
    contactable: Vec<Contactable<'m>>,
    outcomes: &mut Outcomes,
) -> Vec<Group<'m>> {
    if contactable.is_empty() {
        return Vec::new();
    }
    let usable = usable(batch).await;
    if usable.is_empty() {
        let works = contactable.into_iter().map(|contactable| contactable.work).collect();
        let end = postponed("none of the rule's mailboxes can be sent from", MINUTES);
        batch.give_back(works, &end, outcomes).await;
        return Vec::new();
    }
    let (mut placed, mut open) = (Vec::new(), Vec::new());
    for Contactable { work, contact } in contactable {
        let mailbox = work.line.place().map(|place| place.mailbox.clone());
        match mailbox.filter(|mailbox| usable.contains(mailbox)) {
            // Another worker took a place for them, and it isn't known whether it was used.
            Some(mailbox) => placed.push((work, Place { contact, mailbox })),
            None => open.push((work, contact)),
        }
    }
    let day = batch.now().to_zoned(batch.tenant.time_zone.clone()).date();
    match take(batch, &usable, open.len(), day).await {
        Ok(mailboxes) => {
            let mut open = open.into_iter();
            let taken = mailboxes.iter().flat_map(|(mailbox, count)| std::iter::repeat_n(mailbox, *count));
            let with_place = taken.zip(open.by_ref());
            placed.extend(
                with_place.map(|(mailbox, (work, contact))| (work, Place { contact, mailbox: mailbox.clone() })),
            );
            let rest: Vec<Work<'_>> = open.map(|(work, _)| work).collect();
            if !rest.is_empty() {
                let end = postponed("the mailboxes have no place left today", until_next_day(batch, day));
                batch.give_back(rest, &end, outcomes).await;
            }
        }
        Err(reason) => {
            let works = open.into_iter().map(|(work, _)| work).collect();
            batch.give_back(works, &postponed(reason, TROUBLE), outcomes).await;
        }
    }
    let told = placed.into_iter().map(|(work, place)| Work { line: work.line.enrolling(place), ..work }).collect();
    let mut groups: BTreeMap<String, Vec<Work<'_>>> = BTreeMap::new();
    for work in batch.write(told, outcomes).await {
        let Some(mailbox) = work.line.place().map(|place| place.mailbox.clone()) else { continue };
        groups.entry(mailbox).or_default().push(work);
    }
    groups.into_iter().map(|(mailbox, works)| Group { mailbox, works }).collect()
}

/// Those of the rule's mailboxes that the vendor says can be sent from: one that can't would have everybody in its call refused.
/// When the vendor doesn't say, all are tried.
async fn usable(batch: &Batch<'_>) -> Vec<String> {
    let (tenant, rule) = (&batch.tenant.id, batch.rule);
    let list = |timeout| batch.sequencer.mailboxes(timeout);
    let there = match call(batch, SequencerCall::Mailboxes, list).await {
        Ok(there) => there,
        Err(error) => {
            warn!(%tenant, %error, "the vendor doesn't say which mailboxes there are: all are tried");
            return rule.mailboxes.clone();
        }
    };
    let is_usable = |id: &&String| match why_not(id, &there) {
        None => true,
        Some(reason) => {
            let (rule, mailbox) = (&rule.name, id);
            error!(%tenant, rule, mailbox, reason, "a mailbox is left out: mend it at the vendor, or take it out of the rule");
            false
        }
    };
    rule.mailboxes.iter().filter(is_usable).cloned().collect()
}

/// Takes places for so many, or for as many as there are: how many of each mailbox. As few mailboxes as possible, since each
/// is a call.
async fn take(
    batch: &Batch<'_>,
    usable: &[String],
    wanted: usize,
    day: Date,
) -> Result<Vec<(String, usize)>, &'static str> {
    let mut left = u32::try_from(wanted).unwrap_or(u32::MAX);
    if left == 0 {
        return Ok(Vec::new());
    }
    let (rule, tenant, enrolments) = (batch.rule, &batch.tenant.id, &batch.worker.enrolments);
    let used: HashMap<String, u32> = enrolments.places_taken(tenant, usable, day).await.map_err(|error| error.doing)?;
    let used = |mailbox: &String| used.get(mailbox).copied().unwrap_or_default();
    let mut mailboxes: Vec<&String> = usable.iter().collect();
    mailboxes.sort_by_key(|mailbox| used(mailbox));
    let mut taken = Vec::new();
    for mailbox in mailboxes {
        let room = rule.mailbox_per_day.saturating_sub(used(mailbox)).min(left);
        if room == 0 {
            continue;
        }
        match enrolments.take_places((tenant, mailbox, day), room, rule.mailbox_per_day, batch.now()).await {
            Ok(true) => {
                taken.push((mailbox.clone(), room as usize));
                left -= room;
            }
            // Another worker took some meanwhile: whoever is left over comes again soon.
            Ok(false) if taken.is_empty() => return Err("another worker took places of the same mailbox"),
            Ok(false) => break,
            Err(error) if taken.is_empty() => return Err(error.doing),
            Err(error) => {
                warn!(%tenant, %error, "not all places could be taken");
                break;
            }
        }
    }
    Ok(taken)
}

/// How long it is until the tenant's next day begins.
fn until_next_day(batch: &Batch<'_>, day: Date) -> Duration {
    let next = day.tomorrow().ok().and_then(|day| day.to_zoned(batch.tenant.time_zone.clone()).ok());
    next.map_or(TROUBLE, |next| until(batch.now(), next.timestamp()).max(TROUBLE))
}
