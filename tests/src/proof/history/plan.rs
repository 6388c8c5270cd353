//! What happens in a history, made up from its seed.

use std::time::Duration;

use fastrand::Rng;

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

/// One history.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// What it is made from.
    pub(super) seed: u64,
    /// What each cycle starts with.
    pub(super) credits: i64,
    /// Nothing in it can leave us not knowing what was charged: nobody dies while they buy, and the provider answers.
    pub(super) calm: bool,
    /// What happens, in this order.
    pub(super) operations: Vec<Operation>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    /// A lead appears in the CRM.
    Lead { known: bool, own_title: bool },
    /// HubSpot delivers what it has to tell, some of it twice.
    Deliver(Option<Fault>),
    /// An old delivery arrives again.
    DeliverAgain,
    /// A message is on the queue a second time.
    QueueAgain,
    /// A person changes something.
    Edit { lead: usize, edit: Edit },
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
    /// The job title is cleared.
    NoTitle,
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
        let mut rng = Rng::with_seed(seed);
        let credits = if rng.u8(..4) == 0 { 100 } else { rng.i64(1..=6) };
        let calm = rng.bool();
        let mut maker = Maker { rng, calm, leads: 0, days: 0, operations: Vec::new() };
        for _ in 0..maker.rng.usize(1..=3) {
            maker.lead();
        }
        let count = maker.rng.usize(OPERATIONS_MIN..=OPERATIONS_MAX);
        maker.operations.push(Operation::Deliver(None));
        while maker.operations.len() < count {
            maker.something();
        }
        Self { seed, credits, calm, operations: maker.operations }
    }
}

struct Maker {
    rng: Rng,
    calm: bool,
    leads: usize,
    days: u64,
    operations: Vec<Operation>,
}

impl Maker {
    fn lead(&mut self) {
        let (known, own_title) = (self.rng.u8(..6) > 0, self.rng.u8(..5) == 0);
        self.leads += 1;
        self.operations.push(Operation::Lead { known, own_title });
    }

    fn something(&mut self) {
        let lead = self.rng.usize(..self.leads);
        let operation = match self.rng.u8(..100) {
            0..10 if self.leads < LEADS_MAX => return self.lead(),
            0..22 => Operation::Deliver(self.fault(6, false)),
            22..27 => Operation::DeliverAgain,
            27..31 => Operation::QueueAgain,
            31..40 => Operation::Edit { lead, edit: self.edit() },
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

    fn work(&mut self) -> Operation {
        let sizes = (0..self.rng.usize(1..=3)).map(|_| self.rng.i32(1..=10)).collect();
        Operation::Work { sizes, order: self.rng.u64(..), fault: self.fault(20, self.calm) }
    }

    fn trouble_at_work(&mut self) {
        let trouble = Operation::Provider(self.trouble(true));
        let work = self.work();
        self.operations.extend([trouble, work]);
    }

    fn turn(&mut self) {
        let duration = match self.rng.u8(..3) {
            0 => Duration::from_secs(60 * self.rng.u64(1..=20)),
            1 => Duration::from_secs(60 * 60 * self.rng.u64(1..=20)),
            _ => Duration::from_secs(24 * 60 * 60 * self.rng.u64(1..=10)),
        };
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
        match self.rng.u8(..5) {
            0 | 1 => Edit::Email { known: self.rng.u8(..4) > 0 },
            2 => Edit::Company,
            3 => Edit::Title,
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
