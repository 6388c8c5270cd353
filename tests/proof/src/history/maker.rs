//! Making the operations of a history up.

use std::time::Duration;

use fastrand::Rng;

use super::changes::Change;
use super::numbers::{Fate, Numbers};
use super::plan::{Edit, Fault, Operation, Trouble};
use super::wide::Wide;
use crate::way::Way;
use leadgate_sandbox::simulators::apollo::Polls;

/// The most leads that appear, and the most in a history with many.
const LEADS_MAX: usize = 6;
const MANY_LEADS_MAX: usize = 40;
/// So many appear at once, at most, in a history with many.
const BURST_MAX: usize = 15;
/// By so many days at most the clock is turned: nothing that was bought or missed is to go stale in a history, and
/// nobody is to wait for so long that they are given up, unless its windows are short.
const DAYS_MAX: u64 = 120;
/// So many calls of a provider that breaks go wrong, at most.
const BREAKS_MAX: usize = 4;
/// How long the tables can't be reached, in hours.
const OUTAGE_HOURS: std::ops::RangeInclusive<u64> = 1..=8;

/// Makes the operations of a history up.
pub(super) struct Maker {
    rng: Rng,
    calm: bool,
    /// Many leads are unknown at first, until somebody corrects their address.
    changes: bool,
    numbers: Option<Numbers>,
    wide: Wide,
    /// The chance of what is beside the common.
    wider: Rng,
    leads: usize,
    days: u64,
    operations: Vec<Operation>,
}

impl Maker {
    pub(super) fn new(rng: Rng, seed: u64, calm: bool, changes: bool, numbers: Option<Numbers>, wide: Wide) -> Self {
        let wider = Rng::with_seed(seed.rotate_left(16));
        Self { rng, calm, changes, numbers, wide, wider, leads: 0, days: 0, operations: Vec::new() }
    }

