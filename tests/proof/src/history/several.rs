//! Several providers, asked one after another: each is paid from its own credits, and none is asked in vain.

use std::sync::Arc;

use fastrand::Rng;
use leadgate_enrichment::config::Waterfall;
use leadgate_enrichment::credits::ledger::LineResult;
use leadgate_enrichment::credits::wallet::Wallet;
use leadgate_enrichment::lead::patch::is_same_number;
use leadgate_enrichment::lead::record::State;

use super::crm::Crm;
use super::model::Lead;
use super::numbers::NUMBER;
use super::play::Play;
use super::seen::Moment;
use super::wide::Wide;
use crate::books::{Books, Goods, Purchase};
use crate::violation::{Findings, Promise};
use crate::way::PROVIDERS;
use leadgate_sandbox::simulators::SimulatedProvider;
use leadgate_sandbox::simulators::apollo::{Charge, Item};
use leadgate_sandbox::world::{Settings, States};

/// The first of the providers is there in every configuration.
const FIRST: &str = PROVIDERS[0];
/// Whom each has to be asked for numbers at once.
const OF_NUMBERS: [&str; 2] = ["pdl", "lusha"];
/// Those that have an answer for people of whom they may not say anything.
const SUPPRESSING: [&str; 2] = ["hunter", "lusha"];

/// Who checks addresses.
const VERIFIER: &str = "hunter";
/// Where they are written.
pub(super) const ADDRESS: &str = "work_email";
/// Whose leads an owner's are is told with this property.
const OWNER: &str = "hubspot_owner_id";
/// The owners whose leads take the route, where there is one.
const ROUTED_OWNERS: [&str; 1] = ["1"];

/// What is paid with at each but the first.
const KINDS: [(&str, &str); 3] = [("pdl", "pdl_credits"), ("hunter", "hunter_searches"), ("lusha", "lusha_credits")];

/// Who is asked, in which order, and what becomes of those who can't be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Several {
    /// Until one knows the person.
    order: Vec<&'static str>,
    /// The same for leads of some owners, where they take a route of their own.
    routed: Option<Vec<&'static str>>,
    /// Until one has a number. Nobody, where numbers aren't wanted.
    numbers: Vec<&'static str>,
    /// Whether addresses are checked before they are written.
    checks: bool,
    /// Whether a provider without credits is left out.
    skips_exhausted: bool,
    /// Whether one that can't be asked is left out.
    skips_unavailable: bool,
    /// What each cycle of the others starts with.
    credits: i64,
    /// Of ten people, so many are unknown to each.
    unknown_of_ten: u8,
}

impl Several {
    /// Not with the chance that everything else comes from.
    pub(super) fn made_up(seed: u64, wide: Wide) -> Option<Self> {
        let mut rng = Rng::with_seed(seed.rotate_left(48) ^ 0x5e7e);
        wide.several.then(|| {
            let mut others = PROVIDERS[1..].to_vec();
            rng.shuffle(&mut others);
            others.truncate(rng.usize(1..=others.len()));
            let mut order = [&[FIRST], others.as_slice()].concat();
            rng.shuffle(&mut order);
            let mut numbers: Vec<&str> = order.iter().copied().filter(|name| OF_NUMBERS.contains(name)).collect();
            rng.shuffle(&mut numbers);
            if rng.u8(..3) > 0 {
                numbers.clear();
            }
            let credits = if rng.bool() { 100 } else { rng.i64(2..=8) };
            let (skips_exhausted, skips_unavailable) = (rng.bool(), rng.bool());
            let unknown_of_ten = [2, 5, 7][rng.usize(..3)];
            let routed = rng.bool().then(|| {
                let mut routed = order.clone();
                rng.shuffle(&mut routed);
                routed
            });
            let checks = order.contains(&VERIFIER) && rng.bool();
            Self { order, routed, numbers, checks, skips_exhausted, skips_unavailable, credits, unknown_of_ten }
        })
    }

    /// Whether numbers are wanted.
    pub(super) fn has_numbers(&self) -> bool {
        !self.numbers.is_empty()
    }

