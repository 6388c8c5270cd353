//! The rule against a model of the provider, whose windows open when a call arrives and not when it is granted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;
use crate::clock::later;

/// A small plan.
const LEAST: CallLimits = CallLimits::new(Some(50), Some(200), Some(600));

/// How many calls fit into each window of the model.
type Limits = [Option<u32>; 3];

/// A provider: the instant each window opened at, and the calls in it.
#[derive(Default)]
struct Provider {
    windows: [(i64, u32); 3],
    over: u32,
    counted: u32,
}

impl Provider {
    /// Counts a call that arrives, and says what it says with the answer: with how long to wait, if it turned it away.
    fn arrives(&mut self, limits: Limits, now: i64) -> (Rates, Option<Duration>) {
        for (span, window) in Span::ALL.into_iter().zip(&mut self.windows) {
            if window.1 > 0 && now >= window.0 + millis(span.length()) {
                window.1 = 0;
            }
        }
        let windows = Span::ALL.into_iter().zip(limits).zip(&self.windows);
        let mut full = windows.filter(|((_, limit), (_, used))| limit.is_some_and(|it| *used >= it));
        let full = full.next_back().map(|((span, _), (opened, _))| *opened + millis(span.length()) - now);
        if full.is_some() {
            self.over += 1;
        } else {
            self.counted += 1;
            for window in &mut self.windows {
                *window = if window.1 == 0 { (now, 1) } else { (window.0, window.1 + 1) };
            }
        }
        let rate = |i: usize| match limits[i] {
            None => Some(Rate::Unlimited),
            Some(limit) => Some(Rate::Limited { limit, used: self.windows[i].1 }),
        };
        let wait = |milli: i64| Duration::from_secs(u64::try_from(milli).expect("to come").div_ceil(1000));
        (Rates { minute: rate(0), hour: rate(1), day: rate(2) }, full.map(wait))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("in range")
}

fn at(milli: i64) -> Timestamp {
    Timestamp::from_millisecond(1_772_357_400_000 + milli).expect("in range")
}

/// What goes on in a run.
#[derive(Debug, Clone)]
struct Plan {
    limits: Limits,
    /// What is configured.
    configured: CallLimits,
    callers: u64,
    /// The longest pause between two calls of a caller, in milliseconds.
    pause: u64,
    /// The longest way back, in milliseconds.
    answer: u64,
    /// Of a hundred calls: how many callers die, and how many calls fail.
    deaths: u64,
    failures: u64,
    seed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Call { caller: u64 },
    Arrival { call: usize },
    Answer { call: usize },
}

/// A call on its way.
struct Call {
    caller: u64,
    grant: Grant,
    told: Option<(Rates, Option<Duration>)>,
}

struct Run {
    plan: Plan,
    meter: Meter,
    provider: Provider,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    calls: Vec<Call>,
    chance: u64,
    number: u64,
    writes: u32,
    /// Opening calls whose answer was not there in time.
    unanswered: u32,
}

impl Run {
    fn of(plan: Plan) -> Self {
        let chance = plan.seed;
        let (meter, provider) = (Meter::default(), Provider::default());
        let (events, calls) = (BinaryHeap::new(), Vec::new());
        let mut run = Self { plan, meter, provider, events, calls, chance, number: 0, writes: 0, unanswered: 0 };
        (0..run.plan.callers).for_each(|caller| run.soon(0, 2000, Event::Call { caller }));
        run
    }

    /// A number below `most`, evenly.
    fn below(&mut self, most: u64) -> u64 {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % most.max(1)
    }

    fn soon(&mut self, now: i64, within: u64, event: Event) {
        let wait = self.below(within) + 1;
        self.number += 1;
        self.events.push(Reverse((now + i64::try_from(wait).expect("in range"), self.number, event)));
    }

    fn until(mut self, end: i64) -> Self {
        while let Some(Reverse((now, _, event))) = self.events.pop().filter(|Reverse((now, ..))| *now < end) {
            match event {
                Event::Call { caller } => self.call(caller, now),
                Event::Arrival { call } => {
                    let told = self.provider.arrives(self.plan.limits, now);
                    let opens = self.calls[call].grant.opens();
                    assert!(told.1.is_none() || opens, "only what finds out may be one too many");
                    self.calls[call].told = Some(told);
                    self.soon(now, self.plan.answer, Event::Answer { call });
                }
                Event::Answer { call } => self.answer(call, now),
            }
        }
        self
    }

