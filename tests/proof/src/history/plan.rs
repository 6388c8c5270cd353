//! What happens in a history, made up from its seed.

use std::time::Duration;

use fastrand::Rng;

use super::changes::Change;
use super::companies;
use super::crm::Crm;
use super::maker::Maker;
use super::nights::Nights;
use super::numbers::{DEAREST, Fate, Numbers};
use super::several::Several;
use super::wide::{VAST_CROWD, Wide};
use crate::way::Way;
use leadgate_sandbox::simulators::apollo::Polls;

/// The most operations.
const OPERATIONS_MAX: usize = 16;
/// The fewest.
const OPERATIONS_MIN: usize = 6;
/// The most that a person costs.
pub(super) const PRICE_MAX: i64 = 2;
/// The seed of a history that isn't made up.
pub const DIRECTED: u64 = 0;
/// That of another one, which takes longer: thousands of parked leads are in front of two that can be paid for.
pub const CROWDED: u64 = u64::MAX;

/// One history.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What it is made from.
    pub(super) seed: u64,
    /// What each cycle starts with.
    pub(super) credits: i64,
    /// What a person costs in January, and from February on.
    pub(super) prices: (i64, i64),
    /// What may be spent beside what there is.
    pub(super) limits: Limits,
    /// Set when mobile numbers are bought as well.
    pub(super) numbers: Option<Numbers>,
    /// Set when several providers are asked.
    pub(super) several: Option<Several>,
    /// Set when a list is built at night.
    pub(super) nights: Option<Nights>,
    /// What it has beside the common.
    pub(super) wide: Wide,
    /// What it is played with.
    pub(super) crm: Crm,
    /// Nothing in it can leave us not knowing what was charged: nobody dies while they buy, and the provider answers.
    pub(super) calm: bool,
    /// What happens, in this order.
    pub(super) operations: Vec<Operation>,
}

/// The caps and the floor of a history. All in credits; each is enough for at least one person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// The most in a day.
    pub(super) per_day: Option<i64>,
    /// The most for one owner's leads in a cycle.
    pub(super) per_owner: Option<i64>,
    /// The most for changed records in a cycle.
    pub(super) per_change: Option<i64>,
    /// What changed records leave for new leads.
    pub(super) floor: i64,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// A lead appears in the CRM.
    Lead { known: bool, own_title: bool, owner: u8 },
    /// HubSpot delivers what it has to tell, some of it twice.
    Deliver(Option<Fault>),
    /// An old delivery arrives again.
    DeliverAgain,
    /// A message is on the queue a second time.
    QueueAgain,
    /// A person changes something.
    Edit { lead: usize, edit: Edit },
    /// A person changes something while the provider is asked the next time: after our first read, before the last.
    EditMeanwhile { lead: usize, edit: Edit },
    /// A person deletes a contact.
    Delete { lead: usize },
    /// Somebody asks to be forgotten.
    Erase { lead: usize },
    /// The provider doesn't know somebody any more.
    Forget { lead: usize },
    /// Workers take up to so many messages each, all before the first begins, and begin in another order.
    Work { sizes: Vec<i32>, order: u64, fault: Option<Fault> },
    /// A worker stands still at one of its calls until the schedule has run, or until its messages come again.
    WorkBeside { at: usize, slow: bool },
    /// The schedule runs.
    Release(Option<Fault>),
    /// Something becomes of the provider's callbacks.
    Callbacks(Fate, Option<Fault>),
    /// Time goes by.
    Turn(Duration),
    /// The next billing cycle opens.
    NextCycle,
    /// The provider's next call goes wrong.
    Provider(Trouble),
    /// A provider has no credits any more, until its next cycle.
    RunDry,
    /// Some providers may not say anything of a person any more.
    Suppress { lead: usize },
    /// The CRM's next call goes wrong.
    Crm(Trouble),
    /// Credits are bought on top.
    TopUp(i64),
    /// The news of the last payment comes once more.
    PayAgain,
    /// The provider's poll endpoint answers otherwise from now on.
    Polls(Polls),
    /// The provider's key now belongs to another team.
    ChangeTeams,
    /// Another configuration is deployed.
    Configure(Change),
    /// Time goes by until so long before the cycle closes.
    Eve(Duration),
    /// The tables can't be reached for so long, from the given call on, while workers and the schedule go on.
    Outage { lasts: Duration, from: usize },
    /// The CRM turns every call away for so long, while workers go on.
    CrmRests(Duration),
    /// So many more leads are parked, in front of all others.
    Crowd(usize),
    /// A lead appears at the second tenant's.
    NeighbourLead,
    /// A night of the list begins, and may be told to begin twice.
    Night { twice: bool, fault: Option<Fault> },
    /// One of those whom the list finds is told of as a lead.
    LeadOfTheList(usize),
    /// A signal about a lead is delivered, or one of before is once more.
    Signal { lead: usize, again: bool, fault: Option<Fault> },
    /// A signal about somebody whom the CRM doesn't have.
    SignalOfAStranger(Option<Fault>),
    /// Somebody is not to be written to any more: the CRM says so, or a signal does.
    Stop { lead: usize, in_crm: bool },
    /// A company appears in the CRM.
    Company { domain: usize, own_city: bool },
    /// Something becomes of one, at once or while the provider is asked the next time.
    ChangeCompany { which: usize, fate: companies::Fate, meanwhile: bool },
    /// An operator asks for all records in a run over many, and may ask again for some.
    Bulk { again: bool },
}

