//! Making up what most histories don't have.

use std::time::Duration;

use super::{DAYS_MAX, LEADS_MAX, Maker};
use crate::history::changes::Change;
use crate::history::companies;
use crate::history::plan::{Edit, Operation, Trouble};
use leadgate_sandbox::simulators::apollo::Polls;

const MANY_LEADS_MAX: usize = 40;
/// So many appear at once, at most, in a history with many.
const BURST_MAX: usize = 15;
/// So many calls of a provider that breaks go wrong, at most.
const BREAKS_MAX: usize = 4;
/// How long the tables can't be reached, in hours.
const OUTAGE_HOURS: std::ops::RangeInclusive<u64> = 1..=8;

impl Maker {
    /// One of the things that most histories don't have.
    pub(super) fn something_wide(&mut self) {
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
        add(wide.companies, Self::of_companies);
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
    pub(super) fn burst(&mut self) {
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
        let operation = match self.wider.u8(..6) {
            0 => Operation::Stop { lead, in_crm: self.wider.bool() },
            // When somebody is given up on is told by what the CRM says of them.
            1 if self.wide.windows.is_none() => Operation::SignalOfAStranger(self.fault(6, false)),
            _ => Operation::Signal { lead, again: self.wider.u8(..3) == 0, fault: self.fault(6, false) },
        };
        self.operations.push(operation);
        if self.wider.u8(..3) > 0 {
            let work = self.work();
            self.operations.push(work);
        }
    }

    /// A company appears, or something becomes of one.
    fn of_companies(&mut self) {
        let domain = companies::any_domain(&mut self.wider);
        match self.wider.bool() {
            true => self.operations.push(Operation::Company { domain, own_city: self.wider.u8(..4) == 0 }),
            false => {
                let (which, meanwhile) = (self.wider.usize(..8), self.wider.u8(..3) == 0);
                let fate = companies::Fate::made_up(&mut self.wider);
                self.operations.push(Operation::ChangeCompany { which, fate, meanwhile });
            }
        }
        if self.wider.u8(..3) > 0 {
            let work = self.work();
            self.operations.extend([Operation::Deliver(None), work]);
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
}
