//! What was used of the limits of one endpoint, and whether one more call may be made.
//!
//! A window opens at the provider when *its* first call arrives there, which isn't seen here. So when one of our
//! windows has closed, the next call is an **opening** one: all others wait for its answer, which says how many
//! calls the provider has counted. The window is then open for its whole length from that *answer*, so it closes after
//! the provider's own, and no window of the provider's sees two openings. What it does see are the calls that the
//! opening's answer has counted, the late ones (granted shortly before and perhaps still under way), and what was
//! granted since: their sum is what is kept below the limit.
//!
//! It holds as long as a call arrives within [`ARRIVAL`] of its grant.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CallLimits, Learned, Rate, Rates, Share, Span, latest};
use crate::clock::later;

/// The longest that a call is under way, from its grant until the provider counts it. What was granted longer ago than
/// this before a window closed can't be counted in the next.
pub const ARRIVAL: Duration = Duration::from_secs(5);
/// How long the others wait for the answer of an opening call before one of them makes another: the worker that made it may
/// have died. Longer than [`ARRIVAL`], so that it has arrived by then if it ever does.
const OPENING_LIFE: Duration = Duration::from_secs(10);
/// A provider says how long to wait in whole seconds. It may have rounded them down.
const ROUNDING: Duration = Duration::from_secs(1);
/// How long to hold off when a provider throttles without saying until when.
const HOLD_DEFAULT: Duration = Duration::from_secs(30);

/// What was used of one endpoint's limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Counts changes, other than to the two kinds of counters that [`Count`] names.
    pub rev: u64,
    /// Calls granted since the last change. They count in every open window.
    pub granted: u32,
    #[serde(default)]
    minute: Window,
    #[serde(default)]
    hour: Window,
    #[serde(default)]
    day: Window,
    /// The latest opening call, until its answer is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opening: Option<Opening>,
    /// The provider asked for silence until then, without saying which window is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Timestamp>,
}

/// One window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    /// What the provider says its limit is, where that isn't what is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<Learned>,
    /// The most calls that the provider can have counted in it, without those of [`Meter::granted`].
    used: u32,
    /// In an open window: calls granted in its last moments. In one that is being opened: calls that its opening's
    /// answer may not have counted.
    late: u32,
    /// When it has certainly closed. `None` while it is being opened, and where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closes: Option<Timestamp>,
}

/// A call whose answer will say what has been used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Opening {
    /// Whose.
    by: u64,
    /// The first of those that were made because the one before wasn't answered in time. The answer to any will do.
    series: u64,
    since: Timestamp,
    /// It ended, and said nothing.
    over: bool,
}

/// What is to be done about a request to make a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Make it: there is nothing to count.
    Unlimited,
    /// Count it, and make it.
    Count(Count),
    /// Keep the meter like this, and make it. Its answer is waited for.
    Open(Box<Meter>),
    /// Wait: there is surely no room before that.
    NotBefore(Timestamp),
    /// Check again shortly: another worker is finding out how much room there is.
    Opening,
}

/// How a call is counted, without anything else about the meter changing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// [`Meter::granted`] must be below this, and goes up by one.
    pub room: u32,
    /// The windows in whose last moments it falls: their `late` goes up by one.
    pub late: [bool; 3],
}

/// A call that was granted: the meter as it stood with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    meter: Box<Meter>,
    by: u64,
}

/// How a granted call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The provider answered, whatever it said.
    Answered,
    /// It said: not now.
    Throttled {
        /// When it said to come back.
        retry_after: Option<Duration>,
    },
    /// It was not reached, didn't answer in time, or failed itself.
    Failed,
}

impl Meter {
    /// Whether a call may be made. `by` is the caller's own number for it, which no other caller has.
    pub fn decide(&self, configured: &CallLimits, share: Share, by: u64, now: Timestamp) -> Decision {
        let limited = |span: &Span| self.limit(*span, configured).is_some();
        let mut not_before = self.hold.filter(|hold| *hold > now);
        let mut count = Count { room: u32::MAX, late: [false; 3] };
        for (i, span) in Span::ALL.into_iter().enumerate().filter(|(_, span)| limited(span)) {
            let Some(closes) = self.open_until(span, now) else { continue };
            let room = self.part(span, configured, share).saturating_sub(self.window(span).used);
            count.room = count.room.min(room);
            count.late[i] = now >= earlier(closes, ARRIVAL);
            if self.granted >= room {
                not_before = latest(not_before, closes);
            }
        }
        if let Some(not_before) = not_before {
            return Decision::NotBefore(not_before);
        }
        let closed = |span: &Span| limited(span) && self.open_until(*span, now).is_none();
        if !Span::ALL.iter().any(limited) {
            Decision::Unlimited
        } else if !Span::ALL.iter().any(closed) {
            Decision::Count(count)
        } else if self.opening.as_ref().is_some_and(|it| !it.over && later(it.since, OPENING_LIFE) > now) {
            Decision::Opening
        } else {
            self.open(count, |span| closed(&span).then(|| self.part(span, configured, share)), by, now)
        }
    }