impl Operation {
    /// Whether balances, here or at the provider, may be others after it: it doesn't just say what the next one meets.
    pub(super) fn may_move_credits(&self) -> bool {
        !matches!(
            self,
            Self::Lead { .. }
                | Self::Deliver(_)
                | Self::DeliverAgain
                | Self::QueueAgain
                | Self::Edit { .. }
                | Self::EditMeanwhile { .. }
                | Self::Delete { .. }
                | Self::Erase { .. }
                | Self::Forget { .. }
                | Self::Provider(_)
                | Self::RunDry
                | Self::Suppress { .. }
                | Self::Crm(_)
                | Self::Polls(_)
                | Self::ChangeTeams
                | Self::Crowd(_)
                | Self::NeighbourLead
                | Self::LeadOfTheList(_)
                | Self::Signal { .. }
                | Self::SignalOfAStranger(_)
                | Self::Stop { .. }
                | Self::Company { .. }
                | Self::ChangeCompany { .. }
                | Self::Bulk { .. }
        )
    }
}

/// One of the calls of an operation, by its number, is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) call: usize,
    pub(super) way: Way,
}

/// What a person changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edit {
    /// The address, to that of somebody whom the provider knows or doesn't.
    Email { known: bool },
    /// The employer.
    Company,
    /// The job title is filled in.
    Title,
    /// The industry is filled in: a field that we may overwrite as long as it is ours.
    Industry,
    /// The job title is cleared.
    NoTitle,
    /// The mobile number is filled in.
    Number,
}

/// How a vendor's call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// 503: it is busy.
    Busy,
    /// 429.
    Throttled,
    /// 402: it says that credits are used up.
    OutOfCredits,
    /// 401: it refuses the key.
    Denied,
    /// The connection breaks before anything was done.
    Dropped,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It is carried out, and 500 is answered.
    FailedAfterWork,
    /// 400, of a write: the CRM doesn't take the values.
    Rejected,
}

impl Edit {
    /// One of them; mostly the address, where many leads are unknown until somebody corrects that.
    pub(super) fn made_up(rng: &mut Rng, changes: bool) -> Self {
        match rng.u8(..if changes { 3 } else { 6 }) {
            0 | 1 => Self::Email { known: rng.u8(..4) > 0 },
            2 => Self::Company,
            3 => Self::Title,
            4 => Self::Industry,
            _ => Self::NoTitle,
        }
    }
}

impl Trouble {
    /// One of them: of those that leave nothing unknown, where the history is `calm`.
    pub(super) fn made_up(rng: &mut Rng, charging: bool, calm: bool) -> Self {
        const KNOWN: [Trouble; 4] = [Trouble::Busy, Trouble::Throttled, Trouble::OutOfCredits, Trouble::Denied];
        const UNKNOWN: [Trouble; 3] = [Trouble::Dropped, Trouble::AnswerLost, Trouble::FailedAfterWork];
        match (charging, rng.bool() && !calm) {
            (true, false) => KNOWN[rng.usize(..KNOWN.len())],
            (true, true) => UNKNOWN[rng.usize(..UNKNOWN.len())],
            (false, false) => KNOWN[rng.usize(..2)],
            (false, true) => UNKNOWN[rng.usize(..UNKNOWN.len())],
        }
    }
}

