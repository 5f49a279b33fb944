//! How fast displayed size is cancelled.

use serde::{Deserialize, Serialize};

use super::{FadingRate, LevelFlow, Undefined};

/// Exponentially fading rate of cancelled size: decreases of levels that trades at their price do not explain
/// (see [`super::TradeAttribution`]), both sides together.
///
/// Every flow given counts; the caller gives those of the levels it means, such as the best K before the message
/// ([`super::TopLevels::reaches`]). Snapshots replace the book and are no updates of levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CancelRate {
    cancelled: FadingRate,
}

impl CancelRate {
    pub fn new(half_life_ns: i64) -> Self {
        CancelRate {
            cancelled: FadingRate::new(half_life_ns),
        }
    }

    /// The book can be seen from now on; no effect when it already could.
    pub fn start(&mut self, now_ns: i64) {
        self.cancelled.start(now_ns);
    }

    /// The book is gone: forgets everything until the next start.
    pub fn interrupt(&mut self) {
        self.cancelled.interrupt();
    }

    pub fn update(&mut self, now_ns: i64, flow: &LevelFlow) {
        if flow.cancelled > 0 {
            self.cancelled.add(now_ns, flow.cancelled as f64);
        }
    }

    /// Size quanta cancelled per second; [`Undefined::WarmingUp`] until one half-life was watched.
    pub fn rate(&self, now_ns: i64) -> Result<f64, Undefined> {
        self.cancelled.rate(now_ns)
    }

    /// Share of the `displayed` size (of the same levels, in size quanta) that is cancelled per second.
    pub fn share(&self, now_ns: i64, displayed: i64) -> Result<f64, Undefined> {
        let rate = self.rate(now_ns)?;
        if displayed > 0 {
            Ok(rate / displayed as f64)
        } else {
            Err(Undefined::Degenerate)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::features::{LevelChange, TradeAttribution};
    use crate::instrument::Side;

    #[test]
    fn the_reference_cancel_is_fifteen() {
        let mut attribution = TradeAttribution::new(1_000_000_000);
        let mut kernel = CancelRate::new(1_000_000_000);
        kernel.start(0);
        attribution.trade(1, Side::Buy, 100, 5);
        let flow = attribution.split(
            2,
            LevelChange {
                side: Side::Buy,
                price: 100,
                before: 100,
                after: 80,
            },
        );
        assert_eq!((flow.added, flow.taken, flow.cancelled), (0, 5, 15));
        kernel.update(1_000_000_000, &flow);
        // One half-life watched: half of what it can weigh, h / (2 ln 2) seconds.
        let expected = 15.0 * 2.0 * 2f64.ln();
        assert!((kernel.rate(1_000_000_000).unwrap() - expected).abs() < 1e-9);
        assert!((kernel.share(1_000_000_000, 60).unwrap() - expected / 60.0).abs() < 1e-12);
        assert_eq!(kernel.share(1_000_000_000, 0), Err(Undefined::Degenerate));
        let bytes = postcard::to_allocvec(&kernel).unwrap();
        assert_eq!(postcard::from_bytes::<CancelRate>(&bytes).unwrap(), kernel);
        kernel.interrupt();
        assert_eq!(kernel.rate(1_000_000_000), Err(Undefined::NoTouch));
    }
}