    /// Opens every window that `cap` gives a number for.
    fn open(&self, count: Count, cap: impl Fn(Span) -> Option<u32>, by: u64, now: Timestamp) -> Decision {
        let closed = || Span::ALL.into_iter().filter_map(|span| Some((span, cap(span)?)));
        // A worker that waited for an answer in vain goes on where the other left off, so that an answer that is only slow
        // still counts: otherwise a provider that is always slow would let no call through.
        let unanswered = self.opening.as_ref().filter(|it| !it.over).filter(|_| {
            closed().all(|(span, cap)| self.window(span).closes.is_none() && self.window(span).late + 1 < cap)
        });
        let mut next = self.folded();
        for (i, span) in Span::ALL.into_iter().enumerate() {
            let Some(cap) = cap(span) else {
                next.window_mut(span).counted(count.late[i], unanswered.is_some());
                continue;
            };
            let (late, fades) = self.stragglers(span, now);
            let late = if unanswered.is_some() { self.window(span).late + 1 } else { late };
            if late >= cap {
                return Decision::NotBefore(fades);
            }
            let window = next.window_mut(span);
            *window = Window { limit: window.limit, used: late + 1, late, closes: None };
        }
        next.opening =
            Some(Opening { by, series: unanswered.map_or(by, |opening| opening.series), since: now, over: false });
        next.hold = None;
        next.rev += 1;
        Decision::Open(Box::new(next))
    }

    /// How many calls may yet arrive that were granted before, and until when.
    fn stragglers(&self, span: Span, now: Timestamp) -> (u32, Timestamp) {
        let window = self.window(span);
        let (late, last) = match (window.closes, &self.opening) {
            (Some(closes), _) => (window.late, closes),
            (None, Some(opening)) => (window.late + 1, opening.since),
            (None, None) => (0, now),
        };
        let fades = later(last, ARRIVAL);
        (if now < fades { late } else { 0 }, fades)
    }

    /// The meter as it shall be now that a call has ended; `None` when nothing about it is new.
    pub fn ended(
        &self,
        grant: &Grant,
        rates: &Rates,
        ending: Ending,
        configured: &CallLimits,
        now: Timestamp,
    ) -> Option<Self> {
        let current = self.folded();
        let mut next = current.clone();
        let opened = grant.meter.opening.as_ref().filter(|it| it.by == grant.by).map(|it| it.series);
        let opens = opened.is_some() && opened == self.opening.as_ref().map(|it| it.series);
        let mut named = false;
        for span in Span::ALL {
            let known = self.limit(span, configured);
            let window = next.window_mut(span);
            let opening = opens && window.closes.is_none() && known.is_some();
            let before = grant.meter.window(span);
            let same = opening || window.closes == before.closes || grant.meter.limit(span, configured).is_none();
            match rates.of(span) {
                Some(Rate::Unlimited) if known.is_some() => {
                    *window = Window { limit: Some(Learned::Unlimited), ..Window::default() };
                }
                Some(Rate::Limited { limit, used }) => {
                    if known != Some(limit) {
                        window.limit = Some(Learned::Calls(limit));
                    }
                    // One that was unknown stays unopened: calls are under way that it has never counted.
                    if opening {
                        window.opened(used, later(now, span.length()));
                    } else if same && window.closes.is_some_and(|closes| closes > now) {
                        window.used = window.used.max(used);
                    }
                    if let Ending::Throttled { retry_after } = ending
                        && used >= limit
                    {
                        named |= window.filled(limit, retry_after, same, now, span.length());
                    }
                }
                None if opening && ending == Ending::Answered => window.opened(1, later(now, span.length())),
                _ => {}
            }
        }
        if let (Ending::Throttled { retry_after }, false) = (ending, named) {
            next.hold_off(retry_after.unwrap_or(HOLD_DEFAULT), now);
        }
        next.close_opening(opens, grant.by, configured);
        (next != current).then(|| Self { rev: current.rev + 1, ..next })
    }

    /// Each call that is turned away says so: only the first is news.
    fn hold_off(&mut self, asked: Duration, now: Timestamp) {
        if self.hold.is_none_or(|hold| hold < later(now, asked)) {
            self.hold = Some(later(now, asked + ROUNDING));
        }
    }

