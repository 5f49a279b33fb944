//! What the first messages of a stream say about its instruments: quanta, order filters, clock offset.

use aurora_core::event::MessageKind;
use aurora_core::instrument::{Instrument, InstrumentId};
use aurora_core::units::{power_of_ten, printed_decimals, Money};
use aurora_core::wire::{level_texts, WireEvent, WireLevels};

/// Messages a stream is calibrated on; no decision may be taken before they have passed.
pub const CALIBRATION_MESSAGES: u64 = 1_000;
/// Messages, or records, of a file whose numbers come without trailing zeros that are looked at for how fine they are. It says
/// nothing of the market: quanta are how numbers are held, not what they are.
pub const FINENESS_MESSAGES: u64 = 10_000;
/// Decimals beyond those seen that numbers without trailing zeros may still grow by.
const SPARE_DECIMALS: u8 = 3;
/// Where numbers come without trailing zeros decimals are a multiple of this, so that days of one symbol agree.
const DECIMALS_STEP: u8 = 4;
/// Decimals carried while calibrating.
const WORKING_DECIMALS: u8 = 12;
/// Prices and sizes may grow by this factor beyond the largest seen and still fit.
const HEADROOM: i128 = 1_000;

/// Filters that config knows better than the data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Price step in 1e-8 of the quote currency.
    pub tick_e8: Option<i64>,
    /// Size step in 1e-8 of the base currency.
    pub lot_e8: Option<i64>,
    /// Smallest notional, money quanta.
    pub min_notional: Option<Money>,
}

#[derive(Debug, Clone, Default)]
struct Column {
    printed: u8,
    significant: u8,
    largest: i128,
    /// Greatest common divisor of tradeable values (touch and trades), 1e-12.
    step: i128,
    /// The same over all levels, for instruments that showed neither touch nor trade.
    any_step: i128,
}

fn greatest_common_divisor(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Column {
    /// Takes what the levels of another column showed.
    fn see_levels_of(&mut self, other: &Column) {
        self.printed = self.printed.max(other.printed);
        self.significant = self.significant.max(other.significant);
        self.largest = self.largest.max(other.largest);
        self.any_step = greatest_common_divisor(self.any_step, other.any_step);
    }

    /// Takes how fine a number is, and nothing else of it.
    fn see_decimals(&mut self, text: &[u8]) {
        if !text.iter().all(|b| b.is_ascii_digit() || *b == b'.') {
            return;
        }
        let (printed, significant) = printed_decimals(text);
        self.printed = self.printed.max(printed);
        self.significant = self.significant.max(significant);
    }

    fn see(&mut self, text: &[u8], tradeable: bool) {
        let Some(value) = working_value(text) else {
            return;
        };
        self.see_decimals(text);
        self.largest = self.largest.max(value);
        if value != 0 {
            self.any_step = greatest_common_divisor(self.any_step, value);
            if tradeable {
                self.step = greatest_common_divisor(self.step, value);
            }
        }
    }

    /// Printed decimals, with some to spare where zeros are left out; fewer where they would not leave headroom,
    /// never fewer than were significant.
    fn exponent(&self, prints_trailing_zeros: bool) -> u8 {
        let working = i128::from(power_of_ten(WORKING_DECIMALS));
        let mut exponent = self.printed;
        if !prints_trailing_zeros {
            let spare = self.significant.saturating_add(SPARE_DECIMALS);
            exponent = exponent.max(
                spare
                    .checked_next_multiple_of(DECIMALS_STEP)
                    .unwrap_or(spare),
            );
        }
        exponent = exponent.min(WORKING_DECIMALS);
        while exponent > self.significant {
            // What leaves 128 bits leaves 64 the more.
            let scale = i128::from(power_of_ten(exponent));
            let largest = self.largest.checked_mul(scale).map(|l| l / working);
            let with_headroom = largest.and_then(|largest| largest.checked_mul(HEADROOM));
            if with_headroom.is_some_and(|largest| largest <= i128::from(i64::MAX)) {
                break;
            }
            exponent -= 1;
        }
        exponent
    }

    /// Largest 1, 2 or 5 times a power of ten that divides every tradeable value, in quanta.
    fn step(&self, exponent: u8) -> i64 {
        let seen = if self.step != 0 {
            self.step
        } else {
            self.any_step
        };
        let unit = i128::from(power_of_ten(WORKING_DECIMALS - exponent));
        let quanta = seen / unit;
        let mut best = 1i64;
        let mut power = 1i64;
        while i128::from(power) <= quanta && power < power_of_ten(17) {
            for factor in [1, 2, 5] {
                let step = power * factor;
                if i128::from(step) <= quanta && quanta % i128::from(step) == 0 {
                    best = best.max(step);
                }
            }
            power *= 10;
        }
        best
    }
}

fn working_value(text: &[u8]) -> Option<i128> {
    let mut value: i128 = 0;
    let mut decimals = None;
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                if decimals.is_some_and(|d| d >= WORKING_DECIMALS) {
                    continue;
                }
                value = value
                    .checked_mul(10)?
                    .checked_add(i128::from(byte - b'0'))?;
                decimals = decimals.map(|d| d + 1);
            }
            b'.' if decimals.is_none() => decimals = Some(0),
            _ => return None,
        }
    }
    let missing = WORKING_DECIMALS - decimals.unwrap_or(0);
    value.checked_mul(i128::from(power_of_ten(missing)))
}

