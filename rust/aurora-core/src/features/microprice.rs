//! The microprice of Stoikov (2018, Quantitative Finance 18(12)): the mid plus a fitted adjustment that depends on
//! imbalance and spread. The table is looked up here; [`super::MicropriceFit`] fits it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Undefined;
use crate::book::Quote;
use crate::instrument::Instrument;

/// Most states (imbalance buckets × spread buckets) of a table.
pub const MAX_MICROPRICE_STATES: usize = 100;

/// A grid or a table that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MicropriceTableError {
    #[error(
        "{imbalance_buckets} imbalance × {spread_buckets} spread buckets; imbalance needs an odd number from 3 on, \
         spread at least 1, and there may be {MAX_MICROPRICE_STATES} in all"
    )]
    Buckets {
        imbalance_buckets: usize,
        spread_buckets: usize,
    },
    #[error("the table has {got} adjustments; its buckets need {expected}")]
    Length { expected: usize, got: usize },
    #[error("adjustment {index} is {value}; it must be finite")]
    NotFinite { index: usize, value: f64 },
}

/// How a touch becomes a state.
///
/// The imbalance bid size / (bid size + ask size) falls into equal-width buckets of [0, 1], an odd number of them so
/// that equal sizes are the middle of one. A value on the edge of two buckets belongs to the one nearer 1/2. So a
/// touch and its mirror image always fall into mirrored buckets. The spread in ticks is its own bucket, the last one taking all wider spreads. A state is
/// `spread bucket × imbalance buckets + imbalance bucket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MicropriceBuckets {
    imbalance: usize,
    spread: usize,
}

impl MicropriceBuckets {
    /// # Errors
    /// [`MicropriceTableError::Buckets`] for an even number of imbalance buckets or fewer than 3, no spread bucket,
    /// or more than [`MAX_MICROPRICE_STATES`] states.
    pub fn new(imbalance: usize, spread: usize) -> Result<Self, MicropriceTableError> {
        let states = imbalance.saturating_mul(spread);
        if imbalance < 3
            || imbalance.is_multiple_of(2)
            || spread < 1
            || states > MAX_MICROPRICE_STATES
        {
            return Err(MicropriceTableError::Buckets {
                imbalance_buckets: imbalance,
                spread_buckets: spread,
            });
        }
        Ok(MicropriceBuckets { imbalance, spread })
    }

    pub fn imbalance_buckets(self) -> usize {
        self.imbalance
    }

    pub fn spread_buckets(self) -> usize {
        self.spread
    }

    pub fn states(self) -> usize {
        self.imbalance * self.spread
    }

    /// State of a touch; None when both sizes are zero.
    pub fn state(self, bid_size: i64, ask_size: i64, spread_ticks: i64) -> Option<usize> {
        let bid = i128::from(bid_size);
        let total = bid + i128::from(ask_size);
        if total <= 0 {
            return None;
        }
        let scaled = bid * self.imbalance as i128;
        let on_edge = scaled % total == 0;
        let bucket = scaled / total - i128::from(on_edge && 2 * bid > total);
        let bucket = usize::try_from(bucket).ok()?.min(self.imbalance - 1);
        let spread = spread_ticks.clamp(1, self.spread as i64) as usize - 1;
        Some(spread * self.imbalance + bucket)
    }

    /// The state seen with bid and ask exchanged.
    pub fn mirror(self, state: usize) -> usize {
        let (spread, bucket) = (state / self.imbalance, state % self.imbalance);
        spread * self.imbalance + self.imbalance - 1 - bucket
    }
}

/// Fitted adjustments g* in ticks, one for each state; None where too little was seen to fit one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MicropriceTable {
    buckets: MicropriceBuckets,
    adjustments: Vec<Option<f64>>,
}

impl MicropriceTable {
    /// A table of `adjustments` in ticks in order of states.
    ///
    /// # Errors
    /// [`MicropriceTableError`] when their number is not that of the states, or one is not finite.
    pub fn new(
        buckets: MicropriceBuckets,
        adjustments: Vec<Option<f64>>,
    ) -> Result<Self, MicropriceTableError> {
        if adjustments.len() != buckets.states() {
            return Err(MicropriceTableError::Length {
                expected: buckets.states(),
                got: adjustments.len(),
            });
        }
        for (index, value) in adjustments.iter().enumerate() {
            if let Some(value) = value.filter(|value| !value.is_finite()) {
                return Err(MicropriceTableError::NotFinite { index, value });
            }
        }
        Ok(MicropriceTable {
            buckets,
            adjustments,
        })
    }

    /// What a fit found: lengths and values are right by construction.
    pub(super) fn from_fit(buckets: MicropriceBuckets, adjustments: Vec<Option<f64>>) -> Self {
        MicropriceTable {
            buckets,
            adjustments,
        }
    }

    pub fn buckets(&self) -> MicropriceBuckets {
        self.buckets
    }

    /// Adjustments in ticks, in order of states.
    pub fn adjustments(&self) -> &[Option<f64>] {
        &self.adjustments
    }