    /// The kinds of credit beside those of the first.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.order.iter().filter_map(|name| KINDS.iter().find(|(own, _)| own == name)).map(|(_, kind)| *kind)
    }

    /// The world with these providers in it.
    pub(super) fn served(&self, settings: Settings, crm: Crm) -> Settings {
        let others: Vec<&str> = self.order.iter().copied().filter(|name| *name != FIRST).collect();
        let policy = |skips: bool| if skips { "skip" } else { "wait" };
        let mut waterfall = format!(
            "order = {:?}\non_exhausted = \"{}\"\non_unavailable = \"{}\"",
            self.order,
            policy(self.skips_exhausted),
            policy(self.skips_unavailable)
        );
        if self.has_numbers() {
            waterfall += &format!("\nfields = {{ mobile_phone = {:?} }}", self.numbers);
        }
        let checks = self.checks && crm == Crm::HUBSPOT;
        if checks {
            waterfall += &format!("\nverify = {{ email = \"{VERIFIER}\" }}");
        }
        // Whose a lead is is said at one CRM.
        if let Some(routed) = self.routed.as_ref().filter(|_| crm == Crm::HUBSPOT) {
            waterfall += &format!(
                "\n[[tenants.demo.waterfall.routes]]\nname = \"by owner\"\norder = {routed:?}\n\
                 when = [{{ property = \"{OWNER}\", one_of = {ROUTED_OWNERS:?} }}]\n"
            );
        }
        let mut settings = settings;
        if checks {
            let (table, mapped) = ("[tenants.demo.fields]\n", format!("{ADDRESS} = {{ from = \"email\" }}\n"));
            settings.config = settings.config.replacen(table, &format!("{table}{mapped}"), 1);
        }
        let mut settings = settings.with_beside(&others, &waterfall);
        for kind in self.kinds() {
            settings.config = settings.config.replace(&format!("{kind} = 2500"), &format!("{kind} = {}", self.credits));
        }
        let share = f64::from(self.unknown_of_ten) / 10.0;
        settings.apollo.unknown_share = share;
        settings.accounts.all().into_iter().for_each(|account| account.unknown_share = share);
        settings
    }

    /// In which order this lead's providers are asked.
    fn order_of(&self, lead: &Lead, crm: Crm) -> &[&'static str] {
        let is_routed = crm == Crm::HUBSPOT && ROUTED_OWNERS.contains(&lead.owner.as_str());
        self.routed.as_ref().filter(|_| is_routed).unwrap_or(&self.order)
    }

    /// Whether a provider may be left out.
    fn skips(&self) -> bool {
        self.skips_exhausted || self.skips_unavailable
    }
}

impl Play {
    /// One of the providers.
    pub(super) fn any_provider(&mut self) -> Arc<dyn SimulatedProvider> {
        let mut providers = self.world.tenants_providers();
        providers.swap_remove(self.chance.usize(..providers.len())).1
    }

    /// Those that have an answer for it may not say anything of this person any more.
    pub(super) fn suppress(&mut self, lead: usize) {
        let lead = &mut self.leads[lead];
        let Some(email) = lead.emails.last() else { return };
        for (name, provider) in self.world.tenants_providers() {
            if SUPPRESSING.contains(&name) && provider.suppress(email) {
                lead.suppressed.push(Suppressed { email: email.clone(), by: name, at: self.seen.moment() });
            }
        }
    }

    /// What must be true at rest where there are several providers.
    pub(super) fn check_several(&self, books: &Books, wallets: &[Wallet], states: &States, findings: &mut Findings) {
        let Some(several) = &self.several else { return };
        self.check_own_wallets(books, wallets, findings);
        for lead in &self.leads {
            let lines = Lines::of(books, lead);
            self.check_asked(lead, &lines, findings);
            self.check_steps(lead, &lines, several, findings);
            self.check_suppressed(lead, &lines, findings);
            self.check_addresses(books, lead, findings);
            let is_written = states.records.get(&lead.contact).is_some_and(|record| record.state == State::Written);
            if is_written && lead.is_plain() && lines.unknowns() == 0 {
                self.check_order(lead, &lines, several, findings);
            }
        }
    }