/// Price and size of every level as text; malformed ones are passed over.
fn for_each_level(event: &WireEvent<'_>, mut take: impl FnMut(&[u8], &[u8])) {
    match event.levels {
        WireLevels::Rows { bids, asks } => {
            for row in bids.iter().chain(asks) {
                take(row.price, row.size);
            }
        }
        WireLevels::Arrays { bids, asks } => {
            for (price, size) in level_texts(bids.0).chain(level_texts(asks.0)) {
                take(price, size);
            }
        }
    }
}

/// What one instrument showed in the calibration messages.
#[derive(Debug, Clone)]
pub struct Calibration {
    pub id: InstrumentId,
    pub messages: u64,
    prices: Column,
    sizes: Column,
    /// Receive time minus event time, ns.
    offsets: Vec<i64>,
}

impl Calibration {
    pub fn new(id: InstrumentId) -> Calibration {
        Calibration {
            id,
            messages: 0,
            prices: Column::default(),
            sizes: Column::default(),
            offsets: Vec::new(),
        }
    }

    /// Takes an event of the calibration messages: quanta, steps and clock.
    pub fn see(&mut self, event: &WireEvent<'_>, local_ns: i64) {
        self.messages += 1;
        if event.kind != MessageKind::Snapshot {
            if let Some(ns) = event.sent_ns.or(event.exchange_ns) {
                self.offsets.push(local_ns.saturating_sub(ns));
            }
        }
        self.see_numbers(event);
    }

    /// Takes the numbers alone: they must fit the quanta, whenever they come.
    pub fn see_numbers(&mut self, event: &WireEvent<'_>) {
        let tradeable = matches!(event.kind, MessageKind::Ticker | MessageKind::Trade);
        for_each_level(event, |price, size| {
            self.prices.see(price, tradeable);
            self.sizes.see(size, tradeable);
        });
    }

    /// Takes how fine the numbers are, where those of the first messages do not tell.
    pub fn see_fineness(&mut self, event: &WireEvent<'_>) {
        if !self.id.market.prints_trailing_zeros() {
            for_each_level(event, |price, size| {
                self.prices.see_decimals(price);
                self.sizes.see_decimals(size);
            });
        }
    }

    /// Takes the numbers that another calibration has seen in levels.
    pub fn see_numbers_of(&mut self, other: &Calibration) {
        self.prices.see_levels_of(&other.prices);
        self.sizes.see_levels_of(&other.sizes);
    }

    /// Median of receive time minus event time, ns; None when no message carried an event time.
    pub fn clock_offset_ns(&self) -> Option<i64> {
        let mut offsets = self.offsets.clone();
        if offsets.is_empty() {
            return None;
        }
        let middle = offsets.len() / 2;
        Some(*offsets.select_nth_unstable(middle).1)
    }

    /// The instrument as the data shows it, config having the last word.
    ///
    /// # Errors
    /// A sentence, when an override is finer than the quanta.
    pub fn instrument(&self, overrides: &Overrides) -> Result<Instrument, String> {
        let zeros = self.id.market.prints_trailing_zeros();
        let price_exponent = self.prices.exponent(zeros);
        let size_exponent = self.sizes.exponent(zeros);
        let step = |column: &Column, exponent: u8, given: Option<i64>, name: &str| match given {
            None => Ok(column.step(exponent)),
            Some(e8) => {
                let unit = power_of_ten(8 - exponent.min(8));
                let finer = power_of_ten(exponent.saturating_sub(8));
                let quanta = (e8 > 0 && e8 % unit == 0).then_some(e8 / unit);
                quanta
                    .and_then(|quanta| quanta.checked_mul(finer))
                    .ok_or_else(|| {
                        format!("{name} of {} does not fit its {exponent} decimals", self.id)
                    })
            }
        };
        Ok(Instrument {
            id: self.id.clone(),
            price_exponent,
            size_exponent,
            tick: step(&self.prices, price_exponent, overrides.tick_e8, "tick_size")?,
            lot: step(&self.sizes, size_exponent, overrides.lot_e8, "lot_size")?,
            min_notional: overrides.min_notional.unwrap_or(Money(500_000_000)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&str]) -> Column {
        let mut column = Column::default();
        for value in values {
            column.see(value.as_bytes(), true);
        }
        column
    }

    #[test]
    fn steps_are_round_and_divide_what_was_seen() {
        let prices = column(&["61800.20", "61800.30", "61799.90"]);
        assert_eq!((prices.exponent(true), prices.step(2)), (2, 10));
        let quarter = column(&["10.50", "11.25", "9.75"]);
        assert_eq!(quarter.step(2), 5);
        let contracts = column(&["100", "7"]);
        assert_eq!((contracts.exponent(true), contracts.step(0)), (0, 1));
    }

    #[test]
    fn large_sizes_give_up_zeros_not_digits() {
        let sizes = column(&["900000000000.00000000", "12.50000000"]);
        assert!(sizes.exponent(true) < 8 && sizes.exponent(true) >= 1);
    }

    #[test]
    fn numbers_at_the_end_of_128_bits_give_up_all_zeros() {
        let prices = column(&["340282366920938463463374607.000000000000"]);
        assert_eq!(prices.exponent(true), 0);
    }

    #[test]
    fn far_levels_do_not_refine_the_lot() {
        let mut sizes = column(&["1.20000", "0.40000"]);
        sizes.see(b"3.00001", false);
        assert_eq!(sizes.step(5), 20_000);
    }
}
