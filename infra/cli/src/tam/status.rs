//! `leadgate tam status`: how far the lists are.

use std::process::ExitCode;

use jiff::Timestamp;
use leadgate_aws::table::Consistency;
use leadgate_enrichment::icp::Icp;
use leadgate_enrichment::icp::list::{List, Stopped};
use leadgate_enrichment::ids::RecordKey;
use leadgate_enrichment::lead::record::StateName;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Arguments, icp, people};
use crate::books::Books;
use crate::credits::{amounts, decimals};
use crate::terminal::{count, object, say};
use crate::{Failure, Outcome};

/// Which lists.
#[derive(clap::Args)]
pub(super) struct What {
    /// The profile's name in the configuration [default: all of them].
    name: Option<String>,
}

/// A list beside the profile that it is built for.
pub(super) struct Status<'b> {
    books: &'b Books,
    icp: &'b Icp,
    /// `None` before its first night.
    list: Option<List>,
    became: Became,
}

/// What has become of those who were asked for. Who is none of it is on the queue, or being worked on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Became {
    /// Everybody who was asked for.
    requested: usize,
    /// They are in the CRM, with what was bought, or what was known of them already.
    in_crm: usize,
    /// They wait for credits, or for a cap to lift.
    waiting: usize,
    /// The provider didn't know them after all.
    unmatched: usize,
    /// They could not be bought or created, or asked to be forgotten: `leadgate credits explain` says why.
    failed: usize,
}

impl Became {
    async fn of(books: &Books, requested: &[RecordKey]) -> Result<Self, Failure> {
        let records = books.records.read(requested, Consistency::Eventual).await?;
        let ended = |names: &[StateName]| records.values().filter(|it| names.contains(&it.state.name())).count();
        Ok(Self {
            requested: requested.len(),
            in_crm: ended(&[StateName::Written]),
            waiting: ended(&[StateName::Deferred, StateName::Released]),
            unmatched: ended(&[StateName::Unmatched]),
            failed: ended(&[StateName::Failed, StateName::Refused]),
        })
    }

    fn line(self) -> String {
        let Self { requested, in_crm, waiting, unmatched, failed } = self;
        let on_the_way = requested - (in_crm + waiting + unmatched + failed).min(requested);
        format!(
            "  Of {} asked for: {in_crm} in the CRM, {waiting} waiting for credits, {unmatched} unknown to the provider \
             after all, {failed} failed or refused, {on_the_way} on the way.",
            people(requested as u64)
        )
    }
}

pub(super) async fn run(books: &Books, arguments: &Arguments, what: &What) -> Outcome {
    let lists = statuses(books, arguments, what).await?;
    if arguments.json {
        let lists: Vec<Value> = lists.iter().map(Status::json).collect();
        println!("{}", object(json!({ "tenant": books.tenant, "place": books.place, "lists": lists })));
    } else {
        say(&format!("{}, lists of {}", books.place, books.tenant));
        if lists.is_empty() {
            say("No profile is configured: see [tenants.T.icps.NAME].");
        }
        lists.iter().flat_map(Status::lines).for_each(|line| say(&line));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn statuses<'b>(
    books: &'b Books,
    arguments: &Arguments,
    what: &What,
) -> Result<Vec<Status<'b>>, Failure> {
    let icps = match &what.name {
        Some(name) => vec![icp(books, name)?],
        None => books.tenant().icps.values().collect(),
    };
    let store = books.lists(arguments.lists_table.as_deref())?;
    let mut lists = Vec::new();
    for icp in icps {
        let list = store.read(&books.tenant, &icp.name).await?;
        let requested = store.all_requested(&books.tenant, &icp.name).await?;
        let became = Became::of(books, &requested).await?;
        lists.push(Status { books, icp, list, became });
    }
    Ok(lists)
}

