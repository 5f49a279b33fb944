//! Our place in the queue of a price level.
//!
//! `front` is the displayed size ahead of us. Trades at our price eat it, and what they have left fills us. What a
//! level loses otherwise was cancelled, ahead of us or behind: that is where the models differ.
//!
//! - **Risk-averse**: all of it behind us, so the level only caps the front.
//! - **Probability models** (Rigtorp 2013; the forms of hftbacktest): of a shrink of `c` beyond what traded, the
//!   share `p` was behind us, `p` a function of front and back. `front' = min(front − (1 − p)·c + min(back − p·c, 0),
//!   level)`: what `p·c` takes beyond the back came from the front after all. Both ends are clamped at zero.
//!
//! A depth update may arrive before the print of the trade that caused it. The risk-averse cap then already contains
//! that trade; such a print (not later than the update that capped) first uses up what the cap took away, instead of
//! moving us forward twice. [`QueueModel::RiskAverseLiteral`] leaves that out, as hftbacktest does; so do the
//! probability models, to which only prints before the update are known.

use serde::{Deserialize, Serialize};

/// Where cancelled size was standing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum QueueModel {
    RiskAverse,
    /// Risk-averse, counting late prints twice.
    RiskAverseLiteral,
    /// Behind with probability `b^n ÷ (b^n + f^n)`.
    Power(f64),
    /// `b^n ÷ (b + f)^n`.
    PowerOfTotal(f64),
    /// `1 − (f ÷ (b + f))^n`.
    PowerOfFront(f64),
    /// `ln(1 + b) ÷ (ln(1 + b) + ln(1 + f))`.
    Log,
    /// `ln(1 + b) ÷ ln(1 + b + f)`.
    LogOfTotal,
}

impl QueueModel {
    /// Probability that a cancel was behind us, for `front` and `back` in base units (a power of them does not depend
    /// on the unit, a logarithm does). With nobody on either side there is nothing to share: one.
    pub fn behind(self, front: f64, back: f64) -> f64 {
        let (front, back) = (front.max(0.0), back.max(0.0));
        if front + back <= 0.0 {
            return 1.0;
        }
        match self {
            QueueModel::RiskAverse | QueueModel::RiskAverseLiteral => 1.0,
            QueueModel::Power(n) => {
                let (f, b) = (libm::pow(front, n), libm::pow(back, n));
                b / (b + f)
            }
            QueueModel::PowerOfTotal(n) => libm::pow(back, n) / libm::pow(front + back, n),
            QueueModel::PowerOfFront(n) => 1.0 - libm::pow(front / (front + back), n),
            QueueModel::Log => {
                let (f, b) = (libm::log(1.0 + front), libm::log(1.0 + back));
                b / (b + f)
            }
            QueueModel::LogOfTotal => libm::log(1.0 + back) / libm::log(1.0 + front + back),
        }
    }
}

/// One order's place. Sizes in quanta; the estimate of a probability model has fractions of one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum QueuePosition {
    Certain {
        front: i64,
        /// What caps have taken off the front, and the exchange time of the last of them.
        capped: i64,
        capped_ns: i64,
        literal: bool,
    },
    Estimated {
        front: f64,
        /// What the level showed last, and what has traded at it since.
        level: i64,
        traded: i64,
        /// Quanta of one base unit.
        unit: f64,
    },
}

impl QueuePosition {
    /// Behind everything displayed; `unit` is how many quanta one base unit has.
    pub fn join(model: QueueModel, displayed: i64, unit: i64) -> QueuePosition {
        let displayed = displayed.max(0);
        match model {
            QueueModel::RiskAverse | QueueModel::RiskAverseLiteral => QueuePosition::Certain {
                front: displayed,
                capped: 0,
                capped_ns: i64::MIN,
                literal: model == QueueModel::RiskAverseLiteral,
            },
            _ => QueuePosition::Estimated {
                front: displayed as f64,
                level: displayed,
                traded: 0,
                unit: unit.max(1) as f64,
            },
        }
    }

    /// The level shows `displayed` now.
    #[inline]
    pub fn shows(&mut self, model: QueueModel, displayed: i64, exchange_ns: i64) {
        match self {
            QueuePosition::Certain {
                front,
                capped,
                capped_ns,
                ..
            } => {
                if displayed < *front {
                    *capped += *front - displayed;
                    *front = displayed;
                    *capped_ns = (*capped_ns).max(exchange_ns);
                }
            }
            QueuePosition::Estimated {
                front,
                level,
                traded,
                unit,
            } => {
                if displayed == *level {
                    return;
                }
                let cancelled = (*level - displayed - *traded) as f64;
                let back = (*level as f64 - *front).max(0.0);
                if cancelled > 0.0 {
                    let behind = model.behind(*front / *unit, back / *unit);
                    let beyond_back = (back - behind * cancelled).min(0.0);
                    *front += beyond_back - (1.0 - behind) * cancelled;
                }
                *front = front.min(displayed as f64).max(0.0);
                *level = displayed;
                *traded = 0;
            }
        }
    }

    /// A trade of `size` at our price; returns what of it reaches us.
    pub fn trade(&mut self, size: i64, exchange_ns: i64) -> i64 {
        match self {
            QueuePosition::Certain {
                front,
                capped,
                capped_ns,
                literal,
            } => {
                let mut left = size;
                if !*literal && exchange_ns <= *capped_ns {
                    let known = left.min(*capped);
                    *capped -= known;
                    left -= known;
                } else {
                    *capped = 0;
                }
                let ahead = left.min(*front);
                *front -= ahead;
                left - ahead
            }
            QueuePosition::Estimated { front, traded, .. } => {
                *traded += size;
                let reached = (size as f64 - *front).max(0.0);
                *front = (*front - size as f64).max(0.0);
                reached as i64
            }
        }
    }

    /// The market traded through our price: nobody stands ahead any more.
    pub fn clear(&mut self) {
        match self {
            QueuePosition::Certain { front, capped, .. } => (*front, *capped) = (0, 0),
            QueuePosition::Estimated { front, .. } => *front = 0.0,
        }
    }

    /// Displayed size ahead of us, whole quanta.
    pub fn front(&self) -> i64 {
        match self {
            QueuePosition::Certain { front, .. } => *front,
            QueuePosition::Estimated { front, .. } => *front as i64,
        }
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
