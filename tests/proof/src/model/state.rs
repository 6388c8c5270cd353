//! A state of the small world, and how it is packed into a few words.

/// The most records, workers, cycles and purchases that a state has room for.
pub(super) const RECORDS: usize = 2;
pub(super) const WORKERS: usize = 2;
pub(super) const CYCLES: usize = 3;
pub(super) const PURCHASES: usize = 5;

/// Several records, a bit for each.
pub(super) type Mask = u8;

/// Everything that there is in the small world at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) cycle: u8,
    pub(super) wallets: [Wallet; CYCLES],
    pub(super) purchases: [Purchase; PURCHASES],
    pub(super) records: [Record; RECORDS],
    /// The messages that ask for a record.
    pub(super) requests: [Message; RECORDS],
    /// The messages that say that the numbers of a purchase may be there.
    pub(super) hints: [Message; PURCHASES],
    pub(super) workers: [Worker; WORKERS],
    pub(super) left: Left,
    /// Whether the provider has forgotten a result: 1 if so.
    pub(super) forgotten: u8,
    /// Credits that were assumed spent although the provider did not charge them. The protocol can't see this.
    pub(super) overcounted: u8,
    /// Whether something was settled as a miss that the provider had charged: 1 if so. The protocol can't see this.
    pub(super) charged_miss: u8,
}

/// The credits of one cycle, ours and the provider's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wallet {
    pub(super) stage: Stage,
    pub(super) available: i8,
    pub(super) held: i8,
    pub(super) spent: i8,
    /// What the provider charged within the cycle.
    pub(super) charged: u8,
    /// What was held in this cycle or before it, and moved on to another cycle's wallet.
    pub(super) carried: u8,
}

/// What was claimed under one id: a hold for the people and a hold for their numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Purchase {
    pub(super) lines: Mask,
    pub(super) at_once: Hold,
    pub(super) number: Hold,
    /// The cycle from whose wallet each is held.
    pub(super) wallet: u8,
    pub(super) number_wallet: u8,
    /// The lines that were settled without an answer.
    pub(super) unknown: Mask,
    /// How far the provider is with the numbers.
    pub(super) request: Request,
    /// The lines for which the provider charged a person and a number. The protocol can't see this.
    pub(super) charged: Mask,
    pub(super) number_charged: Mask,
}

/// A row in the CRM, as far as we remember it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) stage: Lead,
    /// The purchase that claimed it last; 0 is none.
    pub(super) purchase: u8,
    /// The worker whose claim has not run out; 0 is none.
    pub(super) claimer: u8,
    /// The purchase whose number it awaits; 0 is none.
    pub(super) awaits: u8,
    pub(super) number: Number,
    pub(super) deferred_in: u8,
    /// How often it was settled without an answer, and charged for.
    pub(super) unknowns: u8,
    pub(super) charges: u8,
    pub(super) number_charges: u8,
}

/// The copies of one message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) visible: u8,
    /// The workers that have received it, a bit for each.
    pub(super) holders: u8,
}

/// A run of the worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worker {
    pub(super) at: At,
    /// The purchase that it makes or collects for; 0 is none.
    pub(super) purchase: u8,
    pub(super) todo: Mask,
    pub(super) members: Mask,
    pub(super) to_write: Mask,
    /// The wallet that the hold of the numbers named when it was read.
    pub(super) seen: u8,
    /// The cycle in which the provider was polled.
    pub(super) polled: u8,
    pub(super) answer: Answer,
}

/// What may still go wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) crashes: u8,
    pub(super) duplicates: u8,
    pub(super) acknowledgements: u8,
    pub(super) answers: u8,
    pub(super) refusals: u8,
    pub(super) turns: u8,
}

