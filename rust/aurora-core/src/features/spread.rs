//! The quoted spread.

use super::Undefined;
use crate::book::Quote;
use crate::instrument::Instrument;

/// Ask − bid in price quanta; [`Undefined::NoTouch`] for a locked or crossed touch, which quotes no spread.
fn spread_quanta(touch: Quote) -> Result<i64, Undefined> {
    let spread = touch.ask.price.saturating_sub(touch.bid.price);
    if spread > 0 {
        Ok(spread)
    } else {
        Err(Undefined::NoTouch)
    }
}

/// Quoted spread, ask − bid, in the price's own unit.
pub fn quoted_spread(instrument: &Instrument, touch: Quote) -> Result<f64, Undefined> {
    Ok(instrument.price_to_f64(spread_quanta(touch)?))
}

/// Quoted spread in ticks; a whole number while prices lie on the tick grid.
pub fn quoted_spread_ticks(touch: Quote, tick: i64) -> Result<f64, Undefined> {
    if tick <= 0 {
        return Err(Undefined::Degenerate);
    }
    Ok(spread_quanta(touch)? as f64 / tick as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Level;
    use crate::instrument::{InstrumentId, Market};
    use crate::units::Money;

    #[test]
    fn spread_in_price_and_in_ticks() {
        let instrument = Instrument {
            id: InstrumentId {
                market: Market::BinanceUsdm,
                symbol: "TESTUSDT".into(),
            },
            price_exponent: 2,
            size_exponent: 0,
            tick: 10,
            lot: 1,
            min_notional: Money::ZERO,
        };
        let touch = |bid, ask| Quote {
            bid: Level {
                price: bid,
                size: 1,
            },
            ask: Level {
                price: ask,
                size: 1,
            },
        };
        assert_eq!(quoted_spread(&instrument, touch(9_990, 10_020)), Ok(0.3));
        assert_eq!(quoted_spread_ticks(touch(9_990, 10_020), 10), Ok(3.0));
        for crossed in [touch(100, 100), touch(101, 100)] {
            assert_eq!(quoted_spread(&instrument, crossed), Err(Undefined::NoTouch));
            assert_eq!(quoted_spread_ticks(crossed, 1), Err(Undefined::NoTouch));
        }
        assert_eq!(
            quoted_spread_ticks(touch(1, 2), 0),
            Err(Undefined::Degenerate)
        );
    }
}
