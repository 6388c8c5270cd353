//! What happens in a history, made up from its seed.

use std::time::Duration;

use fastrand::Rng;

use super::numbers::{DEAREST, Fate, Numbers};
use crate::proof::way::Way;

/// The most leads that appear.
const LEADS_MAX: usize = 6;
/// The most operations.
const OPERATIONS_MAX: usize = 16;
/// The fewest.
const OPERATIONS_MIN: usize = 6;
/// By so many days at most the clock is turned: nothing that was bought or missed is to go stale in a history, and
/// nobody is to wait for so long that they are given up.
const DAYS_MAX: u64 = 120;

/// The most that a person costs.
const PRICE_MAX: i64 = 2;
/// The seed of the one history that isn't made up.
pub const DIRECTED: u64 = 0;

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
    /// The CRM's next call goes wrong.
    Crm(Trouble),
    /// Credits are bought on top.
    TopUp(i64),
    /// The news of the last payment comes once more.
    PayAgain,
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
}

impl Plan {
    /// The history of this seed.
    pub(super) fn of(seed: u64) -> Self {
        if seed == DIRECTED {
            return Self::directed();
        }
        let mut rng = Rng::with_seed(seed);
        let numbers = Numbers::made_up(seed);
        let mut limits = Limits::made_up(&mut rng);
        // A floor is only felt when credits are short.
        let plenty = rng.u8(..4) == 0 && limits.floor == 0;
        let credits = if plenty { 100 } else { rng.i64(1..=8) };
        let credits = if numbers.is_some() { limits.suffice_for_numbers(credits) } else { credits };
        let calm = rng.bool();
        let prices = (rng.i64(1..=PRICE_MAX), rng.i64(1..=PRICE_MAX));
        let changes = limits.floor > 0 || limits.per_change.is_some();
        let mut maker = Maker { rng, calm, changes, numbers, leads: 0, days: 0, operations: Vec::new() };
        for _ in 0..maker.rng.usize(1..=3) {
            maker.lead();
        }
        let count = maker.rng.usize(OPERATIONS_MIN..=OPERATIONS_MAX);
        maker.operations.push(Operation::Deliver(None));
        if numbers.is_some() {
            let work = maker.work();
            maker.operations.push(work);
        }
        while maker.operations.len() < count {
            maker.something();
        }
        Self { seed, credits, prices, limits, numbers, calm, operations: maker.operations }
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
        Self { seed: DIRECTED, credits: 3, prices: (2, 1), limits, numbers: None, calm: true, operations }
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

struct Maker {
    rng: Rng,
    calm: bool,
    /// Many leads are unknown at first, until somebody corrects their address.
    changes: bool,
    numbers: Option<Numbers>,
    leads: usize,
    days: u64,
    operations: Vec<Operation>,
}

impl Maker {
    fn lead(&mut self) {
        let known = self.rng.u8(..6) >= if self.changes { 3 } else { 1 };
        let own_title = self.rng.u8(..5) == 0;
        self.leads += 1;
        self.operations.push(Operation::Lead { known, own_title, owner: self.rng.u8(..2) });
    }

    fn something(&mut self) {
        let lead = self.rng.usize(..self.leads);
        if let Some(numbers) = self.numbers
            && self.rng.u8(..3) == 0
        {
            return self.something_with_numbers(numbers, lead);
        }
        let operation = match self.rng.u8(..100) {
            0..10 if self.leads < LEADS_MAX => return self.lead(),
            0..22 => Operation::Deliver(self.fault(6, false)),
            22..27 => Operation::DeliverAgain,
            27..31 => Operation::QueueAgain,
            31..37 => Operation::Edit { lead, edit: self.edit() },
            37..40 => return self.edit_at_work(lead),
            40..42 => Operation::Delete { lead },
            42..44 => Operation::Erase { lead },
            44..46 => Operation::Forget { lead },
            46..66 => self.work(),
            66..73 => return self.trouble_at_work(),
            73..79 => Operation::Release(self.fault(16, false)),
            79..87 => return self.turn(),
            87..91 => return self.next_cycle(),
            91..94 => Operation::Crm(self.trouble(false)),
            94..98 => Operation::TopUp(self.rng.i64(1..=4)),
            _ => Operation::PayAgain,
        };
        self.operations.push(operation);
    }

    /// Numbers are found and somebody says so, or nobody does and they are asked for; callbacks come when they like; or
    /// people type one in, before or while somebody collects.
    fn something_with_numbers(&mut self, numbers: Numbers, lead: usize) {
        let number = Operation::EditMeanwhile { lead, edit: Edit::Number };
        let fate = match self.rng.u8(..12) {
            0..4 => Fate::Due,
            4 => Fate::Early,
            5 => Fate::Withheld,
            6 | 7 => Fate::Old,
            8..11 => {
                let silence = Duration::from_secs(60 * [11, 25, 60, 24 * 60][self.rng.usize(..4)]);
                let (release, collect) = (Operation::Release(self.fault(16, false)), self.collect());
                return self.after(silence, [release, collect]);
            }
            _ => return self.operations.push(Operation::Edit { lead, edit: Edit::Number }),
        };
        let callbacks = Operation::Callbacks(fate, self.fault(4, false));
        let collect = self.collect();
        match fate {
            Fate::Due if self.rng.u8(..4) == 0 => self.after(numbers.delay(), [callbacks, number, collect]),
            Fate::Due => self.after(numbers.delay(), [callbacks, collect]),
            _ => self.operations.extend([callbacks, collect]),
        }
    }

    /// Workers that mostly have hints to deal with, which takes half as many calls as buying does: one with all of them,
    /// or several with one each, of which two may be the same.
    fn collect(&mut self) -> Operation {
        let sizes = if self.rng.bool() { vec![10] } else { vec![1; 3] };
        Operation::Work { sizes, order: self.rng.u64(..), fault: self.fault(10, self.calm) }
    }

    fn after<const N: usize>(&mut self, duration: Duration, then: [Operation; N]) {
        self.turn_by(duration);
        self.operations.extend(then);
    }

    fn work(&mut self) -> Operation {
        let sizes = (0..self.rng.usize(1..=3)).map(|_| self.rng.i32(1..=10)).collect();
        Operation::Work { sizes, order: self.rng.u64(..), fault: self.fault(20, self.calm) }
    }

    fn trouble_at_work(&mut self) {
        let trouble = Operation::Provider(self.trouble(true));
        let work = self.work();
        self.operations.extend([trouble, work]);
    }

    fn edit_at_work(&mut self, lead: usize) {
        let edit = Operation::EditMeanwhile { lead, edit: self.edit() };
        let work = self.work();
        self.operations.extend([edit, work]);
    }

    fn turn(&mut self) {
        let duration = match self.rng.u8(..3) {
            0 => Duration::from_secs(60 * self.rng.u64(1..=20)),
            1 => Duration::from_secs(60 * 60 * self.rng.u64(1..=20)),
            _ => Duration::from_secs(24 * 60 * 60 * self.rng.u64(1..=10)),
        };
        self.turn_by(duration);
    }

    fn turn_by(&mut self, duration: Duration) {
        self.days += duration.as_secs().div_ceil(24 * 60 * 60);
        if self.days <= DAYS_MAX {
            self.operations.push(Operation::Turn(duration));
        }
    }

    fn next_cycle(&mut self) {
        self.days += 31;
        if self.days <= DAYS_MAX {
            self.operations.push(Operation::NextCycle);
        }
    }

    /// Every other operation has one, among their first `calls` calls. Nobody dies who has to stay alive.
    fn fault(&mut self, calls: usize, stays_alive: bool) -> Option<Fault> {
        const WAYS: [Way; 9] = [
            Way::DeathBefore,
            Way::DeathAfter,
            Way::Down,
            Way::AnswersLost,
            Way::Refused,
            Way::AnswerLost,
            Way::Throttled,
            Way::Conflict,
            Way::Busy,
        ];
        let (is_broken, call) = (self.rng.bool(), self.rng.usize(..calls));
        let way = WAYS[self.rng.usize(if stays_alive { 4 } else { 0 }..WAYS.len())];
        is_broken.then_some(Fault { call, way })
    }

    fn edit(&mut self) -> Edit {
        match self.rng.u8(..if self.changes { 3 } else { 6 }) {
            0 | 1 => Edit::Email { known: self.rng.u8(..4) > 0 },
            2 => Edit::Company,
            3 => Edit::Title,
            4 => Edit::Industry,
            _ => Edit::NoTitle,
        }
    }

    fn trouble(&mut self, charging: bool) -> Trouble {
        const KNOWN: [Trouble; 4] = [Trouble::Busy, Trouble::Throttled, Trouble::OutOfCredits, Trouble::Denied];
        const UNKNOWN: [Trouble; 3] = [Trouble::Dropped, Trouble::AnswerLost, Trouble::FailedAfterWork];
        match (charging, self.rng.bool() && !self.calm) {
            (true, false) => KNOWN[self.rng.usize(..KNOWN.len())],
            (true, true) => UNKNOWN[self.rng.usize(..UNKNOWN.len())],
            (false, false) => KNOWN[self.rng.usize(..2)],
            (false, true) => UNKNOWN[self.rng.usize(..UNKNOWN.len())],
        }
    }
}