    /// What a provider has charged was spent from its own wallets, but for what is unknown; and each purchase was paid from
    /// those of the provider that was asked.
    fn check_own_wallets(&self, books: &Books, wallets: &[Wallet], findings: &mut Findings) {
        let tenant = self.world.tenant();
        for (name, provider) in self.world.tenants_providers() {
            let Some(own) = tenant.provider_named(name) else { continue };
            let spent = wallets.iter().flat_map(|wallet| wallet.spent.iter());
            let spent: i64 =
                spent.filter(|(bucket, _)| tenant.is_credit_of(own, bucket)).map(|(_, amount)| amount.get()).sum();
            let charged = provider.ledger().credits_charged;
            let unknown = books.by_provider.get(name).map_or(0, |lines| lines.unknown);
            findings.check(charged <= spent, Promise::Credits, || {
                format!("{name} charged {charged}, and {spent} were spent from its wallets")
            });
            findings.check(spent - charged <= unknown, Promise::Order, || {
                format!("{spent} were spent from the wallets of {name}, which charged {charged}; {unknown} unknown")
            });
        }
        for purchase in &books.purchases {
            let Some(own) = tenant.provider_named(&purchase.provider) else {
                findings
                    .note(Promise::Order, format!("purchase {} is of nobody: {:?}", purchase.id, purchase.provider));
                continue;
            };
            let foreign = purchase.slices.iter().find(|slice| !tenant.is_credit_of(own, &slice.bucket));
            findings.check(foreign.is_none(), Promise::Credits, || {
                format!("purchase {} of {} was paid with {foreign:?}", purchase.id, purchase.provider)
            });
        }
    }

    /// Each provider was paid, and gave an answer, about a person once in each of its steps, but for unknown outcomes.
    fn check_asked(&self, lead: &Lead, lines: &Lines, findings: &mut Findings) {
        let asked = self.seen.asked();
        for (name, provider) in self.world.tenants_providers() {
            let steps_of =
                |waterfall: &Waterfall| waterfall.steps.iter().filter(|step| step.provider.as_str() == name).count();
            let steps = self.world.tenant().waterfalls().map(steps_of).max().unwrap_or_default();
            let (unknowns, ledger) = (lines.unknowns_of(name), provider.ledger());
            for email in &lead.emails {
                let is_of = |charge: &&Charge| charge.item == Item::Person && charge.milli > 0;
                let charged = ledger.charges.iter().filter(is_of);
                let charged = charged.filter(|charge| charge.email.as_ref() == Some(email)).count();
                let answers = asked.iter().filter(|it| it.provider == name && it.was_answered);
                let answers = answers.filter(|it| it.emails.contains(email)).count();
                for (count, what) in [(charged, "charged"), (answers, "answered")] {
                    // With another employer, one whom nobody knew may be known.
                    let most = steps * (1 + lead.employers) + unknowns;
                    findings.check(count <= most, Promise::Once, || {
                        format!("{name} {what} {count} times for {email}, {unknowns} unknown to us: {lines:?}")
                    });
                }
            }
        }
    }

    /// Once a provider knows the person, nobody is asked but for numbers.
    fn check_steps(&self, lead: &Lead, lines: &Lines, several: &Several, findings: &mut Findings) {
        let hit = lines.0.iter().position(|line| line.result == LineResult::Hit);
        let later = hit.map_or(&[][..], |hit| &lines.0[hit + 1..]);
        let in_vain = later.iter().find(|line| !several.numbers.contains(&line.provider.as_str()));
        findings.check(in_vain.is_none(), Promise::Once, || {
            format!("contact {} is known by one, and another was asked: {lines:?}", lead.contact)
        });
        let known_by = |email: &String| {
            let charged = |provider: &dyn SimulatedProvider| {
                let charges = provider.ledger().charges;
                let is_of = |charge: &Charge| charge.item != Item::Verification && charge.milli > 0;
                charges.iter().any(|charge| is_of(charge) && charge.email.as_ref() == Some(email))
            };
            self.world.tenants_providers().iter().filter(|(_, provider)| charged(&**provider)).count()
        };
        let most = 1 + several.numbers.len() + lines.unknowns();
        let too_many = lead.emails.iter().find(|email| known_by(email) > most);
        findings.check(too_many.is_none(), Promise::Once, || {
            format!("{too_many:?} was charged for by more than {most} providers: {lines:?}")
        });
    }