    /// Adjustment to the mid in ticks: [`Undefined::NotFitted`] in a state that was hardly seen.
    pub fn adjustment(
        &self,
        bid_size: i64,
        ask_size: i64,
        spread_ticks: i64,
    ) -> Result<f64, Undefined> {
        let state = self
            .buckets
            .state(bid_size, ask_size, spread_ticks)
            .ok_or(Undefined::Degenerate)?;
        self.adjustments
            .get(state)
            .copied()
            .flatten()
            .ok_or(Undefined::NotFitted)
    }

    /// Microprice m + g*(imbalance, spread) in the price's own unit.
    pub fn microprice(&self, instrument: &Instrument, touch: Quote) -> Result<f64, Undefined> {
        let (bid, ask) = (touch.bid, touch.ask);
        if bid.price >= ask.price {
            return Err(Undefined::NoTouch);
        }
        let tick = instrument.tick.max(1);
        let spread_ticks = ask.price.saturating_sub(bid.price) / tick;
        let adjustment = self.adjustment(bid.size, ask.size, spread_ticks)?;
        let mid = (instrument.price_to_f64(bid.price) + instrument.price_to_f64(ask.price)) / 2.0;
        Ok(mid + adjustment * instrument.price_to_f64(tick))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::event::Level;
    use crate::instrument::{InstrumentId, Market};
    use crate::units::Money;
    use proptest::prelude::*;

    #[test]
    fn states_of_touches() {
        let buckets = MicropriceBuckets::new(5, 2).unwrap();
        let state = |bid, ask, spread| buckets.state(bid, ask, spread).unwrap();
        assert_eq!([state(0, 5, 1), state(1, 5, 1), state(1, 4, 1)], [0, 0, 1]);
        assert_eq!([state(2, 3, 1), state(4, 4, 1), state(3, 2, 1)], [2, 2, 2]);
        assert_eq!([state(4, 1, 1), state(5, 1, 1), state(5, 0, 1)], [3, 4, 4]);
        assert_eq!([state(1, 5, 2), state(1, 5, 9), state(1, 5, 0)], [5, 5, 0]);
        assert_eq!(buckets.state(0, 0, 1), None);
        assert_eq!([buckets.mirror(0), buckets.mirror(6)], [4, 8]);
        for (imbalance, spread) in [(1, 1), (4, 1), (3, 0), (11, 10), (usize::MAX, 2)] {
            assert!(MicropriceBuckets::new(imbalance, spread).is_err());
        }
    }

    #[test]
    fn the_table_is_looked_up() {
        let buckets = MicropriceBuckets::new(3, 2).unwrap();
        let adjustments = vec![Some(-0.4), Some(0.0), Some(0.4), None, Some(0.0), Some(0.7)];
        let table = MicropriceTable::new(buckets, adjustments.clone()).unwrap();
        assert_eq!(table.adjustment(1, 9, 1), Ok(-0.4));
        assert_eq!(table.adjustment(5, 5, 1), Ok(0.0));
        assert_eq!(table.adjustment(9, 1, 5), Ok(0.7));
        assert_eq!(table.adjustment(1, 9, 2), Err(Undefined::NotFitted));
        assert_eq!(table.adjustment(0, 0, 1), Err(Undefined::Degenerate));

        let instrument = Instrument {
            id: InstrumentId {
                market: Market::BinanceUsdm,
                symbol: "TESTUSDT".into(),
            },
            price_exponent: 1,
            size_exponent: 0,
            tick: 5,
            lot: 1,
            min_notional: Money::ZERO,
        };
        let level = |price, size| Level { price, size };
        let touch = Quote {
            bid: level(1_000, 9),
            ask: level(1_005, 1),
        };
        // Mid 100.25, four tenths of a tick of 0.5.
        assert!((table.microprice(&instrument, touch).unwrap() - 100.45).abs() < 1e-12);
        let locked = Quote {
            bid: level(1_000, 9),
            ask: level(1_000, 1),
        };
        assert_eq!(
            table.microprice(&instrument, locked),
            Err(Undefined::NoTouch)
        );

        let bytes = postcard::to_allocvec(&table).unwrap();
        assert_eq!(
            postcard::from_bytes::<MicropriceTable>(&bytes).unwrap(),
            table
        );
        assert!(MicropriceTable::new(buckets, vec![None; 5]).is_err());
        assert!(MicropriceTable::new(buckets, vec![Some(f64::INFINITY); 6]).is_err());
    }

    proptest! {
        #[test]
        fn mirrored_touches_have_mirrored_states(
            half in 1usize..10, bid in 0i64..40, ask in 0i64..40, spread in 1i64..7,
        ) {
            prop_assume!(bid + ask > 0);
            let imbalance = 2 * half + 1;
            let buckets = MicropriceBuckets::new(imbalance, 4).unwrap();
            let state = buckets.state(bid, ask, spread).unwrap();
            prop_assert_eq!(buckets.mirror(state), buckets.state(ask, bid, spread).unwrap());
            prop_assert_eq!(buckets.mirror(buckets.mirror(state)), state);
            let share = bid as f64 / (bid + ask) as f64;
            let bucket = (state % imbalance) as f64;
            prop_assert!(share >= bucket / imbalance as f64 - 1e-12);
            prop_assert!(share <= (bucket + 1.0) / imbalance as f64 + 1e-12);
        }
    }
}