    fn call(&mut self, caller: u64, now: i64) {
        let by = self.number;
        let meter = match self.meter.decide(&self.plan.configured, Share::Full, by, at(now)) {
            Decision::Unlimited => self.meter.clone(),
            Decision::Count(count) => {
                assert!(self.meter.granted < count.room);
                counted(&self.meter, count)
            }
            Decision::Open(next) => {
                let before = serde_json::to_value(&self.meter).expect("a meter");
                self.unanswered += u32::from(!before["opening"].is_null());
                *next
            }
            Decision::NotBefore(until) => {
                assert!(until > at(now), "waiting for what has passed");
                let wait = until.duration_since(at(now)).as_millis();
                return self.soon(now + i64::try_from(wait).expect("in range"), 500, Event::Call { caller });
            }
            Decision::Opening => return self.soon(now, 400, Event::Call { caller }),
        };
        self.writes += u32::from(meter != self.meter);
        self.meter = meter.clone();
        self.calls.push(Call { caller, grant: meter.grant(by), told: None });
        let call = self.calls.len() - 1;
        if self.below(100) < self.plan.deaths {
            // The caller dies with its call under way, or before it was sent, and another takes its place.
            if self.below(2) == 0 {
                self.soon(now, 2 * 60_000, Event::Call { caller });
                return;
            }
        }
        self.soon(now, u64::try_from(millis(ARRIVAL)).expect("in range") - 1, Event::Arrival { call });
    }

