//! The search: every state that can be reached, nearest first, so that the first violation has the shortest trace.

use std::collections::BTreeSet;
use std::fmt;

use super::Protocol;
use super::rules::{Broken, is_at_rest};
use super::state::{Number, Packed, Record, State};
use super::steps::{Step, Steps};
use crate::Promise;

/// More states than this don't fit a small machine's memory: some 700 MB.
const STATES_MAX: usize = 8_000_000;

/// What a search without a violation has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// States, each another.
    pub states: usize,
    /// Those in which nothing is left to do.
    pub at_rest: usize,
    /// Steps from the start to the farthest.
    pub depth: usize,
    /// How leads ended, and their numbers.
    pub ends: BTreeSet<String>,
}

/// A rule that is broken, and the shortest way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// What it is a violation of.
    pub of: Promise,
    /// Which rule.
    pub broken: String,
    /// What happened, step by step.
    pub steps: Vec<String>,
    /// States that were seen until then.
    pub states: usize,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, after {} steps:", self.broken, self.steps.len())?;
        self.steps.iter().enumerate().try_for_each(|(i, step)| write!(f, "\n  {}. {step}", i + 1))
    }
}

/// The states seen, in the order of their distance from the first, and what leads from each to which.
struct Graph {
    states: Vec<Packed>,
    /// The state from which each was reached first.
    parents: Vec<u32>,
    /// Open addressing: a place holds the number of a state, plus one.
    places: Vec<u32>,
    /// All successors of all states, and where those of each begin.
    successors: Vec<u32>,
    begins: Vec<usize>,
}

impl Protocol {
    /// Looks at every state that can be reached.
    pub(super) fn search(&self) -> Result<Seen, Box<Trace>> {
        let mut graph = Graph::new();
        let start = self.start();
        graph.number(start.packed(), 0);
        if let Some(broken) = self.broken(&start) {
            return Err(self.trace(&graph, 0, broken));
        }
        let mut found = Vec::new();
        let mut next = 0;
        while next < graph.states.len() {
            let state = State::unpacked(&graph.states[next]);
            let mut steps = Steps { found: &mut found, is_too_small: false };
            self.steps(&state, &mut steps);
            if steps.is_too_small || graph.states.len() > STATES_MAX {
                return Err(self.trace(&graph, next, too_small()));
            }
            graph.begins.push(graph.successors.len());
            for (state, _) in found.drain(..) {
                let (number, is_new) = graph.number(state.packed(), next);
                graph.successors.push(number);
                if is_new && let Some(broken) = self.broken(&state) {
                    return Err(self.trace(&graph, number as usize, broken));
                }
            }
            next += 1;
        }
        graph.begins.push(graph.successors.len());
        let at_rest: Vec<bool> = graph.states.iter().map(|state| is_at_rest(&State::unpacked(state))).collect();
        if let Some(endless) = graph.cannot_reach(&at_rest) {
            let what = "from here the work can never end: a lead, a message or a hold stays for ever".to_owned();
            return Err(self.trace(&graph, endless, Broken { of: Promise::Leads, what }));
        }
        let ended = graph.states.iter().zip(&at_rest).filter(|(_, rest)| **rest);
        let ends = ended.flat_map(|(state, _)| self.ends(&State::unpacked(state))).collect();
        let depth = graph.way_to(graph.states.len() - 1).len() - 1;
        Ok(Seen { states: graph.states.len(), at_rest: at_rest.iter().filter(|rest| **rest).count(), depth, ends })
    }

    fn ends(&self, state: &State) -> Vec<String> {
        let end = |record: &Record| match (record.stage, record.number) {
            (stage, Number::Missing) => format!("{stage:?}"),
            (stage, number) => format!("{stage:?}, number {number:?}"),
        };
        state.records.iter().take(self.world.records as usize).map(end).collect()
    }

    /// The way to a state, in words. What was done on it is found again by doing it again.
    fn trace(&self, graph: &Graph, to: usize, broken: Broken) -> Box<Trace> {
        let way = graph.way_to(to);
        let mut words = Vec::with_capacity(way.len());
        let mut state = self.start();
        for to in way.iter().skip(1) {
            let mut found: Vec<(State, Step)> = Vec::new();
            let mut steps = Steps { found: &mut found, is_too_small: false };
            self.steps(&state, &mut steps);
            let Some((next, step)) = found.into_iter().find(|(next, _)| next.packed() == graph.states[*to]) else {
                break;
            };
            words.push(step.to_string());
            state = next;
        }
        Box::new(Trace { of: broken.of, broken: broken.what, steps: words, states: graph.states.len() })
    }
}

fn too_small() -> Broken {
    Broken { of: Promise::Order, what: "the world is too large to be searched".to_owned() }
}

impl Graph {
    const PLACES_AT_FIRST: usize = 1 << 16;

    fn new() -> Self {
        Self {
            states: Vec::new(),
            parents: Vec::new(),
            places: vec![0; Self::PLACES_AT_FIRST],
            successors: Vec::new(),
            begins: Vec::new(),
        }
    }

    /// The number of a state, and whether it is a new one.
    fn number(&mut self, state: Packed, parent: usize) -> (u32, bool) {
        if self.states.len() * 2 >= self.places.len() {
            self.grow();
        }
        let place = self.place_of(&state);
        if let Some(number) = self.places[place].checked_sub(1) {
            return (number, false);
        }
        let number = in_u32(self.states.len());
        self.places[place] = number + 1;
        self.states.push(state);
        self.parents.push(in_u32(parent));
        (number, true)
    }

    /// Where the state is, or where it belongs.
    fn place_of(&self, state: &Packed) -> usize {
        let mask = self.places.len() - 1;
        let mut place = hash(state) & mask;
        while let Some(number) = self.places[place].checked_sub(1)
            && self.states[number as usize] != *state
        {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        self.places = vec![0; self.places.len() * 4];
        for number in 0..self.states.len() {
            let place = self.place_of(&self.states[number]);
            self.places[place] = in_u32(number) + 1;
        }
    }

    /// The numbers of the states on the way to one, from the first.
    fn way_to(&self, state: usize) -> Vec<usize> {
        let mut way = vec![state];
        let mut at = state;
        while at > 0 {
            at = self.parents[at] as usize;
            way.push(at);
        }
        way.reverse();
        way
    }

    /// The first state from which none of `ends` can be reached.
    fn cannot_reach(&self, ends: &[bool]) -> Option<usize> {
        let mut reaches = ends.to_vec();
        // Most states lead to farther ones, so that a few passes from the far end suffice.
        loop {
            let mut is_changed = false;
            for state in (0..reaches.len()).rev().filter(|state| !ends[*state]) {
                let successors = &self.successors[self.begins[state]..self.begins[state + 1]];
                if !reaches[state] && successors.iter().any(|next| reaches[*next as usize]) {
                    reaches[state] = true;
                    is_changed = true;
                }
            }
            if !is_changed {
                return reaches.iter().position(|reaches| !reaches);
            }
        }
    }
}

fn hash(state: &Packed) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = state.iter().fold(0_u64, |hash, word| (hash.rotate_left(29) ^ word).wrapping_mul(ODD));
    usize::try_from(mixed >> 20).unwrap_or(usize::MAX)
}

fn in_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