    /// At least so many.
    pub(super) fn operations(mut self, count: usize) -> Vec<Operation> {
        for _ in 0..self.rng.usize(1..=3) {
            self.lead();
        }
        if self.wide.many {
            self.burst();
        }
        self.operations.push(Operation::Deliver(None));
        if self.numbers.is_some() {
            let work = self.work();
            self.operations.push(work);
        }
        // What is beside the common comes beside it.
        let count = if self.wide.is_any() { count + count / 2 } else { count };
        while self.operations.len() < count {
            if self.wide.is_any() && self.wider.u8(..3) == 0 {
                self.something_wide();
            } else {
                self.something();
            }
        }
        self.operations
    }

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
            31..37 => Operation::Edit { lead, edit: Edit::made_up(&mut self.rng, self.changes) },
            37..40 => return self.edit_at_work(lead),
            40..42 => Operation::Delete { lead },
            42..44 => Operation::Erase { lead },
            44..46 => Operation::Forget { lead },
            46..66 => self.work(),
            66..73 => return self.trouble_at_work(),
            73..79 => Operation::Release(self.fault(16, false)),
            79..87 => return self.turn(),
            87..91 => return self.next_cycle(),
            91..94 => Operation::Crm(Trouble::made_up(&mut self.rng, false, self.calm)),
            94..98 => Operation::TopUp(self.rng.i64(1..=4)),
            _ => Operation::PayAgain,
        };
        self.operations.push(operation);
    }

    /// One of the things that most histories don't have.
    fn something_wide(&mut self) {
        let wide = self.wide;
        let mut kinds: Vec<fn(&mut Self)> = Vec::new();
        let mut add = |is_on: bool, kind: fn(&mut Self)| kinds.extend(is_on.then_some(kind));
        add(wide.windows.is_some(), Self::around_a_window);
        add(wide.slow, Self::slowly);
        add(wide.exact || (wide.slow && !wide.changes), Self::on_the_eve);
        add(wide.changes, Self::configure);
        add(wide.outages, Self::outage);
        add(wide.crowd > 0, Self::crowd);
        add(wide.many, Self::burst);
        add(wide.neighbour, Self::at_the_neighbours);
        add(wide.beside, Self::beside);
        add(wide.unlucky, Self::unluckily);
        add(wide.rejects, Self::rejected);
        add(wide.several, Self::with_several);
        add(wide.nights, Self::at_night);
        add(wide.bulk, Self::in_bulk);
        add(wide.signals, Self::signalled);
        match kinds.is_empty() {
            true => self.something(),
            false => kinds[self.wider.usize(..kinds.len())](self),
        }
    }

    /// Time goes by until just before or after something goes stale, or well into it, and somebody changes something.
    fn around_a_window(&mut self) {
        let Some(windows) = self.wide.windows else { return };
        let (window, lead) = (windows.one(&mut self.wider), self.wider.usize(..self.leads));
        let margin = Duration::from_secs(60 * self.wider.u64(1..=30));
        let turn = match self.wider.u8(..4) {
            0 => window.saturating_sub(margin),
            1 => window + margin,
            2 => window.mul_f64(0.7),
            _ => window / 2,
        };
        self.turn_by(turn);
        let edit = match self.wider.u8(..4) {
            0 => Edit::Email { known: true },
            1 => Edit::Email { known: false },
            _ => Edit::Company,
        };
        match self.wider.u8(..3) {
            0 => self.operations.push(Operation::Release(None)),
            1 => self.operations.extend([
                Operation::Release(None),
                Operation::Edit { lead, edit },
                Operation::Deliver(None),
            ]),
            _ => self.operations.extend([Operation::Edit { lead, edit }, Operation::Deliver(None)]),
        }
        if self.wider.bool() {
            let work = self.work();
            self.operations.push(work);
        }
    }

    /// Numbers take their time, and the poll endpoint has its moods.
    fn slowly(&mut self) {
        const HOURS: [u64; 6] = [25, 30, 4 * 24, 8 * 24, 13 * 24, 31 * 24];
        const POLLS: [Polls; 4] = [Polls::Answered, Polls::Unauthorized, Polls::Forbidden, Polls::Garbled];
        match self.wider.u8(..8) {
            0 | 1 => {
                let polls = POLLS[self.wider.usize(..POLLS.len())];
                self.operations.push(Operation::Polls(polls));
            }
            2 if self.wider.u8(..3) == 0 => self.operations.push(Operation::ChangeTeams),
            _ => {}
        }
        let (silence, collect) = (HOURS[self.wider.usize(..HOURS.len())], self.collect());
        self.after(Duration::from_secs(60 * 60 * silence), [Operation::Release(None), collect]);
    }

    /// Something is bought shortly before the cycle closes, and time goes by until it has.
    fn on_the_eve(&mut self) {
        self.days += 31;
        if self.days > DAYS_MAX {
            return;
        }
        let before = Duration::from_secs(60 * self.wider.u64(3..=20));
        self.operations.push(Operation::Eve(before));
        self.lead();
        self.operations.push(Operation::Deliver(None));
        let work = self.work();
        self.operations.push(work);
        self.operations.push(Operation::Turn(before + Duration::from_secs(60)));
        if self.wider.bool() {
            let collect = self.collect();
            self.operations.extend([Operation::Release(None), collect]);
        }
    }

    fn configure(&mut self) {
        let change = Change::made_up(&mut self.wider, self.numbers.is_some());
        self.operations.push(Operation::Configure(change));
        if self.wider.bool() {
            let work = self.work();
            self.operations.extend([Operation::Release(None), work]);
        }
    }

    fn outage(&mut self) {
        let lasts = Duration::from_secs(60 * 60 * self.wider.u64(OUTAGE_HOURS));
        // Where nobody may die, nobody is interrupted.
        let from = if self.calm { 0 } else { self.wider.usize(..16) };
        let outage = if self.wider.bool() { Operation::CrmRests(lasts) } else { Operation::Outage { lasts, from } };
        self.lead();
        self.operations.extend([Operation::Deliver(None), outage]);
    }

    fn crowd(&mut self) {
        self.operations.push(Operation::Crowd(self.wide.crowd));
        if self.wider.bool() {
            let credits = self.wider.i64(1..=4);
            self.operations.extend([Operation::TopUp(credits), Operation::Release(None)]);
        }
    }

    /// Many leads at once.
    fn burst(&mut self) {
        for _ in 0..self.wider.usize(4..=BURST_MAX) {
            if self.leads < MANY_LEADS_MAX {
                self.lead();
            }
        }
        self.operations.push(Operation::Deliver(None));
    }

    /// The schedule runs while somebody is at work.
    fn beside(&mut self) {
        self.lead();
        let (at, slow) = (self.wider.usize(..20), self.wider.bool());
        self.operations.extend([Operation::Deliver(None), Operation::WorkBeside { at, slow }]);
    }

    /// Answers are lost, and so are those to the next tries.
    fn unluckily(&mut self) {
        self.lead();
        self.operations.push(Operation::Deliver(None));
        for _ in 0..self.wider.usize(1..=3) {
            let trouble = if self.calm { Trouble::Busy } else { Trouble::AnswerLost };
            let work = Operation::Work { sizes: vec![10], order: 0, fault: None };
            let turn = Operation::Turn(Duration::from_secs(60 * 10));
            self.operations.extend([Operation::Provider(trouble), work, turn]);
        }
    }

    /// The CRM refuses what is written, of what comes at once or of what has arrived.
    fn rejected(&mut self) {
        let silence = Duration::from_secs(60 * 60 * self.wider.u64(1..=25));
        if self.wider.bool() {
            self.turn_by(silence);
            self.operations.push(Operation::Release(None));
        } else {
            self.lead();
            self.operations.push(Operation::Deliver(None));
        }
        let work = Operation::Work { sizes: vec![10], order: 0, fault: None };
        self.operations.extend([Operation::Crm(Trouble::Rejected), work]);
    }

    /// A provider runs dry, breaks, or may not say anything of somebody.
    fn with_several(&mut self) {
        self.lead();
        self.operations.push(Operation::Deliver(None));
        let lead = self.wider.usize(..self.leads);
        match self.wider.u8(..3) {
            0 => self.operations.push(Operation::RunDry),
            1 => self.operations.push(Operation::Suppress { lead }),
            _ => {
                let trouble = Trouble::made_up(&mut self.rng, true, self.calm);
                let times = self.wider.usize(1..=BREAKS_MAX);
                self.operations.extend(std::iter::repeat_n(Operation::Provider(trouble), times));
            }
        }
        let work = self.work();
        self.operations.push(work);
    }

    /// A night begins, or one of those whom the list finds is a lead.
    fn at_night(&mut self) {
        if self.wider.u8(..4) == 0 && self.leads < LEADS_MAX {
            self.operations.extend([Operation::LeadOfTheList(self.wider.usize(..8)), Operation::Deliver(None)]);
        } else if self.days < DAYS_MAX {
            self.days += 1;
            let night = Operation::Night { twice: self.wider.bool(), fault: self.fault(30, self.calm) };
            self.operations.push(night);
        }
        if self.wider.bool() {
            let work = self.work();
            self.operations.push(work);
        }
    }

    /// Somebody is told of, or says that they are not to be written to.
    fn signalled(&mut self) {
        let lead = self.wider.usize(..self.leads);
        if self.wider.u8(..5) == 0 {
            self.operations.push(Operation::Stop { lead, in_crm: self.wider.bool() });
        } else {
            let (again, fault) = (self.wider.u8(..3) == 0, self.fault(6, false));
            self.operations.push(Operation::Signal { lead, again, fault });
        }
        if self.wider.u8(..3) > 0 {
            let work = self.work();
            self.operations.push(work);
        }
    }

    fn in_bulk(&mut self) {
        self.operations.push(Operation::Bulk { again: self.wider.bool() });
        if self.wider.bool() {
            let work = self.work();
            self.operations.push(work);
        }
    }

    fn at_the_neighbours(&mut self) {
        self.operations.extend([Operation::NeighbourLead, Operation::Deliver(None)]);
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
        let trouble = Operation::Provider(Trouble::made_up(&mut self.rng, true, self.calm));
        let work = self.work();
        self.operations.extend([trouble, work]);
    }

    fn edit_at_work(&mut self, lead: usize) {
        let edit = Operation::EditMeanwhile { lead, edit: Edit::made_up(&mut self.rng, self.changes) };
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
        const DEATHS: usize = 4;
        const WAYS: [Way; 13] = [
            Way::DeathBefore,
            Way::DeathAfter,
            Way::LandsLate,
            Way::Deadline,
            Way::Down,
            Way::AnswersLost,
            Way::Refused,
            Way::AnswerLost,
            Way::Throttled,
            Way::Conflict,
            Way::Busy,
            Way::Unprocessed,
            Way::Stale,
        ];
        let (is_broken, call) = (self.rng.bool(), self.rng.usize(..calls));
        let way = WAYS[self.rng.usize(if stays_alive { DEATHS + 2 } else { 0 }..WAYS.len())];
        is_broken.then_some(Fault { call, way })
    }
}