macro_rules! coded {
    ($($(#[$doc:meta])* $name:ident($bits:literal) { $first:ident $(, $variant:ident)* $(,)? })+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub(super) enum $name { #[default] $first $(, $variant)* }

        impl Coded for $name {
            const BITS: u32 = $bits;
            fn code(self) -> u8 {
                self as u8
            }
            fn decode(code: u8) -> Self {
                const ALL: &[$name] = &[$name::$first $(, $name::$variant)*];
                ALL[code as usize]
            }
        }
    )+ };
}

coded! {
    /// Whether a cycle's wallet is there, and may be held from.
    Stage(2) { Missing, Opening, Spendable }
    /// Whether a hold is there.
    Hold(2) { Missing, Open, Closed }
    /// How far the provider is with what it delivers minutes after the call.
    Request(2) { Missing, Pending, Ready, Gone }
    /// How far a lead is.
    Lead(3) { New, Bought, Written, Deferred, Failed }
    /// What became of a record's number.
    Number(3) { Missing, Written, NotFound, Assumed, Lost }
    /// What a worker does next.
    At(4) {
        Idle, Dead, Claim, Hold, ReadHold, Call, Keep, Settle, Void, FreeNumbers, Write, Collect, SettleNumbers,
        WriteNumbers,
    }
    /// What the provider said of the numbers.
    Answer(2) { Arrived, Assumed, Nothing, Lost }
}

/// A kind of value with a code of a few bits.
pub(super) trait Coded: Copy {
    const BITS: u32;
    fn code(self) -> u8;
    fn decode(code: u8) -> Self;
}

/// So many words hold a state.
const WORDS: usize = 5;

/// A state, packed.
pub(super) type Packed = [u64; WORDS];

/// What goes through all fields of a state, with the width of each.
trait Pass {
    fn bits(&mut self, value: &mut u8, width: u32);

    fn signed(&mut self, value: &mut i8) {
        /// A balance that is wrong by one step must have room, too.
        const BELOW_ZERO: i8 = 4;
        let mut raw = value.wrapping_add(BELOW_ZERO).cast_unsigned();
        self.bits(&mut raw, 4);
        *value = raw.cast_signed().wrapping_sub(BELOW_ZERO);
    }

    fn coded<C: Coded>(&mut self, value: &mut C) {
        let mut code = value.code();
        self.bits(&mut code, C::BITS);
        *value = C::decode(code);
    }
}

struct Packer {
    words: Packed,
    at: u32,
}

impl Packer {
    /// The word and the place in it for the next `width` bits.
    fn place(&mut self, width: u32) -> (usize, u32) {
        if self.at % u64::BITS + width > u64::BITS {
            self.at = self.at.next_multiple_of(u64::BITS);
        }
        let (word, place) = (self.at / u64::BITS, self.at % u64::BITS);
        self.at += width;
        (word as usize, place)
    }
}

impl Pass for Packer {
    fn bits(&mut self, value: &mut u8, width: u32) {
        debug_assert!(u32::from(*value) < 1 << width, "{value} in {width} bits");
        let (word, place) = self.place(width);
        self.words[word] |= u64::from(*value) << place;
    }
}

struct Unpacker(Packer);

impl Pass for Unpacker {
    fn bits(&mut self, value: &mut u8, width: u32) {
        let (word, place) = self.0.place(width);
        let [low, ..] = (self.0.words[word] >> place).to_le_bytes();
        *value = low & ((1 << width) - 1);
    }
}

impl State {
    /// The state in a few words. Two states that differ in nothing but the names of the workers are packed as one.
    pub(super) fn packed(mut self) -> Packed {
        if self.workers[0] < self.workers[1] {
            self.swap_workers();
        }
        let mut packer = Packer { words: Packed::default(), at: 0 };
        self.pass(&mut packer);
        packer.words
    }

    /// The state that `words` hold.
    pub(super) fn unpacked(words: &Packed) -> Self {
        let mut state = Self::default();
        state.pass(&mut Unpacker(Packer { words: *words, at: 0 }));
        state
    }

    fn swap_workers(&mut self) {
        self.workers.swap(0, 1);
        for message in self.requests.iter_mut().chain(&mut self.hints) {
            message.holders = message.holders >> 1 | (message.holders & 1) << 1;
        }
        for record in self.records.iter_mut().filter(|record| record.claimer > 0) {
            record.claimer = 3 - record.claimer;
        }
    }

    fn pass(&mut self, pass: &mut impl Pass) {
        pass.bits(&mut self.cycle, 2);
        for wallet in &mut self.wallets {
            pass.coded(&mut wallet.stage);
            pass.signed(&mut wallet.available);
            pass.signed(&mut wallet.held);
            pass.signed(&mut wallet.spent);
            pass.bits(&mut wallet.charged, 4);
            pass.bits(&mut wallet.carried, 3);
        }
        for purchase in &mut self.purchases {
            purchase.pass(pass);
        }
        for record in &mut self.records {
            record.pass(pass);
        }
        for message in self.requests.iter_mut().chain(&mut self.hints) {
            pass.bits(&mut message.visible, 2);
            pass.bits(&mut message.holders, 2);
        }
        for worker in &mut self.workers {
            worker.pass(pass);
        }
        let Left { crashes, duplicates, acknowledgements, answers, refusals, turns } = &mut self.left;
        for left in [crashes, duplicates, acknowledgements, answers, refusals, turns] {
            pass.bits(left, 2);
        }
        pass.bits(&mut self.forgotten, 1);
        pass.bits(&mut self.overcounted, 3);
        pass.bits(&mut self.charged_miss, 1);
    }
}

impl Purchase {
    fn pass(&mut self, pass: &mut impl Pass) {
        pass.coded(&mut self.at_once);
        pass.coded(&mut self.number);
        pass.coded(&mut self.request);
        let Self { lines, wallet, number_wallet, unknown, charged, number_charged, .. } = self;
        for bits in [lines, wallet, number_wallet, unknown, charged, number_charged] {
            pass.bits(bits, 2);
        }
    }
}

impl Record {
    fn pass(&mut self, pass: &mut impl Pass) {
        pass.coded(&mut self.stage);
        pass.coded(&mut self.number);
        pass.bits(&mut self.purchase, 3);
        pass.bits(&mut self.awaits, 3);
        let Self { claimer, deferred_in, unknowns, charges, number_charges, .. } = self;
        for bits in [claimer, deferred_in, unknowns, charges, number_charges] {
            pass.bits(bits, 2);
        }
    }
}

impl Worker {
    fn pass(&mut self, pass: &mut impl Pass) {
        pass.coded(&mut self.at);
        pass.coded(&mut self.answer);
        pass.bits(&mut self.purchase, 3);
        let Self { todo, members, to_write, seen, polled, .. } = self;
        for bits in [todo, members, to_write, seen, polled] {
            pass.bits(bits, 2);
        }
    }
}

/// The numbers of the bits in `mask`, from the lowest.
pub(super) fn each(mask: Mask) -> impl Iterator<Item = u8> {
    (0..8).filter(move |bit| mask >> bit & 1 == 1)
}

/// How many bits are in `mask`.
pub(super) fn count(mask: Mask) -> i8 {
    let [low, ..] = mask.count_ones().to_le_bytes();
    low.cast_signed()
}