impl Status<'_> {
    pub(super) fn lines(&self) -> Vec<String> {
        let (name, icp) = (&self.icp.name, self.icp);
        let Some(list) = &self.list else { return vec![format!("{name}: its first night is still to come.")] };
        let (night, sums) = (&list.night, &list.sums);
        let mut lines = vec![format!("{name}: {}", self.standing(list))];
        if list.search != icp.search_version() {
            lines.push("  The search was changed since: the next night begins it anew.".to_owned());
        }
        lines.push(format!(
            "  All nights: {} bought, {} on them, {} fit, {} looked into; {} found there, {} asked for.",
            count(sums.pages, "page"),
            count(sums.accounts, "account"),
            sums.fitting,
            sums.searched,
            people(sums.people),
            sums.requested
        ));
        lines.push(self.became.line());
        lines.push(format!(
            "  The night of {}: {}, {} looked into, {} asked for; {} used of {}, at most.",
            night.run,
            count(night.sums.pages, "page"),
            count(night.sums.searched, "account"),
            people(night.sums.requested),
            amounts(&night.used),
            amounts(&icp.budget)
        ));
        if list.ended_at.is_none() {
            lines.push(format!("  Left: {}.", self.left(list)));
        }
        if list.walk.searches > 1 {
            lines.push(format!(
                "  The search was split into {}: {} doesn't show all of it at once.",
                list.walk.searches, icp.provider
            ));
        }
        if list.walk.unreachable > 0 {
            let accounts = count(list.walk.unreachable, "account");
            lines.push(format!("  {} shows {accounts} of it in no search: make the search narrower.", icp.provider));
        }
        if sums.unknown_pages > 0 {
            let pages = count(sums.unknown_pages, "page");
            lines.push(format!("  {pages} may have been paid for without having been seen: asked for once more."));
        }
        lines
    }

    fn standing(&self, list: &List) -> String {
        match (list.night.stopped, list.ended_at) {
            (_, Some(at)) => format!("at its end since {}.", self.time(at)),
            (None, None) if self.books.now < list.claimed_until => "being worked on.".to_owned(),
            (None, None) => "tonight's run goes on.".to_owned(),
            (Some(why), None) => format!("goes on next night. {}", told(why)),
        }
    }

    fn left(&self, list: &List) -> String {
        let accounts = format!("{} to look for people at", count(list.accounts.len(), "account"));
        match list.walk.next(self.icp) {
            Some((_, page)) => format!("{accounts}, and the search from page {page} on"),
            None => accounts,
        }
    }

    fn time(&self, at: Timestamp) -> String {
        at.to_zoned(self.books.zone().clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }

    pub(super) fn json(&self) -> Value {
        let Some(list) = &self.list else { return json!({ "icp": self.icp.name, "run": null }) };
        let stopped: Option<&str> = list.night.stopped.map(Into::into);
        json!({
            "icp": self.icp.name, "run": list.night.run, "stopped": stopped,
            "ended_at": list.ended_at.map(|at| at.to_string()),
            "is_changed": list.search != self.icp.search_version(),
            "budget": decimals(&self.icp.budget), "used": decimals(&list.night.used),
            "night": list.night.sums, "all_nights": list.sums,
            "became": self.became,
            "accounts_left": list.accounts.len(), "next_page": list.walk.next(self.icp).map(|(_, page)| page),
            "searches": list.walk.searches, "unreachable": list.walk.unreachable,
        })
    }
}

/// Why a night has ended, for people.
pub(super) fn told(why: Stopped) -> &'static str {
    match why {
        Stopped::AtTheEnd => "All was read.",
        Stopped::Budget => "The budget of the night was used up.",
        Stopped::Credits => "The credits, the floor or a cap left nothing for a page.",
        Stopped::ProviderOutOfCredits => "The provider says that our credits with it are used up.",
        Stopped::Refused => "The provider refused the key, the plan or the search, or a price was missing.",
        Stopped::Unknown => "Of too many pages it isn't known whether they were paid for.",
    }
}
