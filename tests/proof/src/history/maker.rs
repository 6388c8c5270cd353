//! Making the operations of a history up.

mod unusual;

use std::time::Duration;

use fastrand::Rng;

use super::companies;
use super::numbers::{Fate, Numbers};
use super::plan::{Edit, Fault, Operation, Trouble};
use super::wide::Wide;
use crate::way::Way;

/// The most leads that appear, and the most in a history with many.
const LEADS_MAX: usize = 6;
/// By so many days at most the clock is turned: nothing that was bought or missed is to go stale in a history, and
/// nobody is to wait for so long that they are given up, unless its windows are short.
const DAYS_MAX: u64 = 120;

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
        if self.wide.companies {
            for _ in 0..2 {
                let domain = companies::any_domain(&mut self.wider);
                self.operations.push(Operation::Company { domain, own_city: false });
            }
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