    /// What is left of an opening once a call of its series has ended.
    fn close_opening(&mut self, ended: bool, by: u64, configured: &CallLimits) {
        let unopened = |span: &Span| self.limit(*span, configured).is_some() && self.window(*span).closes.is_none();
        if ended && !Span::ALL.iter().any(unopened) {
            self.opening = None;
        } else if let Some(opening) = self.opening.as_mut().filter(|opening| opening.by == by) {
            opening.over = true;
        }
    }

    /// The call with this number, as granted on this meter.
    pub fn grant(self, by: u64) -> Grant {
        Grant { meter: Box::new(self), by }
    }

    /// How many calls the provider can have counted at most in a window, if it is open.
    pub fn used(&self, span: Span, now: Timestamp) -> Option<u32> {
        self.open_until(span, now).map(|_| self.window(span).used + self.granted)
    }

    /// The limit that is gone by: what the provider said, or else what is configured.
    pub fn limit(&self, span: Span, configured: &CallLimits) -> Option<u32> {
        match self.window(span).limit {
            Some(Learned::Unlimited) => None,
            Some(Learned::Calls(limit)) => Some(limit),
            None => configured.of(span),
        }
    }

    fn part(&self, span: Span, configured: &CallLimits, share: Share) -> u32 {
        share.part_of(self.limit(span, configured).unwrap_or(u32::MAX), configured)
    }

    fn open_until(&self, span: Span, now: Timestamp) -> Option<Timestamp> {
        self.window(span).closes.filter(|closes| *closes > now)
    }

    /// With what was granted counted into each window.
    fn folded(&self) -> Self {
        let mut folded = self.clone();
        for span in Span::ALL {
            folded.window_mut(span).used += self.granted;
        }
        Self { granted: 0, ..folded }
    }

    fn window(&self, span: Span) -> &Window {
        match span {
            Span::Minute => &self.minute,
            Span::Hour => &self.hour,
            Span::Day => &self.day,
        }
    }

    fn window_mut(&mut self, span: Span) -> &mut Window {
        match span {
            Span::Minute => &mut self.minute,
            Span::Hour => &mut self.hour,
            Span::Day => &mut self.day,
        }
    }
}

impl Window {
    /// One more call that doesn't open it. One without a limit may turn out to have one.
    fn counted(&mut self, late: bool, again: bool) {
        if self.closes.is_some() {
            self.used += 1;
            self.late += u32::from(late);
        } else {
            (self.used, self.late) = (0, if again { self.late + 1 } else { 0 });
        }
    }

    /// It is open: the provider has counted `counted` calls so far.
    fn opened(&mut self, counted: u32, closes: Timestamp) {
        self.used = counted.max(1).saturating_add(self.late);
        self.late = 0;
        self.closes = Some(closes);
    }

    /// The provider says that it is full, or that the `same` one was. Whether that is why to wait. What is under way by
    /// now has been turned away by the time it closes.
    fn filled(
        &mut self,
        limit: u32,
        retry_after: Option<Duration>,
        same: bool,
        now: Timestamp,
        length: Duration,
    ) -> bool {
        let asked = retry_after.map_or_else(|| self.closes.unwrap_or(later(now, length)), |it| later(now, it));
        let closes = later(asked, ROUNDING).max(later(now, ARRIVAL));
        // Each call that is turned away says so: only the first is news.
        let known = self.used >= limit && self.closes.is_some_and(|known| asked <= known && known <= closes);
        if same && !known {
            self.used = self.used.max(limit);
            self.closes = Some(closes);
            self.late = 0;
        }
        same || known
    }
}

impl Grant {
    /// Whether what the provider said is what was known anyway, so that it needn't be written.
    pub fn expected(&self, rates: &Rates, ending: Ending, configured: &CallLimits) -> bool {
        let as_known = |span: &Span| match (rates.of(*span), self.meter.limit(*span, configured)) {
            (None, _) | (Some(Rate::Unlimited), None) => true,
            (Some(Rate::Limited { limit, used }), Some(known)) => {
                limit == known && used <= self.meter.window(*span).used + self.meter.granted
            }
            _ => false,
        };
        !self.opens() && !matches!(ending, Ending::Throttled { .. }) && Span::ALL.iter().all(as_known)
    }

    /// Whether others wait for its answer.
    pub fn opens(&self) -> bool {
        self.meter.opening.as_ref().is_some_and(|opening| opening.by == self.by)
    }
}

fn earlier(at: Timestamp, duration: Duration) -> Timestamp {
    at.checked_sub(duration).unwrap_or(Timestamp::MIN)
}