    fn answer(&mut self, call: usize, now: i64) {
        let caller = self.calls[call].caller;
        self.soon(now, self.plan.pause, Event::Call { caller });
        let (died, failed) = (self.below(100) < self.plan.deaths, self.below(100) < self.plan.failures);
        if died {
            return;
        }
        let (rates, full) = self.calls[call].told.expect("it has arrived");
        let (rates, ending) = match (failed, full) {
            (true, _) => (Rates::default(), Ending::Failed),
            (false, Some(_)) => (rates, Ending::Throttled { retry_after: full }),
            (false, None) => (rates, Ending::Answered),
        };
        let grant = &self.calls[call].grant;
        if grant.expected(&rates, ending, &self.plan.configured) {
            return;
        }
        if let Some(next) = self.meter.ended(grant, &rates, ending, &self.plan.configured, at(now)) {
            assert_eq!(next.rev, self.meter.rev + 1);
            (self.meter, self.writes) = (next, self.writes + 1);
        }
    }
}

/// The meter with one more call, as the store counts it.
fn counted(meter: &Meter, count: Count) -> Meter {
    let mut value = serde_json::to_value(meter).expect("a meter");
    for (span, late) in Span::ALL.into_iter().zip(count.late) {
        let window = &mut value[span.word()]["late"];
        *window = (window.as_u64().expect("a number") + u64::from(late)).into();
    }
    value["granted"] = (meter.granted + 1).into();
    serde_json::from_value(value).expect("a meter")
}

fn plans() -> impl Strategy<Value = Plan> {
    let minute = prop_oneof![Just(None), (1u32..40).prop_map(Some)];
    let hour = prop_oneof![Just(None), (20u32..200).prop_map(Some)];
    let configured = prop_oneof![Just(LEAST), Just(CallLimits { hour: None, ..LEAST })];
    let times = (1u64..60_000, 1u64..25_000, 0u64..10, 0u64..10);
    (minute, hour, configured, 1u64..24, times, any::<u64>()).prop_map(
        |(minute, hour, configured, callers, times, seed)| {
            let (pause, answer, deaths, failures) = times;
            let limits = [minute, hour.or(minute.is_none().then_some(50)), None];
            Plan { limits, configured, callers, pause, answer, deaths, failures, seed }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_call_goes_over_the_limit_whatever_is_late_lost_or_slow(plan in plans()) {
        let run = Run::of(plan).until(3 * 60 * 60_000);
        // Who asks again because the answer was lost may ask once too often.
        prop_assert!(run.provider.over <= run.unanswered, "{} of {}", run.provider.over, run.unanswered);
    }

    #[test]
    fn there_is_always_progress(plan in plans()) {
        let run = Run::of(plan.clone()).until(3 * 60 * 60_000);
        // At its worst, a call in every opening's life and its answer's way.
        let minutes = run.plan.limits[0].map_or(180, |limit| limit.min(180));
        let hourly = run.plan.limits[1].map_or(u32::MAX, |limit| limit.div_ceil(2));
        prop_assert!(run.provider.counted >= minutes.min(hourly).min(60), "{} calls", run.provider.counted);
    }
}

/// Many callers without a pause.
fn busy(limits: Limits) -> Plan {
    let (callers, pause, answer) = (20, 300, 700);
    Plan { limits, configured: LEAST, callers, pause, answer, deaths: 0, failures: 0, seed: 7 }
}

#[test]
fn nearly_all_of_a_limit_is_used_for_one_write_a_call() {
    for (limits, minutes, possible) in [([Some(50), None, None], 30, 1500), ([Some(50), Some(200), None], 180, 600)] {
        let run = Run::of(busy(limits)).until(minutes * 60_000);
        let counted = run.provider.counted;
        assert!(counted * 100 >= possible * 90, "{counted} of {possible} calls");
        // One for each call, one for the answer to each opening.
        assert!(run.writes <= counted + 2 * u32::try_from(minutes).expect("few"), "{} writes", run.writes);
    }
}

#[test]
fn without_limits_nothing_is_written() {
    let plan = Plan { configured: CallLimits::UNLIMITED, ..busy([None; 3]) };
    let run = Run::of(plan).until(60_000);
    assert!(run.provider.counted > 300);
    assert_eq!(run.writes, 0);
}

#[test]
fn low_priority_leaves_the_rest_of_a_window_alone() {
    let configured = CallLimits { low_priority_percent: 40, ..LEAST };
    let rates = |used| Rates { minute: Some(Rate::Limited { limit: 10, used }), ..Rates::default() };
    let Decision::Open(meter) = Meter::default().decide(&configured, Share::Low, 1, at(0)) else {
        panic!("no opening")
    };
    let meter = meter.clone().ended(&meter.grant(1), &rates(3), Ending::Answered, &configured, at(100)).expect("news");
    let Decision::Count(count) = meter.decide(&configured, Share::Low, 2, at(200)) else { panic!("no room") };
    let meter = counted(&meter, count);
    assert_eq!(meter.decide(&configured, Share::Low, 3, at(300)), Decision::NotBefore(at(60_100)));
    assert!(matches!(meter.decide(&configured, Share::Full, 3, at(300)), Decision::Count(Count { room: 7, .. })));
    assert_eq!(meter.used(Span::Minute, at(300)), Some(4));
}

#[test]
fn what_was_granted_shortly_before_a_window_closed_may_count_in_the_next() {
    let configured = CallLimits { minute: Some(10), ..CallLimits::UNLIMITED };
    let decide = |meter: &Meter, milli| meter.decide(&configured, Share::Full, 1, at(milli));
    let told = |meter: Box<Meter>, milli| {
        let rates = Rates { minute: Some(Rate::Limited { limit: 10, used: 1 }), ..Rates::default() };
        meter.ended(&meter.clone().grant(1), &rates, Ending::Answered, &configured, at(milli)).expect("news")
    };
    // Six calls each time, in the middle of the window or at its end; the next begins at once or later.
    for (six_at, next_at, used) in [(30_000, 60_000, 1), (58_000, 60_000, 7), (58_000, 65_000, 1)] {
        let Decision::Open(meter) = decide(&Meter::default(), -100) else { panic!("no opening") };
        let mut meter = told(meter, 0);
        for _ in 0..6 {
            let Decision::Count(count) = decide(&meter, six_at) else { panic!("no room") };
            meter = counted(&meter, count);
        }
        let Decision::Open(next) = decide(&meter, next_at) else { panic!("no opening") };
        assert_eq!(told(next, next_at + 500).used(Span::Minute, at(next_at + 600)), Some(used));
    }
}

#[test]
fn an_opening_call_that_is_lost_keeps_the_others_waiting_for_a_while() {
    let configured = LEAST;
    let decide = |meter: &Meter, by, milli| meter.decide(&configured, Share::Full, by, at(milli));
    let Decision::Open(first) = decide(&Meter::default(), 1, 0) else { panic!("no opening") };
    assert_eq!(decide(&first, 2, 9_999), Decision::Opening);
    let Decision::Open(second) = decide(&first, 2, 10_000) else { panic!("no other opening") };
    assert_eq!(decide(&second, 3, 10_001), Decision::Opening);
    // The first was only slow: its answer counts, and makes room for the second.
    let rates = Rates { minute: Some(Rate::Limited { limit: 20, used: 1 }), ..Rates::default() };
    let open = second.ended(&first.clone().grant(1), &rates, Ending::Answered, &configured, at(11_000)).expect("news");
    assert_eq!(open.used(Span::Minute, at(11_000)), Some(2));
    assert_eq!(open.limit(Span::Minute, &configured), Some(20));
    // A failure makes way for the next at once.
    let over = first.ended(&first.clone().grant(1), &Rates::default(), Ending::Failed, &configured, at(50));
    assert!(matches!(decide(&over.expect("news"), 2, 60), Decision::Open(_)));
}

#[test]
fn a_throttled_call_closes_the_window_it_names_or_everything() {
    let configured = LEAST;
    let Decision::Open(open) = Meter::default().decide(&configured, Share::Full, 1, at(0)) else {
        panic!("no opening")
    };
    let full = Rates { hour: Some(Rate::Limited { limit: 200, used: 200 }), ..Rates::default() };
    let retry_after = Some(Duration::from_secs(600));
    for (rates, until) in [(full, 601_000), (Rates::default(), 601_000)] {
        let ending = Ending::Throttled { retry_after };
        let grant = open.clone().grant(1);
        let meter = open.ended(&grant, &rates, ending, &configured, at(0)).expect("news");
        assert_eq!(meter.decide(&configured, Share::Full, 2, at(1)), Decision::NotBefore(at(until)));
        assert_eq!(meter.ended(&grant, &rates, ending, &configured, at(500)), None, "the second says nothing new");
        assert!(matches!(meter.decide(&configured, Share::Full, 2, at(until)), Decision::Open(_)));
    }
    let hold = open.ended(&open.clone().grant(1), &Rates::default(), Ending::Failed, &configured, at(0));
    assert!(hold.is_some_and(|meter| meter.limit(Span::Day, &configured) == Some(600)));
    assert_eq!(later(at(0), ARRIVAL), at(5000));
}