impl Plan {
    /// The history of this seed.
    pub(super) fn of(seed: u64) -> Self {
        if seed == DIRECTED {
            return Self::directed();
        }
        if seed == CROWDED {
            return Self::crowded();
        }
        let mut rng = Rng::with_seed(seed);
        let wide = Wide::made_up(seed);
        let numbers = Numbers::made_up(seed, wide);
        let mut limits = Limits::made_up(&mut rng);
        // A floor is only felt when credits are short.
        let plenty = rng.u8(..4) == 0 && limits.floor == 0;
        let credits = if plenty { 100 } else { rng.i64(1..=8) };
        let credits = if numbers.is_some() { limits.suffice_for_numbers(credits) } else { credits };
        let calm = rng.bool();
        let prices = (rng.i64(1..=PRICE_MAX), rng.i64(1..=PRICE_MAX));
        let changes = limits.floor > 0 || limits.per_change.is_some();
        // A cap that lets one of them through a day would keep the last for longer than they are waited for.
        limits.per_day = limits.per_day.filter(|_| !wide.many);
        let count = rng.usize(OPERATIONS_MIN..=OPERATIONS_MAX);
        let operations = Maker::new(rng, seed, calm, changes, numbers, wide).operations(count);
        let (crm, several, nights) =
            (Crm::made_up(seed, wide), Several::made_up(seed, wide), Nights::made_up(seed, wide));
        // Caps and floors are in the credits of one provider.
        let limits = if several.is_some() { Limits::default() } else { crm.limits(limits) };
        Self { seed, credits, prices, limits, numbers, several, nights, wide, crm, calm, operations }
    }

    /// One that isn't made up: credits are left over when a cycle closes, a pack is partly used when its payment is
    /// told once more, and a day's cap is reached in small steps.
    fn directed() -> Self {
        let lead = Operation::Lead { known: true, own_title: false, owner: 0 };
        let work = |size| Operation::Work { sizes: vec![size], order: 0, fault: None };
        let mut operations =
            vec![lead.clone(), Operation::Deliver(None), work(10), Operation::NextCycle, Operation::TopUp(3)];
        operations.extend(std::iter::repeat_n(lead, 5));
        operations.extend([Operation::Deliver(None), work(2), work(2), work(10), Operation::PayAgain]);
        let limits = Limits { per_day: Some(4), ..Limits::default() };
        Self {
            seed: DIRECTED,
            credits: 3,
            prices: (2, 1),
            limits,
            numbers: None,
            several: None,
            nights: None,
            wide: Wide::default(),
            crm: Crm::HUBSPOT,
            calm: true,
            operations,
        }
    }

    /// One lead is bought, two are parked, thousands that may not go yet are parked in front of them, and then there are
    /// credits for the two.
    fn crowded() -> Self {
        let lead = Operation::Lead { known: true, own_title: false, owner: 0 };
        let work = Operation::Work { sizes: vec![10], order: 0, fault: None };
        let operations = vec![
            lead.clone(),
            lead.clone(),
            lead,
            Operation::Deliver(None),
            work.clone(),
            Operation::Crowd(VAST_CROWD),
            Operation::TopUp(2),
            Operation::Release(None),
            work,
        ];
        let (limits, wide) = (Limits::default(), Wide { crowd: VAST_CROWD, ..Wide::default() });
        Self {
            seed: CROWDED,
            credits: 1,
            prices: (1, 1),
            limits,
            numbers: None,
            several: None,
            nights: None,
            wide,
            crm: Crm::HUBSPOT,
            calm: true,
            operations,
        }
    }
}

impl Limits {
    /// Most histories have none, the others one or several.
    fn made_up(rng: &mut Rng) -> Self {
        let mut cap = || (rng.u8(..6) == 0).then(|| rng.i64(PRICE_MAX..=2 * PRICE_MAX));
        let (per_day, per_owner, per_change) = (cap(), cap(), cap());
        let floor = if rng.u8(..4) == 0 { rng.i64(1..=3) } else { 0 };
        Self { per_day, per_owner, per_change, floor }
    }

    /// Where numbers are bought, each cap is enough for at least one person with one, and so are these credits, in
    /// about as many histories as without.
    fn suffice_for_numbers(&mut self, credits: i64) -> i64 {
        for cap in [&mut self.per_day, &mut self.per_owner, &mut self.per_change].into_iter().flatten() {
            *cap += DEAREST;
        }
        credits * DEAREST / 2
    }
}