    /// Nobody pays for what was said of an address already, but after something was typed in.
    fn check_addresses(&self, books: &Books, lead: &Lead, findings: &mut Findings) {
        let verdicts = books.lines_of(Goods::Verdicts, &lead.contact);
        let most = lead.emails.len() + lead.edits;
        findings.check(verdicts.hits <= most, Promise::Once, || {
            format!("contact {} was paid {} verdicts for, with {} edits", lead.contact, verdicts.hits, lead.edits)
        });
    }

    /// Once a provider has said that it may not say anything of somebody, nobody is asked about them.
    fn check_suppressed(&self, lead: &Lead, lines: &Lines, findings: &mut Findings) {
        let asked = self.seen.asked();
        for Suppressed { email, by, at } in &lead.suppressed {
            let knows = self.world.provider_named(by).whom(email).is_some();
            let about = || asked.iter().filter(|asked| asked.emails.contains(email));
            let said = about().find(|asked| asked.provider == *by && asked.at > *at && asked.was_answered);
            let again = said.and_then(|said| about().find(|asked| asked.at > said.at));
            findings.check(again.is_none() || !knows || lines.unknowns() > 0, Promise::Once, || {
                format!("{by} may not say anything of {email}, and {again:?} was asked after it had said so: {lines:?}")
            });
        }
    }

    /// Of one who was asked about as one person, and of whom everything is known: the first who knows them has sold them
    /// (unless some may have been left out), and a number that one has stands there.
    fn check_order(&self, lead: &Lead, lines: &Lines, several: &Several, findings: &mut Findings) {
        let email = &lead.emails[0];
        if self.known.is_forgotten(email) {
            return;
        }
        let whom = |name: &str| self.world.provider_named(name).whom(email);
        let first = several.order_of(lead, self.crm).iter().find(|name| whom(name).is_some());
        let sold = lines.0.iter().find(|line| line.result == LineResult::Hit).map(|line| line.provider.as_str());
        let is_first = sold.is_none() || sold == first.copied() || several.skips();
        findings.check(is_first, Promise::Order, || {
            format!("contact {} was sold by {sold:?}, and {first:?} is the first who knows them", lead.contact)
        });
        let number = several.numbers.iter().filter_map(|name| whom(name)?.mobile).map(|mobile| mobile.number).next();
        let there = self.world.crm().card(&lead.contact).unwrap_or_default().remove(NUMBER).unwrap_or_default();
        let is_there = number.as_ref().is_none_or(|number| is_same_number(number, &there));
        findings.check(is_there, Promise::Crm, || {
            format!("contact {} has the number {there:?}, and there is one: {number:?}: {lines:?}", lead.contact)
        });
    }
}

/// An address of which a provider may not say anything from then on.
#[derive(Debug, Clone)]
pub(super) struct Suppressed {
    email: String,
    by: &'static str,
    at: Moment,
}

/// What was settled for one lead, in the order in which it was bought.
#[derive(Debug)]
struct Lines(Vec<Line>);

#[derive(Debug)]
struct Line {
    provider: String,
    result: LineResult,
}

impl Lines {
    fn of(books: &Books, lead: &Lead) -> Self {
        let of_people = books.purchases.iter().filter(|purchase| purchase.goods != Goods::Verdicts);
        let mut purchases: Vec<&Purchase> = of_people.collect();
        // An id begins with when the claim was won, and ends with the turn.
        purchases.sort_by_key(|purchase| (purchase.began(), &purchase.id));
        let line = |purchase: &Purchase| {
            let result = purchase.line_of(&lead.contact)?.result;
            Some(Line { provider: purchase.provider.clone(), result })
        };
        Self(purchases.into_iter().filter_map(line).collect())
    }

    fn unknowns(&self) -> usize {
        self.0.iter().filter(|line| line.result == LineResult::Unknown).count()
    }

    fn unknowns_of(&self, provider: &str) -> usize {
        self.0.iter().filter(|line| line.provider == provider && line.result == LineResult::Unknown).count()
    }
}

impl Lead {
    /// Whether it was about one person all the time, of whom nothing was typed in, and everyone may speak.
    fn is_plain(&self) -> bool {
        self.emails.len() == 1 && self.human.is_empty() && self.suppressed.is_empty() && !self.is_gone()
    }
}
